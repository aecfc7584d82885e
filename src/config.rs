//! Parses `pattern.toml`, the one file that the image builder, the generator and the initrd's
//! programs read.
//!
//! [`parse`] returns a [`Config`] in which every value is valid, or all errors at once, each a [`Finding`].

pub mod add_on;
mod check;
mod choice;
mod document;
pub mod epoch;
mod finding;
mod keys;
pub mod limit;
mod model;
mod notes;
pub mod prerelease;
mod read;
#[cfg(test)]
pub(crate) mod samples;
mod settings;
pub mod size;
mod suggest;
mod url;
pub mod version;

pub use choice::{Corruption, Enroll, Filesystem, FlagName, SecureBoot, TpmNeed};
pub use document::line_of;
pub use finding::{Finding, Severity};
pub use keys::{Absent, KEYS, Key, Kind};
pub use model::{
    Boot, Config, DiskChoice, Image, Partitions, Persist, Sizes, Updates, Userspace, Verity, Volume,
};
pub use notes::notes;
pub use settings::settings;

/// Longest text accepted, in bytes.
pub const TEXT_MAX: usize = 64 << 10;

/// Parses the text of a `pattern.toml`. `file` is only for the messages.
///
/// # Errors
/// All mistakes, in the order of the file. If the text is not TOML, or is longer than [`TEXT_MAX`],
/// only that is reported.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<Finding>> {
    if text.len() > TEXT_MAX {
        return Err(vec![too_long(file, text.len() as u64)]);
    }
    read::config(document::Document::parse(file, text)?)
}

/// Validates the value of `image.id`.
///
/// # Errors
/// What would be right.
pub fn id(text: &str) -> Result<String, String> {
    check::id(text)
}

/// Returns the error for a file of more than [`TEXT_MAX`] bytes.
#[must_use]
pub fn too_long(file: &str, bytes: u64) -> Finding {
    Finding::error(file, 1, "", format!("must have at most {TEXT_MAX} bytes, and has {bytes}"))
}
