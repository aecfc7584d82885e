//! `pattern`: checks configurations, builds images, signs releases, boots images.

use std::env;
use std::process::ExitCode;

use pattern_image::args::{self, Command};
use pattern_image::build;
use pattern_image::check;
use pattern_image::decrypt;
use pattern_image::keyring;
use pattern_image::release;
use pattern_image::run;

fn main() -> ExitCode {
    let command = match args::parse(env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("pattern: {error}\nTry: pattern --help");
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Help => return print(args::HELP),
        Command::Version => return print(concat!("pattern ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Check(options) => check::check(&options),
        Command::Build(options) => build::build(&options).map(|()| true),
        Command::Run(options) => run::run(&options).map(|()| true),
        Command::Init(options) => pattern_image::init::init(&options).map(|()| true),
        Command::Show(options) => pattern_image::show::show(&options).map(|()| true),
        Command::GenKeyring(options) => keyring::generate(&options).map(|()| true),
        Command::SignRelease(options) => release::sign(&options).map(|()| true),
        Command::Decrypt(options) => decrypt::decrypt(&options).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pattern: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}
