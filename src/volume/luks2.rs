//! Vets the LUKS2 header: its two copies, what is safe in it, and what it says (LUKS2 On-Disk
//! Format Specification).

mod allowed;
mod copies;
#[cfg(test)]
pub(crate) mod fixture;
mod flaw;
mod header;
mod keyslot;
pub mod metadata;
mod node;
mod vet;

pub(super) use copies::has_second_magic;
pub use copies::{MOST_HEADER_BYTES, has_first_copy, header_bytes};
pub use flaw::{Fault, Flaw};
pub use header::Header;
