//! A volume whose key is at hand.

use std::path::Path;

use crate::volume::luks::VolumeKey;

/// Which one, and its key. Whether it is the machine's has to be proved.
pub(crate) struct Candidate<'a> {
    pub(crate) device: &'a Path,
    pub(crate) uuid: &'a str,
    pub(crate) key: &'a VolumeKey,
}
