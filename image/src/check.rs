//! `pattern config check`: reports what is wrong in configuration files, and in the folders around
//! them, as far as that can be known before a build. `pattern build` begins with the same.

mod file;
mod folder;
mod form;
mod kernel;
mod login;
mod mkosi;
mod secret;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueHint};
use pattern::config::{self, Config, Finding, Severity};
use secret::Secret;
use serde_json::{Value, json};

use crate::host::real::real;
use crate::host::results;
use crate::host::screen::Screen;

/// Options of `config check`.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Check {
    /// The files, or the folders that have a pattern.toml
    #[arg(value_name = "FILE", default_value = "pattern.toml", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

/// What a file says, and what there is to say about it.
pub(crate) struct Checked {
    /// The configuration, if there is no error.
    pub(crate) config: Option<Config>,
    /// Errors and notes, in the order of the file.
    pub(crate) findings: Vec<Finding>,
}

/// Prints what there is to say about all files, without the notes if it is to be quiet. Returns whether no file has an error.
///
/// # Errors
/// When it can't be printed.
pub fn check(options: &Check, screen: Screen) -> Result<bool> {
    let mut findings: Vec<_> = options.files.iter().flat_map(|file| look(&file_of(file)).findings).collect();
    findings.retain(|finding| is_error(finding) || !screen.is_quiet());
    if options.json {
        results::json(&json(&findings))?;
    } else {
        results::list(&findings)?;
    }
    Ok(!findings.iter().any(is_error))
}

/// What the configuration of an image is called.
const NAME: &str = "pattern.toml";

/// `build` takes a folder, so one is taken here, too.
fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(NAME) } else { path.to_owned() }
}

/// Returns the folder that is meant: `config check` takes the file in it, so `build` does, too.
///
/// # Errors
/// When it is another file.
pub(crate) fn folder_of(doing: &str, path: &Path) -> Result<PathBuf> {
    if !path.is_file() {
        return Ok(path.to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.file_name().is_none_or(|name| name != NAME) {
        bail!("{doing} {}: it is a file: name the folder that has the image's {NAME}", path.display());
    }
    Ok(folder.to_owned())
}

/// Looks at a file, and if it has no error, at the folder that it is in.
pub(crate) fn look(path: &Path) -> Checked {
    match read(path) {
        Err(findings) => Checked { config: None, findings },
        Ok((config, text)) => {
            let name = path.display().to_string();
            let mut findings = config::notes(&name, &text, &config);
            findings.extend(folder::findings(path, &text, &config));
            findings.sort_by_key(|finding| finding.line);
            let config = (!findings.iter().any(is_error)).then_some(config);
            Checked { config, findings }
        }
    }
}

/// Reads a file, and does not look at the folder that it is in. Returns its text, too.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<(Config, String), Vec<Finding>> {
    let name = path.display().to_string();
    let text = file::read(path, &name).map_err(|finding| vec![finding])?;
    Ok((config::parse(&name, &text)?, text))
}

/// Returns the trees that mkosi copies for the image in a folder, as far as files show.
pub(crate) fn trees(folder: &Path) -> Vec<PathBuf> {
    mkosi::Mkosi::read(folder).trees
}

/// Returns what there is to say about the secret keys in trees that mkosi copies from and to these places: those that belong into
/// no image, and others. What the image's folder shows by itself was said before.
pub(crate) fn secrets_of(folder: &Path, trees: &[(PathBuf, Option<String>)]) -> (Vec<String>, Vec<String>) {
    // A link in one tree is not the file in another that the link leads to.
    let place = |file: &Path| real(file.parent().unwrap_or(file)).join(file.file_name().unwrap_or_default());
    let seen: BTreeSet<_> = mkosi::Mkosi::read(folder).files.iter().map(|file| place(&file.from)).collect();
    let mut found = mkosi::Mkosi::of_trees(trees);
    found.files.retain(|file| !seen.contains(&place(&file.from)));
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for secret in secret::secrets(&found) {
        match secret {
            Secret::Ours(message) => ours.push(message),
            Secret::Other(message) => others.push(message),
        }
    }
    (ours, others)
}

pub(crate) fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Returns an array of objects. `key` is empty if no key is concerned.
fn json(findings: &[Finding]) -> Value {
    let object = |finding: &Finding| {
        json!({
            "severity": finding.severity.name(),
            "file": finding.file,
            "line": finding.line,
            "key": finding.key,
            "message": finding.message,
        })
    };
    findings.iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_as_json() {
        let error = Finding::error("a.toml", 3, "image.id", "is missing".into());
        let note = Finding::note("b.toml", 1, "", "is new".into());
        let expected = r#"[{"file":"a.toml","key":"image.id","line":3,"message":"is missing","severity":"error"},{"file":"b.toml","key":"","line":1,"message":"is new","severity":"note"}]"#;
        assert_eq!(json(&[error, note]).to_string(), expected);
        assert_eq!(json(&[]).to_string(), "[]");
    }
}
