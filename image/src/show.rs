//! `pattern show`: says what an image is made of, who signed it and who can log in.

mod change;
mod disk;
mod facts;
mod gather;
mod kernel;
mod login;
mod packages;
mod signature;
mod system;
mod text;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueHint};
use serde_json::{Value, json};

use crate::host::results;
use crate::host::screen::Screen;
use crate::host::signals;
use crate::host::tree::{CACHE, Tools};
use crate::release::image;
use change::Change;
use facts::Facts;
use gather::gather;

/// Options of `show`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Show {
    /// The image; or the folder of a version or a release, for the newest image in it
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath)]
    pub image: PathBuf,
    /// An older version: say what is new since then
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub old: Option<PathBuf>,
    /// The tools tree with what reads images, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    facts: Facts,
    change: Option<Change>,
}

impl Shown {
    /// Returns the facts for people.
    #[must_use]
    pub fn text(&self) -> String {
        text::facts(&self.facts) + &self.change.as_ref().map(text::change).unwrap_or_default()
    }

    /// Returns the facts for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "image": self.facts, "since": self.change })
    }
}

/// Prints the facts.
///
/// # Errors
/// When a file is not an image. What else can't be read is said among the facts.
pub fn show(options: &Show, screen: Screen) -> Result<()> {
    signals::catch()?;
    let shown = read(options, screen)?;
    if options.json { results::json(&shown.json()) } else { results::text(&shown.text()) }
}

/// Collects the facts.
///
/// # Errors
/// As [`show`].
pub fn read(options: &Show, screen: Screen) -> Result<Shown> {
    let gather = |image: &Path| gather(&image::find(image)?, &options.tools, screen);
    let facts = gather(&options.image)?;
    let old = options.old.as_deref().map(gather).transpose()?;
    let change = old.map(|old| Change::between(&old, &facts));
    Ok(Shown { facts, change })
}

#[cfg(test)]
mod tests;
