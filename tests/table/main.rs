//! The partition table: what is read, what is decided, and that a cut at any instant leaves the old or the new one.

mod beside;
mod disk;
mod fit;
mod kernel;
mod read;
mod replay;
mod shapes;
mod target;
mod tools;
