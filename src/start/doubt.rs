//! Why a register of a later start can't be predicted.

use std::fmt;

use super::Unknown;
use crate::firmware::{LogError, Unpredictable};

/// Why a register can't be predicted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// The kernel does not show the register.
    NoValue(u8),
    /// The log is not of this boot, or somebody measured more.
    Log(LogError),
    /// The firmware did not start a file of the EFI system partition, or what it starts is not systemd-boot.
    Loader(Option<String>),
    /// An event of this boot is of a kind that is not known.
    Event(u8, u32),
    /// The files that lie there, and were not changed, would have been measured otherwise in this boot.
    NotReproduced(u8, String),
    /// This variable of the firmware's boot manager is measured, and has another content than in this boot.
    BootManager(String),
    /// What a later start measures is not known.
    Unknown(Unknown),
    /// What it measures of Secure Boot is not known.
    Keys(Unpredictable),
    /// This register is not predicted.
    NotPredicted(u8),
}

impl From<LogError> for Doubt {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<Unknown> for Doubt {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(pcr) => write!(f, "the kernel does not show PCR {pcr}"),
            Self::Log(error) => error.fmt(f),
            Self::Loader(None) => f.write_str(
                "the firmware started this boot from elsewhere than the EFI system partition, so what it starts next is not known here",
            ),
            Self::Loader(Some(path)) => {
                write!(f, "{path} is not systemd-boot, and what another boot loader measures and starts is not known here")
            }
            Self::Event(pcr, kind) => {
                write!(
                    f,
                    "the firmware's event log has an event of type {kind:#x} for PCR {pcr}, which is not known here"
                )
            }
            Self::NotReproduced(pcr, what) => {
                write!(
                    f,
                    "PCR {pcr} of this boot was not made with {what} as it lies there, although nobody changed it since"
                )
            }
            Self::BootManager(name) => {
                write!(
                    f,
                    "the firmware measures {name} into PCR 1, which is not as it was measured in this boot"
                )
            }
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::NotPredicted(pcr) => write!(f, "PCR {pcr} is not predicted"),
        }
    }
}

impl std::error::Error for Doubt {}
