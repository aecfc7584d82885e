//! One program under several names: the generator, the stages of a boot, and the command of the
//! running system.
//!
//! Each stage collects facts, asks the pure library what to do, and does it. On a later boot it
//! finds nothing to do.

#![forbid(unsafe_code)]
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they end the program where nobody reads: see `output`"
)]

mod commands;
mod context;
mod stage;
mod stages;
mod system;
mod tpm;
mod volume;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use context::Context;
use pattern::boot::flags::Flags;
use pattern::plain::plain;
use pattern::program::{GENERATOR, Program};
use pattern_machine::{drivers, logging, output};
use stages::{credentials, emergency, grow, latch, persist, reset, retry, seed, usr};
use system::{blessed, fallback, health, interrupted, recovery, scrub};

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().map(|path| program_name(&path)).unwrap_or_default();
    match name.as_str() {
        GENERATOR => return pattern_generator::main(args),
        "pattern" => {
            return commands::run(args).unwrap_or_else(|error| {
                output::message(&format!("pattern: {}", plain(&format!("{error:#}"))));
                ExitCode::FAILURE
            });
        }
        _ => {}
    }
    match run(&name, args.next()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The stage may have failed before it knew where to log.
            logging::start(&name, &Flags::default());
            log::error!("{error:#}");
            // The kernel log does not know units. `systemctl status` shows what goes to standard
            // error.
            output::message(&format!("{name}: {}", plain(&format!("{error:#}"))));
            ExitCode::FAILURE
        }
    }
}

fn program_name(path: &OsString) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn run(name: &str, argument: Option<OsString>) -> Result<()> {
    let argument = argument.as_deref().and_then(OsStr::to_str);
    if argument == Some("--version") {
        return output::line(&format!("{name} {}", env!("CARGO_PKG_VERSION")));
    }
    let Some(program) = Program::of_name(name) else {
        bail!("start it under the name of a stage, such as pattern-usr, or as pattern");
    };
    match (program, argument) {
        (Program::Usr, Some("--disarm")) => usr::disarm(&Context::here()?),
        (Program::Health, Some("--blessed")) => stage::run(name, blessed::run),
        (Program::Health, Some("--interrupted")) => stage::run(name, interrupted::run),
        (Program::Usr, Some("--drivers")) => drivers::load_all(),
        (Program::Seed, Some("--keep")) => stage::run(name, seed::keep),
        (Program::Latch, Some("--emergency")) => latch::emergency(),
        (_, Some(other)) => {
            bail!("unknown argument {other:?}; the stages are started by systemd, see {name}.service(8)")
        }
        (Program::Retry, None) => {
            logging::start(name, &Flags::default());
            retry::run()
        }
        (Program::Emergency, None) => emergency::run(),
        (Program::Usr, None) => stage::run(name, usr::run),
        (Program::Grow, None) => stage::run(name, grow::run),
        (Program::Reset, None) => stage::run(name, reset::run),
        (Program::Persist, None) => stage::run(name, persist::run),
        (Program::Latch, None) => stage::run(name, latch::run),
        (Program::Seed, None) => stage::run(name, seed::run),
        (Program::Credentials, None) => stage::run(name, credentials::run),
        (Program::Health, None) => stage::run(name, health::run),
        (Program::Scrub, None) => stage::run(name, scrub::run),
        (Program::Fallback, None) => stage::run(name, fallback::run),
        (Program::Recovery, None) => stage::run(name, recovery::run),
    }
}
