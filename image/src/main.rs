//! `pattern`: checks configurations, builds images, signs releases, boots images.

#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use pattern_image::add_on;
use pattern_image::args::{self, Answer, Arguments, Command, Config, Recovery, completion};
use pattern_image::build;
use pattern_image::burn;
use pattern_image::check;
use pattern_image::decrypt;
use pattern_image::host::results::{self, NoReader};
use pattern_image::host::screen::{self, Screen};
use pattern_image::host::signals;
use pattern_image::init;
use pattern_image::keyring;
use pattern_image::release;
use pattern_image::run;
use pattern_image::serve;
use pattern_image::show;
use pattern_image::sign;

const WRONG_USAGE: u8 = 2;
/// As of a program that SIGPIPE ended. We ignore the signal, so that what was begun is cleaned up.
const NO_READER: u8 = 128 + 13;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let outcome = match args::parse(&words) {
        Ok(arguments) => perform(&arguments),
        Err(Answer::Asked(text)) => results::print(&text).map(|()| ExitCode::SUCCESS),
        Err(Answer::Wrong(text)) => {
            screen::warn(text.trim_end());
            Ok(ExitCode::from(WRONG_USAGE))
        }
    };
    signals::pass_on();
    outcome.unwrap_or_else(|error| {
        if error.is::<NoReader>() {
            return ExitCode::from(NO_READER);
        }
        screen::fail(format_args!("pattern: {error:#}"));
        ExitCode::FAILURE
    })
}

fn perform(arguments: &Arguments) -> Result<ExitCode> {
    let screen = Screen::new(arguments.quiet);
    match &arguments.command {
        Command::Config(Config::Check(options)) => {
            let good = check::check(options, screen)?;
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Burn(options) => {
            let named = burn::burn(options, screen)?;
            return Ok(if named { ExitCode::SUCCESS } else { ExitCode::from(WRONG_USAGE) });
        }
        Command::Init(options) => init::init(options, screen),
        Command::Build(options) => build::build(options, screen),
        Command::Show(options) => show::show(options, screen),
        Command::Run(options) => run::run(options, screen),
        Command::GenKeyring(options) => keyring::generate(options, screen),
        Command::SignImage(options) => sign::sign(options, screen),
        Command::SignRelease(options) => release::sign(options, screen),
        Command::Serve(options) => serve::run(options, screen),
        Command::AddOn(options) => add_on::make(options, screen),
        Command::Recovery(Recovery::Decrypt(options)) => decrypt::decrypt(options),
        Command::Completion(options) => completion::completion(*options),
    }
    .map(|()| ExitCode::SUCCESS)
}
