//! The stages of a boot and the command of the running system: one program under several names.
//!
//! Each stage looks, asks the pure library what to do, and does it. On a later boot it finds nothing to do.

mod commands;
mod context;
mod logging;
mod machine;
mod people;
mod stage;
mod stages;
mod system;
mod volume;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use pattern::plain::plain;
use stage::Stage;
use stages::{credentials, emergency, grow, latch, persist, reset, retry, seed, usr};
use system::{fallback, health, recovery, scrub};

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().map(|path| program_name(&path)).unwrap_or_default();
    if name == "pattern" {
        return commands::run(args).unwrap_or_else(|error| {
            eprintln!("pattern: {}", plain(&format!("{error:#}")));
            ExitCode::FAILURE
        });
    }
    match run(&name, args.next()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            // The kernel log knows no units: `systemctl status` shows what is said here.
            eprintln!("{name}: {}", plain(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn program_name(path: &OsString) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn run(name: &str, argument: Option<OsString>) -> Result<()> {
    let stage: Stage = match (name, argument.as_deref().and_then(|text| text.to_str())) {
        (_, Some("--version")) => {
            println!("{name} {}", env!("CARGO_PKG_VERSION"));
            return Ok(());
        }
        ("pattern-usr", Some("--disarm")) => return machine::boot_mark::remove(),
        ("pattern-latch", Some("--emergency")) => return machine::measure::lock().map(drop),
        ("pattern-retry", None) => return retry::run(),
        ("pattern-emergency", None) => return emergency::run(),
        (_, Some(other)) => {
            bail!("unknown argument {other:?}; the stages are started by systemd, see {name}.service(8)")
        }
        ("pattern-usr", None) => usr::run,
        ("pattern-grow", None) => grow::run,
        ("pattern-reset", None) => reset::run,
        ("pattern-persist", None) => persist::run,
        ("pattern-latch", None) => latch::run,
        ("pattern-seed", None) => seed::run,
        ("pattern-credentials", None) => credentials::run,
        ("pattern-health", None) => health::run,
        ("pattern-scrub", None) => scrub::run,
        ("pattern-fallback", None) => fallback::run,
        ("pattern-recovery", None) => recovery::run,
        _ => bail!("start it under the name of a stage, such as pattern-usr, or as pattern"),
    };
    stage::run(name, stage)
}
