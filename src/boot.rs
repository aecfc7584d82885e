//! Parses the kernel command line: words, flags, and the root hash of `/usr`.

pub mod cmdline;
pub mod flags;
pub mod superblock;
pub mod usr;
