//! The partition table: what is read, what is decided, and that a cut at any instant leaves the old or the new one.

mod disk;
mod fit;
mod read;
mod replay;
mod target;
mod tools;
