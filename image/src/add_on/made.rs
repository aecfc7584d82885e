//! Makes and signs an add-on with the programs of the tools tree, as `pattern build` does with kernel images.

use std::fs;

use anyhow::{Context as _, Result};

use crate::build::date::Date;
use crate::build::keys::SecureBoot;
use crate::efi::{Programs, option};
use crate::host::full;

/// Returns an add-on with this line.
///
/// # Errors
/// When a program fails, or a file can't be written.
pub(super) fn make(
    programs: &Programs,
    line: &str,
    keys: Option<&SecureBoot>,
    date: Date,
) -> Result<Vec<u8>> {
    let made = unsigned(programs, line).and_then(|()| match keys {
        Some(keys) => signed(programs, keys, date),
        None => content(programs, "unsigned"),
    });
    made.map_err(|error| full::explain(programs.work(), error))
}

/// A word might be taken for the name of a file, so the line is in one. ukify adds a section .sbat, which shim asks for.
fn unsigned(programs: &Programs, line: &str) -> Result<()> {
    let words = programs.work().join("words");
    fs::write(&words, line).with_context(|| format!("writing {}", words.display()))?;
    let options = [option("--cmdline=@", &words), option("--output=", programs.work().join("unsigned"))];
    programs.ukify("making an add-on with ukify", None, &options)
}

fn signed(programs: &Programs, keys: &SecureBoot, date: Date) -> Result<Vec<u8>> {
    let [from, to] = ["unsigned", "signed"].map(|name| programs.work().join(name));
    programs.sign("signing an add-on with systemd-sbsign", &from, &to, keys, date)?;
    content(programs, "signed")
}

fn content(programs: &Programs, name: &str) -> Result<Vec<u8>> {
    let path = programs.work().join(name);
    fs::read(&path).with_context(|| format!("reading {}", path.display()))
}
