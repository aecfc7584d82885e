//! The host tool `pattern` as a library: checks configurations, builds images with mkosi, signs
//! releases, and boots images.
//!
//! [`machine`] also drives the machines of the tests in `vm-tests/`.

pub mod args;
pub mod build;
pub mod check;
pub mod decrypt;
pub mod host;
pub mod init;
pub mod keyring;
pub mod machine;
pub mod release;
pub mod run;
pub mod show;
