//! A volume whose key is known.

use std::path::Path;

use crate::volume::luks::VolumeKey;

/// A volume and its key. Whether this machine made it still has to be proved.
pub(crate) struct Candidate<'a> {
    pub(crate) device: &'a Path,
    pub(crate) uuid: &'a str,
    pub(crate) key: &'a VolumeKey,
}
