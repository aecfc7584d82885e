//! What else the TPM does for the volume: it counts wrong PINs, gives the key once a boot, and records what was measured.

pub mod latch;
pub mod lockout;
pub mod measure;
