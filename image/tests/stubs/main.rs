//! `pattern run` and `pattern build`: nothing is lost, nobody is overwritten, nothing is left behind.
//!
//! QEMU, swtpm and mkosi are small scripts here, because the real ones need minutes. So these tests show what `pattern` does
//! around them, and nothing of what they do themselves.

mod build;
mod credential;
mod host;
mod image;
mod kept;
mod log;
mod result;
mod stop;
mod tree;
