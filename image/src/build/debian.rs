//! Which release of Debian an image is made of: the one that its mkosi configuration names. The
//! initrd is made of the same one, and both from the same archives.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::summary::Summary;

/// Of the tools tree, and of its `apt` sources.
const OF_TOOLS: &str = "trixie";
/// They have neither updates nor security updates.
const ALONE: [&str; 2] = ["sid", "unstable"];
/// Where mkosi looks in a folder of settings for apt.
const SOURCES: &str = "etc/apt/sources.list.d/mkosi.sources";

/// What apt installs from.
#[derive(Clone, Debug)]
pub(crate) struct Debian {
    /// Such as `trixie`.
    pub(crate) release: String,
    /// The folder with apt's sources.
    pub(crate) apt: PathBuf,
}

impl Debian {
    /// Takes the release that mkosi would use. Writes apt's sources for it to `work`, unless those in
    /// `tools` are for it.
    ///
    /// # Errors
    /// When the image is made of another distribution, or the sources can't be read or written.
    pub(super) fn of(summary: &Summary, tools: &Path, work: &Path) -> Result<Self> {
        let release = summary.release()?.to_owned();
        let ready = tools.join("apt");
        if release == OF_TOOLS {
            return Ok(Self { release, apt: ready });
        }
        let apt = work.join("apt");
        let from = ready.join(SOURCES);
        let text = fs::read_to_string(&from).with_context(|| format!("reading {}", from.display()))?;
        let to = apt.join(SOURCES);
        let writing = || format!("writing {}", to.display());
        fs::create_dir_all(to.parent().unwrap_or(&apt)).with_context(writing)?;
        fs::write(&to, sources(&text, &release)).with_context(writing)?;
        Ok(Self { release, apt })
    }
}

/// Returns the tools' sources with another release in the place of theirs.
fn sources(text: &str, release: &str) -> String {
    let stanzas = text.split_inclusive("\n\n").filter_map(|stanza| {
        let lines = stanza.split_inclusive('\n').map(|line| suites(line, release));
        lines.collect::<Option<String>>()
    });
    stanzas.collect()
}

/// Returns a line for another release, or `None` if it names suites that the release does not have.
fn suites(line: &str, release: &str) -> Option<String> {
    let Some(names) = line.strip_prefix("Suites:") else { return Some(line.to_owned()) };
    let has = |name: &&str| !ALONE.contains(&release) || *name == OF_TOOLS;
    let names = names.split_whitespace().filter(has).map(|name| name.replacen(OF_TOOLS, release, 1));
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| format!("Suites: {}\n", names.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLS: &str = "Types: deb\nURIs: http://a.example/debian\nSuites: trixie trixie-updates\nComponents: main\n\n\
        Types: deb\nURIs: http://a.example/security\nSuites: trixie-security\nComponents: main\n\n";

    #[test]
    fn each_archive_is_asked_for_the_other_release() {
        let text = sources(TOOLS, "testing");
        assert_eq!(text, TOOLS.replace("trixie", "testing"));
        assert_eq!(sources(TOOLS, OF_TOOLS), TOOLS);
    }

    #[test]
    fn unstable_has_one_suite() {
        let wanted = "Types: deb\nURIs: http://a.example/debian\nSuites: sid\nComponents: main\n\n";
        assert_eq!(sources(TOOLS, "sid"), wanted);
    }

    #[test]
    fn the_tools_are_of_the_release_that_needs_no_other_sources() {
        assert!(include_str!("../../tools").contains(&format!("readonly RELEASE={OF_TOOLS}\n")));
    }
}
