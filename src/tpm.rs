//! What else the TPM does for the volume: it counts wrong PINs, gives the key only once per boot,
//! and records measurements.

pub mod latch;
pub mod lockout;
pub mod measure;
