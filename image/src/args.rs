//! Parses the command line of `pattern`.

use std::ffi::OsString;

use lexopt::prelude::*;
use pattern::config::epoch::HIGHEST;
use pattern::config::size::Size;

use crate::build::Build;
use crate::check::Check;
use crate::decrypt::Decrypt;
use crate::init::{Init, Kind};
use crate::keyring::GenKeyring;
use crate::machine::credential;
use crate::machine::growth::Growth;
use crate::release::{Compression, SignRelease};
use crate::run::Run;
use crate::show::Show;

mod help;

pub use help::HELP;

/// One run of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `config check`
    Check(Check),
    /// `build`
    Build(Build),
    /// `run`
    Run(Run),
    /// `init`
    Init(Init),
    /// `show`
    Show(Show),
    /// `gen-keyring`
    GenKeyring(GenKeyring),
    /// `sign-release`
    SignRelease(SignRelease),
    /// `recovery decrypt`
    Decrypt(Decrypt),
}

const TOOLS: &str = "build/tools";

/// Parses the arguments after the program's name.
///
/// # Errors
/// When they are not a command in [`HELP`].
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let command = match parser.next()? {
        Some(Long("help") | Short('h')) => Command::Help,
        Some(Long("version")) => Command::Version,
        Some(Value(word)) if word == "config" => match parser.next()? {
            Some(Value(word)) if word == "check" => Command::Check(check(&mut parser)?),
            Some(other) => return Err(other.unexpected()),
            None => return Err("config: which command? There is: check".into()),
        },
        Some(Value(word)) if word == "build" => Command::Build(build(&mut parser)?),
        Some(Value(word)) if word == "run" => Command::Run(run(&mut parser)?),
        Some(Value(word)) if word == "init" => Command::Init(init(&mut parser)?),
        Some(Value(word)) if word == "show" => Command::Show(show(&mut parser)?),
        Some(Value(word)) if word == "gen-keyring" => Command::GenKeyring(gen_keyring(&mut parser)?),
        Some(Value(word)) if word == "sign-release" => Command::SignRelease(sign_release(&mut parser)?),
        Some(Value(word)) if word == "recovery" => match parser.next()? {
            Some(Value(word)) if word == "decrypt" => Command::Decrypt(decrypt(&mut parser)?),
            Some(other) => return Err(other.unexpected()),
            None => return Err("recovery: which command? There is: decrypt".into()),
        },
        Some(Value(word)) => return Err(format!("no command {word:?}").into()),
        Some(other) => return Err(other.unexpected()),
        None => return Err("a command is missing".into()),
    };
    match parser.next()? {
        Some(other) => Err(other.unexpected()),
        None => Ok(command),
    }
}

