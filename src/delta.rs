//! Updates that fetch only what changed. The hash tree of a version knows each block of its `/usr`, so every block can be proven,
//! wherever it comes from. docs/delta.md has the formats, and who proves what.

#![cfg_attr(test, allow(clippy::single_range_in_vec_init, reason = "lists of one range are meant"))]

pub mod frame;
pub mod index;
pub mod kernel;
pub mod offer;
pub mod order;
pub mod patch;
pub mod piece;
pub mod plan;
pub mod same;
pub mod similar;
pub mod tree;
pub mod unfinished;

mod bytes;

/// Bytes of a block of `/usr` and of its hash tree.
pub const BLOCK: usize = 4096;
/// [`BLOCK`], where bytes of files are counted.
pub const BLOCK_BYTES: u64 = BLOCK as u64;
/// How many blocks `/usr` may have: 1 TiB. Numbers of blocks thus fit 32 bits.
pub const BLOCKS_MAX: u64 = 1 << 28;

/// A SHA-256.
pub type Hash = [u8; 32];
