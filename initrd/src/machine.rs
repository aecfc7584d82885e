//! Reads and changes the machine: its disk, TPM, firmware and registers.

pub(crate) mod boot;
pub(crate) mod boot_mark;
pub(crate) mod damage;
pub(crate) mod disk;
pub(crate) mod efi_variable;
pub(crate) mod esp;
pub(crate) mod factory;
pub(crate) mod firmware;
pub(crate) mod ioctl;
pub(crate) mod measure;
pub(crate) mod random;
pub(crate) mod reboot;
pub(crate) mod registers;
pub(crate) mod scan;
pub(crate) mod tpm;
pub(crate) mod trial;
pub(crate) mod uki;
