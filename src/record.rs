//! What the TPM records of a volume: that this machine made it, how often it was opened, and in which NV index each number lies.

pub mod generation;
pub mod identity;
pub mod nv;
