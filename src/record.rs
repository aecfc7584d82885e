//! What the TPM records of a volume: that this machine made it, how often it was opened, and the NV
//! indices of both.

pub mod generation;
pub mod identity;
pub mod nv;
