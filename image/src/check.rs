//! `pattern config check`: reports every problem in configuration files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use pattern::config::prerelease::PreRelease;
use pattern::config::{self, Config, Problem, SecureBoot};
use serde_json::{Value, json};

use crate::host::results;
use crate::host::screen::Screen;

/// Options of `config check`.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Check {
    /// The files
    #[arg(value_name = "FILE", default_value = "pattern.toml", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

/// Prints the problems of all files. Prints notes about valid settings that protect less to
/// standard error. Returns whether the files have no problems.
///
/// # Errors
/// When a file can't be read.
pub fn check(options: &Check, screen: Screen) -> Result<bool> {
    let mut problems = Vec::new();
    for file in &options.files {
        match parsed(file)? {
            Ok(config) => print_notes(file, &config, screen),
            Err(found) => problems.extend(found),
        }
    }
    if options.json {
        results::json(&json(&problems))?;
    } else {
        results::list(&problems)?;
    }
    Ok(problems.is_empty())
}

fn parsed(file: &Path) -> Result<Result<Config, Vec<Problem>>> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    Ok(config::parse(&name, &text))
}

/// Prints the notes to standard error.
pub(crate) fn print_notes(file: &Path, config: &Config, screen: Screen) {
    notes(config).iter().for_each(|note| screen.say(format_args!("{}: {note}", file.display())));
}

/// Returns what is valid, and may not be what is meant.
fn notes(config: &Config) -> Vec<String> {
    let open = !config.debug && config.secure_boot() != SecureBoot::Required;
    let open = open.then(|| {
        "note: volume.secure_boot = \"optional\": on a machine with Secure Boot off, anyone who has the machine can start a \
         system of their own on it, and have the TPM open the volume"
            .to_owned()
    });
    let version = &config.image.version;
    let early = PreRelease::of(version).map(|PreRelease { release, instead: [one, its_release] }| {
        format!(
            "note: image.version = {version:?} is newer than {release:?}: a machine that has it never takes {release:?}. \
             Versions that sort as they are meant: {one:?}, and then the release as {its_release:?}"
        )
    });
    open.into_iter().chain(early).collect()
}

/// Returns an array of objects with `file`, `line`, `key` (empty for the text as a whole) and
/// `message`.
fn json(problems: &[Problem]) -> Value {
    let object = |problem: &Problem| {
        json!({
            "file": problem.file,
            "line": problem.line,
            "key": problem.key,
            "message": problem.message,
        })
    };
    problems.iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_protects_less_is_told_so() {
        let notes = |more: &str| notes_of("1", more);
        let said = notes("volume.secure_boot = \"optional\"\n");
        assert!(
            said[0].starts_with("note: volume.secure_boot = \"optional\": on a machine with Secure Boot off")
        );
        assert!(notes("").is_empty() && notes("debug = true\n").is_empty());
    }

    #[test]
    fn a_version_that_outlives_its_release_is_told() {
        let said = notes_of("1.0-rc1", "");
        assert!(said[0].starts_with("note: image.version = \"1.0-rc1\" is newer than \"1.0\": "), "{said:?}");
        assert!(said[0].ends_with("\"1.0-rc1\", and then the release as \"1.0.0\""), "{said:?}");
    }

    fn notes_of(version: &str, more: &str) -> Vec<String> {
        let text = format!(
            "{more}[image]\nid = \"demo\"\nversion = \"{version}\"\n\
                 updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
                 [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n"
        );
        notes(&config::parse("pattern.toml", &text).unwrap())
    }

    #[test]
    fn problems_as_json() {
        let problem =
            Problem { file: "a.toml".into(), line: 3, key: "image.id".into(), message: "is missing".into() };
        let expected = r#"[{"file":"a.toml","key":"image.id","line":3,"message":"is missing"}]"#;
        assert_eq!(json(&[problem]).to_string(), expected);
        assert_eq!(json(&[]).to_string(), "[]");
    }
}
