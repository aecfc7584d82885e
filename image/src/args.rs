//! The command line of `pattern`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;
use pattern::size::Size;

use crate::growth::Growth;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: pattern COMMAND

  config check FILE...    say all that is wrong with a pattern.toml
      --json              as one JSON array
  build DIR               make an image from DIR/pattern.toml and DIR's mkosi configuration
      --output DIR        where images go (default: build/images)
      --tools DIR         where the tools tree is kept (default: build/tools)
      --data DIR          the files this program was installed with
  run IMAGE               boot a copy of an image under QEMU with a software TPM, console attached
      --disk SIZE         make the copy's disk this large, or larger by +SIZE (default: +8G)
      --persist DIR       keep disk, TPM and UEFI variables in DIR, and go on from there next time
      --memory SIZE       memory (default: 2G)
      --append WORDS      more words for the kernel command line
      --tools DIR         tools tree to take QEMU from when the host's is too old (default: build/tools)

  --help, --version

Exit status: 0 success, 1 failure, 2 wrong usage.
";

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
}

/// Options of `config check`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Check {
    /// The files, at least one.
    pub files: Vec<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

/// Options of `build`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// Holds `pattern.toml` and the image's own mkosi configuration.
    pub folder: PathBuf,
    /// Where images go.
    pub output: PathBuf,
    /// Where the tools tree is kept.
    pub tools: PathBuf,
    /// The files this program was installed with, when they are not beside it.
    pub data: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// A base image.
    pub image: PathBuf,
    /// The disk's size; none leaves a kept disk as it is.
    pub disk: Option<Growth>,
    /// Where the machine's state is kept.
    pub persist: Option<PathBuf>,
    /// Memory.
    pub memory: Size,
    /// More words for the kernel command line.
    pub append: String,
    /// The tools tree.
    pub tools: PathBuf,
}

const TOOLS: &str = "build/tools";

/// Reads the arguments after the program's name.
///
/// # Errors
/// When they are not a command as [`HELP`] has it.
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
    let mut folder = None;
    let (mut output, mut tools, mut data) = ("build/images".into(), TOOLS.into(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("output") => output = parser.value()?.into(),
            Long("tools") => tools = parser.value()?.into(),
            Long("data") => data = Some(parser.value()?.into()),
            Value(value) if folder.is_none() => folder = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let folder = folder.ok_or("build: a DIR is missing")?;
    Ok(Build { folder, output, tools, data })
}

fn run(parser: &mut lexopt::Parser) -> Result<Run, lexopt::Error> {
    let (mut image, mut disk, mut persist) = (None, None, None);
    let (mut memory, mut append, mut tools) = (Size::from_bytes(2 << 30), String::new(), TOOLS.into());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("disk") => disk = Some(parser.value()?.parse_with(Growth::parse)?),
            Long("persist") => persist = Some(parser.value()?.into()),
            Long("memory") => memory = parser.value()?.parse_with(Size::parse)?,
            Long("append") => append = parser.value()?.string()?,
            Long("tools") => tools = parser.value()?.into(),
            Value(value) if image.is_none() => image = Some(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    let image = image.ok_or("run: an IMAGE is missing")?;
    Ok(Run { image, disk, persist, memory, append, tools })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn check_takes_files() {
        let files = vec!["a.toml".into(), "b.toml".into()];
        assert_eq!(
            parsed("config check a.toml --json b.toml"),
            Ok(Command::Check(Check { files, json: true }))
        );
    }

    #[test]
    fn run_takes_sizes() {
        let run = Run {
            image: "i.raw".into(),
            disk: Some(Growth::By(Size::from_bytes(50 << 30))),
            persist: Some("state".into()),
            memory: Size::from_bytes(1 << 30),
            append: String::new(),
            tools: "build/tools".into(),
        };
        let line = "run i.raw --disk +50G --persist state --memory=1G";
        assert_eq!(parsed(line), Ok(Command::Run(run)));
    }

    #[test]
    fn build_has_defaults() {
        let build = Build {
            folder: "demo".into(),
            output: "build/images".into(),
            tools: "build/tools".into(),
            data: None,
        };
        assert_eq!(parsed("build demo"), Ok(Command::Build(build)));
    }

    #[test]
    fn wrong_usage_says_what_is_wrong() {
        let cases = [
            ("", "a command is missing"),
            ("frob", "no command \"frob\""),
            ("config", "config: which command? There is: check"),
            ("config check", "config check: a FILE is missing"),
            ("build", "build: a DIR is missing"),
            ("build a b", "unexpected argument \"b\""),
            ("run", "run: an IMAGE is missing"),
            ("run i --frob", "invalid option '--frob'"),
            ("--version now", "unexpected argument \"now\""),
        ];
        for (line, message) in cases {
            assert_eq!(parsed(line), Err(message.to_owned()), "{line:?}");
        }
        let message = parsed("run i --disk much").unwrap_err();
        assert!(message.contains("such as \"200M\""), "{message}");
    }

    #[test]
    fn every_long_option_is_in_the_help() {
        for option in ["json", "output", "tools", "data", "disk", "persist", "memory", "append"] {
            assert!(HELP.contains(&format!("--{option} ")), "{option}");
        }
    }
}
