//! The host tool `pattern` as a library: checks configurations, builds images with mkosi, signs releases,
//! boots images.
//!
//! [`vm`] and its neighbours also drive the machines of the tests in `vm-tests/`.

pub mod args;
pub mod build;
pub mod check;
pub mod console;
pub mod credential;
mod durable;
mod gpg;
pub mod growth;
pub mod keyring;
pub mod machine;
pub mod programs;
pub mod qemu;
pub mod recovery;
pub mod release;
pub mod run;
mod source;
mod step;
pub mod temporary;
pub mod tpm;
pub mod vm;
