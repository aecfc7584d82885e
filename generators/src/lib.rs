//! `pattern-generator`: reads the command line and `pattern.toml`, and writes the units of this
//! boot.
//!
//! It writes only below the directories that it is given, and has no other side effect. In an image
//! it is one of the names of the static program of `initrd/`, which shares most of its code.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they end the program where nobody reads, such as on a serial line that is not there"
)]

mod write;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use pattern::plan::{CONFIG_PATH, Outcome, decide};
use pattern::program::Manager;

const USAGE: &str = "usage: pattern-generator [--root=DIR] NORMAL [EARLY LATE]
       pattern-generator [--root=DIR] --check | --print
       pattern-generator --version | --help";

/// Runs the generator with its arguments, without the program's name.
#[must_use]
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match run(args.collect()) {
        Ok(code) => code,
        Err(error) => {
            tell_kernel(&[format!("{error:#}")]);
            complain(&format!("pattern-generator: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Vec<OsString>) -> Result<ExitCode> {
    let root = take_root(&mut args);
    let words: Vec<&str> = args.iter().filter_map(|word| word.to_str()).collect();
    match *words {
        ["--version"] => print(&format!("pattern-generator {}\n", env!("CARGO_PKG_VERSION")))?,
        ["--help"] => print(&format!("{USAGE}\n"))?,
        ["--print"] => print(&look_and_decide(&root, manager(&root))?.plan.to_string())?,
        ["--check"] => return check(&look_and_decide(&root, manager(&root))?),
        [normal] => generate(&root, normal, normal)?,
        [normal, early, _] => generate(&root, normal, early)?,
        _ => bail!("one or three directories are expected, as systemd gives them\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes `--root=DIR` from the arguments, which replaces `/` in tests.
fn take_root(args: &mut Vec<OsString>) -> PathBuf {
    let given = args.iter().position(|word| word.to_string_lossy().starts_with("--root="));
    let text = given.map(|index| args.remove(index));
    let text = text.and_then(|word| word.to_str().map(|word| word.trim_start_matches("--root=").to_owned()));
    PathBuf::from(text.unwrap_or_else(|| "/".to_owned()))
}

fn generate(root: &Path, normal: &str, early: &str) -> Result<()> {
    let manager = manager(root);
    let outcome = look_and_decide(root, manager)?;
    tell_kernel(&outcome.problems);
    // systemd's own generators write units of the same names, and units in the early directory take
    // precedence.
    let dir = if manager == Manager::Initrd { early } else { normal };
    write::write(&outcome.plan, Path::new(dir))
}

/// Prints the problems, for `systemctl status` to show, and fails if there are any.
fn check(outcome: &Outcome) -> Result<ExitCode> {
    outcome.problems.iter().for_each(|problem| complain(problem));
    Ok(if outcome.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}

/// Writes a line to standard error. Nowhere is left to report that it failed.
fn complain(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

fn look_and_decide(root: &Path, manager: Manager) -> Result<Outcome> {
    let toml = read(root, CONFIG_PATH).map_err(|why| format!("reading {CONFIG_PATH}: {why}"));
    let cmdline = read(root, "/proc/cmdline").context("reading /proc/cmdline")?;
    Ok(decide(toml.as_deref().map_err(Clone::clone), &cmdline, manager))
}

fn read(root: &Path, path: &str) -> io::Result<String> {
    fs::read_to_string(root.join(path.trim_start_matches('/')))
}

/// Returns which systemd runs. Like systemd, this recognises an initrd by `/etc/initrd-release`.
fn manager(root: &Path) -> Manager {
    let initrd = root.join("etc/initrd-release").exists();
    if initrd { Manager::Initrd } else { Manager::Host }
}

/// Logs to the kernel, because there is no journal yet when a generator runs.
fn tell_kernel(lines: &[String]) {
    if !lines.is_empty() && kernlog::init().is_ok() {
        lines.iter().for_each(|line| log::error!(target: "pattern-generator", "{line}"));
    }
}
