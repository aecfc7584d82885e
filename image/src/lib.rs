//! The host tool `pattern` as a library: checks configurations, builds images with mkosi, signs
//! releases, and boots images.
//!
//! Results go to standard output by [`host::results`], and everything else to standard error by
//! [`host::screen`]: both go on when nobody reads them, and `println!` would abort.
//!
//! [`machine`] also drives the machines of the tests in `vm-tests/`.

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod add_on;
pub mod args;
pub mod build;
pub mod burn;
pub mod check;
pub mod decrypt;
mod efi;
mod esp;
pub mod host;
pub mod init;
pub mod keyring;
pub mod machine;
mod place;
pub mod release;
pub mod run;
mod secret;
pub mod serve;
pub mod show;
pub mod sign;
