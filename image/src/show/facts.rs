//! What is known of an image. The names of the fields are those of the JSON that `--json` prints.

use serde::Serialize;

use super::kernel::Kernel;
use super::packages::Packages;
use super::signature::Signed;
use super::system::System;

/// Everything. `None` stands for what could not be read; `unread` says why.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Facts {
    /// The path.
    pub(super) file: String,
    /// Bytes of the image.
    pub(super) bytes: u64,
    /// In the order of the disk.
    pub(super) partitions: Vec<Partition>,
    pub(super) kernel: Option<Kernel>,
    pub(super) boot_loader: Option<Signed>,
    pub(super) system: Option<System>,
    /// Who may sign updates: fingerprints of OpenPGP keys.
    pub(super) update_keys: Option<Vec<String>>,
    pub(super) packages: Option<Packages>,
    pub(super) unread: Vec<String>,
}

/// A partition of the image.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Partition {
    pub(super) label: String,
    pub(super) bytes: u64,
    /// Where it starts, in bytes.
    pub(super) start: u64,
}

impl Facts {
    /// Returns the value, or notes why there is none.
    pub(super) fn keep<T>(&mut self, read: anyhow::Result<T>) -> Option<T> {
        read.map_err(|error| self.unread.push(format!("{error:#}"))).ok()
    }

    /// Returns the partition of this kind, such as `usr` in `usr-0.0.1`.
    pub(super) fn partition(&self, kind: &str) -> Option<&Partition> {
        let is = |label: &str| {
            label.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.partitions.iter().find(|one| is(&one.label))
    }
}
