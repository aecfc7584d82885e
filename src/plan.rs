//! What the generator writes: a map from path to file or link, decided from text alone.

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

/// Where `pattern.toml` lies, in the initrd and in the image alike.
pub const CONFIG_PATH: &str = "/usr/lib/pattern/pattern.toml";

/// Which systemd asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manager {
    /// The one that runs in the initrd.
    Initrd,
    /// The one that runs from `/usr`.
    Host,
}

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

/// A plan, and what was wrong with the input: one sentence each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// What to write; on bad input, as much as can be said safely.
    pub plan: Plan,
    /// Problems, each a whole line for the log.
    pub problems: Vec<String>,
}

/// Decides for one manager.
///
/// `toml` is the text of [`CONFIG_PATH`], or why it could not be read; `cmdline` is the kernel's.
/// Bad input never yields less than a unit that fails with the problems' words.
#[must_use]
pub fn decide(toml: Result<&str, String>, cmdline: &str, manager: Manager) -> Outcome {
    let config = toml.map_err(|why| vec![why]).and_then(read_config);
    // What can't be read allows nothing.
    let debug = config.as_ref().is_ok_and(|config| config.debug);
    let mut outcome = match config {
        Ok(config) => decide_for(&config, &Cmdline::parse(cmdline), manager),
        Err(problems) => Outcome { plan: Plan::default(), problems },
    };
    trial::retry(&mut outcome.plan);
    if manager == Manager::Initrd {
        latch::before_a_shell(&mut outcome.plan, debug);
        if !debug {
            production::confine(&mut outcome.plan);
        }
    }
    if !outcome.problems.is_empty() {
        outcome.plan.link(&wanted_by(manager, unit::CONFIG), &shipped(unit::CONFIG));
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
        (Manager::Initrd, Ok(usr)) => initrd::plan(config, &flags, &usr),
        (Manager::Initrd, Err(why)) => {
            problems.push(why);
            Plan::default()
        }
    };
    Outcome { plan, problems }
}

/// The root hash that the kernel command line names, or a sentence on why there is none.
///
/// # Errors
/// When `usrhash=` is absent, not a root hash, or there are several.
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

/// The path of a shipped unit, as a link target.
fn shipped(unit: &str) -> String {
    format!("/usr/lib/systemd/system/{unit}")
}

fn wanted_by(manager: Manager, unit: &str) -> String {
    match manager {
        Manager::Initrd => format!("initrd.target.wants/{unit}"),
        Manager::Host => format!("multi-user.target.wants/{unit}"),
    }
}

impl Plan {
    /// Adds a file.
    fn file(&mut self, path: &str, text: unit::Text) {
        self.0.insert(path.to_owned(), Entry::File(text.into_string()));
    }

    /// Adds a link.
    fn link(&mut self, path: &str, target: &str) {
        self.0.insert(path.to_owned(), Entry::Link(target.to_owned()));
    }

    /// The entries, ordered by path; each path is relative to the output directory.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_str(), entry))
    }
}

/// A transcript: links as `path -> target`, files with their content indented.
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
