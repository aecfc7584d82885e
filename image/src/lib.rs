//! The host tool `pattern` as a library: checks configurations, builds images with mkosi, boots them.
//!
//! [`vm`] and its neighbours also drive the machines of the tests in `vm-tests/`.

pub mod args;
pub mod build;
pub mod check;
pub mod console;
pub mod growth;
pub mod machine;
pub mod programs;
pub mod qemu;
pub mod run;
pub mod temporary;
pub mod tpm;
pub mod vm;