fn check(parser: &mut lexopt::Parser) -> Result<Check, lexopt::Error> {
    let mut check = Check::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("json") => check.json = true,
            Value(file) => check.files.push(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    if check.files.is_empty() {
        return Err("config check: a FILE is missing".into());
    }
    Ok(check)
}

fn build(parser: &mut lexopt::Parser) -> Result<Build, lexopt::Error> {
    let (mut folder, mut keys, mut debug_as_production) = (None, None, false);
    let (mut output, mut tools, mut data) = ("build/images".into(), TOOLS.into(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("keys") => keys = Some(parser.value()?.into()),
            Long("sign-debug-as-production") => debug_as_production = true,
            Long("output") => output = parser.value()?.into(),
            Long("tools") => tools = parser.value()?.into(),
            Long("data") => data = Some(parser.value()?.into()),
            Value(value) if folder.is_none() => folder = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let folder = folder.ok_or("build: a DIR is missing")?;
    if debug_as_production && keys.is_none() {
        return Err(
            "build: --sign-debug-as-production needs --keys DIR: without keys nothing is signed".into()
        );
    }
    Ok(Build { folder, keys, debug_as_production, output, tools, data })
}

fn run(parser: &mut lexopt::Parser) -> Result<Run, lexopt::Error> {
    let (mut image, mut disk, mut persist) = (None, None, None);
    let (mut server, mut display, mut credentials) = (None, None, Vec::new());
    let mut secure_boot = false;
    let (mut memory, mut append, mut tools) = (Size::from_bytes(2 << 30), String::new(), TOOLS.into());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("disk") => disk = Some(parser.value()?.parse_with(Growth::parse)?),
            Long("persist") => persist = Some(parser.value()?.into()),
            Long("memory") => memory = parser.value()?.parse_with(Size::parse)?,
            Long("secure-boot") => secure_boot = true,
            Long("server") => server = Some(parser.value()?.parse()?),
            Long("append") => append = parser.value()?.string()?,
            Long("display") => display = Some(parser.value()?.string()?),
            Long("load-credential") => {
                credentials.push(parser.value()?.parse_with(credential::Source::parse)?);
            }
            Long("tools") => tools = parser.value()?.into(),
            Value(value) if image.is_none() => image = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let image = image.ok_or("run: an IMAGE is missing")?;
    Ok(Run { image, disk, persist, memory, secure_boot, append, display, credentials, server, tools })
}

fn init(parser: &mut lexopt::Parser) -> Result<Init, lexopt::Error> {
    let (mut folder, mut kind, mut ssh_key, mut tools) = (None, Kind::Server, None, TOOLS.into());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("kind") => kind = parser.value()?.parse_with(Kind::parse)?,
            Long("ssh-key") => ssh_key = Some(parser.value()?.into()),
            Long("tools") => tools = parser.value()?.into(),
            Value(value) if folder.is_none() => folder = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let folder = folder.ok_or("init: a DIR is missing")?;
    Ok(Init { folder, kind, ssh_key, tools })
}

fn show(parser: &mut lexopt::Parser) -> Result<Show, lexopt::Error> {
    let (mut image, mut old, mut json, mut tools) = (None, None, false, TOOLS.into());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("json") => json = true,
            Long("tools") => tools = parser.value()?.into(),
            Value(value) if image.is_none() => image = Some(value.into()),
            Value(value) if old.is_none() => old = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let image = image.ok_or("show: an IMAGE is missing")?;
    Ok(Show { image, old, json, tools })
}

fn gen_keyring(parser: &mut lexopt::Parser) -> Result<GenKeyring, lexopt::Error> {
    let (mut name, mut add_missing, mut epoch, mut tools) = (None, false, None, TOOLS.into());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("add-missing") => add_missing = true,
            Long("epoch") => epoch = Some(parser.value()?.parse_with(number_of_epoch)?),
            Long("tools") => tools = parser.value()?.into(),
            Value(value) if name.is_none() => name = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let name = name.ok_or("gen-keyring: a NAME is missing")?;
    if add_missing && epoch.is_some() {
        return Err("gen-keyring: give --add-missing or --epoch, not both".into());
    }
    Ok(GenKeyring { name, add_missing, epoch, tools })
}

fn number_of_epoch(text: &str) -> Result<u32, String> {
    let epoch = text.parse().ok().filter(|epoch| (1..=HIGHEST).contains(epoch));
    epoch.ok_or_else(|| format!("it must be a number from 1 to {HIGHEST}"))
}

fn sign_release(parser: &mut lexopt::Parser) -> Result<SignRelease, lexopt::Error> {
    let (mut result, mut home) = (None, None);
    let (mut output, mut tools, mut compression) = ("pattern-release".into(), TOOLS.into(), Compression::Xz);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("output") => output = parser.value()?.into(),
            Long("tools") => tools = parser.value()?.into(),
            Long("compress") => compression = parser.value()?.parse_with(Compression::parse)?,
            Value(value) if result.is_none() => result = Some(value.into()),
            Value(value) if home.is_none() => home = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let result = result.ok_or("sign-release: a RESULT is missing: the folder that `pattern build` wrote")?;
    let home = home.ok_or("sign-release: a GPGHOME is missing: `pattern gen-keyring` makes one")?;
    Ok(SignRelease { result, home, output, compression, tools })
}

fn decrypt(parser: &mut lexopt::Parser) -> Result<Decrypt, lexopt::Error> {
    let (mut file, mut identity) = (None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("identity") => identity = Some(parser.value()?.into()),
            Value(value) if file.is_none() => file = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let file = file.ok_or("recovery decrypt: a FILE is missing: EFI/pattern/UUID.age of the machine")?;
    let identity = identity.ok_or("recovery decrypt: --identity KEYFILE is missing: age-keygen made it")?;
    Ok(Decrypt { file, identity })
}

#[cfg(test)]
mod tests;
