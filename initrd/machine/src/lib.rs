//! Reads and changes the machine (disk, firmware, registers), and asks people. Needs no C library,
//! so a bare `cargo test` runs its tests. All unsafe code of pattern is in [`ioctl`].

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they end the program where nobody reads: see `output`"
)]

pub mod boot;
pub mod boot_loader;
pub mod damage;
pub mod disk;
pub mod drivers;
pub mod efi_variable;
pub mod esp;
pub mod factory;
pub mod failure;
pub mod firmware;
pub mod initrd;
pub mod ioctl;
pub mod logging;
pub mod mounts;
pub mod output;
pub mod people;
pub mod random;
pub mod reboot;
pub mod registers;
pub mod replace;
pub mod scan;
pub mod start;
pub mod tpm_device;
pub mod tree;
pub mod trial;
pub mod uki;
pub mod unit;
