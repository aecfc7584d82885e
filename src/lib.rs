//! The pure part of pattern: text and numbers in, decisions out.
//!
//! Nothing here does I/O, links C or needs root. The programs in `generators/`, `initrd/` and `image/`
//! gather facts, ask this library, and carry its answers out.

pub mod age;
pub mod binding;
pub mod cmdline;
pub mod config;
pub mod credential;
pub mod entry;
pub mod epoch;
pub mod firmware;
pub mod flags;
pub mod generation;
pub mod identity;
pub mod latch;
pub mod lockout;
pub mod measure;
pub mod nv;
pub mod plain;
pub mod plan;
pub mod recovery;
pub mod release;
pub mod reset;
pub mod revocation;
pub mod secure_boot;
pub mod size;
pub mod smbios;
pub mod table;
pub mod token;
pub mod uki;
pub mod unit;
pub mod unlock;
pub mod update;
pub mod usr;
pub mod version;
pub mod volume;
