//! The pure part of pattern: text and numbers in, decisions out.
//!
//! Nothing here does I/O, links C or needs root. The programs in `generators/`, `initrd/` and
//! `image/` collect facts, ask this library, and carry out its answers.

pub mod age;
pub mod ago;
pub mod boot;
pub mod command;
pub mod config;
pub mod delta;
pub mod etc;
pub mod firmware;
pub mod hex;
pub mod login;
pub mod plain;
pub mod plan;
pub mod program;
pub mod record;
pub mod rollback;
pub mod sealing;
mod spelling;
pub mod start;
pub mod status;
pub mod table;
pub mod token;
pub mod tpm;
pub mod uki;
pub mod update;
pub mod volume;
