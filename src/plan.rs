//! Decides what the generator writes: a map from path to file or link, from text alone.

mod host;
mod initrd;
mod latch;
mod production;
mod trial;
pub mod unit;

use std::collections::BTreeMap;
use std::fmt;

use crate::boot::cmdline::Cmdline;
use crate::boot::flags::Flags;
use crate::boot::usr::UsrHash;
use crate::config::{self, Config};
use crate::program::Manager;

/// Path of `pattern.toml`, in the initrd and in the image.
pub const CONFIG_PATH: &str = "/usr/lib/pattern/pattern.toml";

/// One thing to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A file with this content.
    File(String),
    /// A symbolic link to this target.
    Link(String),
}

/// Paths below the generator's output directory, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan(BTreeMap<String, Entry>);

/// A plan, and the problems of the input.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// What to write. For invalid input, as much as is safe.
    pub plan: Plan,
    /// Problems, each a complete line for the log.
    pub problems: Vec<String>,
}

/// Decides for one manager.
///
/// `toml` is the text of [`CONFIG_PATH`], or why it could not be read. `cmdline` is the kernel's.
/// For invalid input the plan has at least a unit that fails with the problems' words.
#[must_use]
pub fn decide(toml: Result<&str, String>, cmdline: &str, manager: Manager) -> Outcome {
    let config = toml.map_err(|why| vec![why]).and_then(read_config);
    // A configuration that can't be read does not count as debug = true.
    let debug = config.as_ref().is_ok_and(|config| config.debug);
    let mut outcome = match config {
        Ok(config) => decide_for(&config, &Cmdline::parse(cmdline), manager),
        Err(problems) => Outcome { plan: Plan::default(), problems },
    };
    trial::retry(&mut outcome.plan);
    if manager == Manager::Initrd {
        if debug {
            latch::before_a_shell(&mut outcome.plan);
            initrd::keyboards(&mut outcome.plan);
        } else {
            production::confine(&mut outcome.plan);
        }
    }
    if !outcome.problems.is_empty() {
        outcome.plan.pull_in(wants(manager), unit::CONFIG);
    }
    outcome
}

fn read_config(text: &str) -> Result<Config, Vec<String>> {
    config::parse(CONFIG_PATH, text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn decide_for(config: &Config, cmdline: &Cmdline, manager: Manager) -> Outcome {
    let (flags, mut problems) = Flags::read(cmdline, config);
    let plan = match (manager, usr_hash(cmdline)) {
        (Manager::Host, _) => host::plan(config),
        (Manager::Initrd, Ok(_)) => initrd::plan(config, &flags),
        (Manager::Initrd, Err(why)) => {
            problems.push(why);
            Plan::default()
        }
    };
    Outcome { plan, problems }
}

/// Returns the root hash from the kernel command line, or a sentence on why there is none.
///
/// # Errors
/// When `usrhash=` is missing, not a root hash, or given with several values.
pub fn usr_hash(cmdline: &Cmdline) -> Result<UsrHash, String> {
    let text = match cmdline.values("usrhash")[..] {
        [text] => text,
        [] => return Err(
            "kernel command line: usrhash= is missing: it names the /usr to boot, the image builder sets it"
                .to_owned(),
        ),
        [first, second, ..] => {
            return Err(format!(
                "kernel command line: usrhash= names more than one /usr to boot, {first:?} and {second:?}: the image brings one, \
                 somebody added the other"
            ));
        }
    };
    UsrHash::parse(text).map_err(|why| format!("kernel command line: usrhash=: {why}"))
}

/// Returns the path of a shipped unit, as a link target.
fn shipped(unit: &str) -> String {
    format!("/usr/lib/systemd/system/{unit}")
}

fn wants(manager: Manager) -> &'static str {
    match manager {
        Manager::Initrd => "initrd.target.wants",
        Manager::Host => "multi-user.target.wants",
    }
}

impl Plan {
    /// Has a target, by its folder such as `initrd.target.wants`, start a constant unit.
    fn pull_in(&mut self, folder: &str, unit: &str) {
        self.link(&format!("{folder}/{unit}"), &shipped(unit));
    }

    /// Adds a file.
    fn file(&mut self, path: &str, text: unit::Text) {
        self.0.insert(path.to_owned(), Entry::File(text.into_string()));
    }

    /// Adds a link.
    fn link(&mut self, path: &str, target: &str) {
        self.0.insert(path.to_owned(), Entry::Link(target.to_owned()));
    }

    /// Returns the entries, ordered by path. Each path is relative to the output directory.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_str(), entry))
    }
}

/// Prints a transcript: links as `path -> target`, files with their content indented.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, entry) in self.entries() {
            match entry {
                Entry::Link(target) => writeln!(f, "{path} -> {target}")?,
                Entry::File(text) => {
                    writeln!(f, "{path}:")?;
                    text.lines().try_for_each(|line| writeln!(f, "{}", format!("    {line}").trim_end()))?;
                }
            }
        }
        Ok(())
    }
}
