//! `pattern serve`, as machines and strangers meet it on a TCP connection.

mod files;
mod heads;
mod ranges;
mod rig;
mod run;
