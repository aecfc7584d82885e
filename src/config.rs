//! Parses `pattern.toml`, the one file that the image builder, the generator and the initrd's
//! programs read.
//!
//! [`parse`] returns a [`Config`] in which every value is valid, or all [`Problem`]s at once.

mod check;
mod choice;
mod document;
pub mod epoch;
mod keys;
mod model;
pub mod prerelease;
mod problem;
mod read;
#[cfg(test)]
pub(crate) mod samples;
mod settings;
pub mod size;
mod suggest;
mod url;
pub mod version;

pub use choice::{Corruption, Enroll, Filesystem, FlagName, SecureBoot};
pub use keys::{Absent, KEYS, Key, Kind};
pub use model::{
    Boot, Config, DiskChoice, Image, Partitions, Persist, Sizes, Updates, Userspace, Verity, Volume,
};
pub use problem::Problem;
pub use settings::settings;

/// Longest text accepted, in bytes.
pub const TEXT_MAX: usize = 64 << 10;

/// Parses the text of a `pattern.toml`. `file` is only for the messages.
///
/// # Errors
/// All mistakes, in the order of the file. If the text is not TOML, or is longer than [`TEXT_MAX`],
/// only that is reported.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<Problem>> {
    if text.len() > TEXT_MAX {
        let message = format!("must have at most {TEXT_MAX} bytes, and has {}", text.len());
        return Err(vec![Problem { file: file.to_owned(), line: 1, key: String::new(), message }]);
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
