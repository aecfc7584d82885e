//! Decides what the volume's key is sealed to, and how a sealed key is replaced.

pub mod announcement;
pub mod bank;
pub mod binding;
pub mod revocation;
