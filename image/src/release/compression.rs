//! Compresses partitions and images in formats that systemd-pull can read.
//!
//! systemd 257 reads xz, gzip and bzip2, and distinguishes them by a file's first bytes. zstd came
//! later: systemd 257 would write such a file without unpacking it. bzip2 is left out, because it
//! is larger than xz and slower to read.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::sum;
use crate::host::signals;
use crate::host::step::Step;
use crate::host::tools::{self, Need, Source};

const XZ: Need = Need { programs: &["xz"], package: "xz-utils" };
const GZIP: Need = Need { programs: &["gzip"], package: "gzip" };

/// A way to compress.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// The smallest, and the slowest to write
    Xz,
    /// Faster to write and to read
    Gz,
    /// Not compressed
    None,
}

impl Compression {
    /// Returns the suffix of file names.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gz => ".gz",
            Self::Xz => ".xz",
        }
    }
}

/// Writes and reads files with one compression.
pub(super) struct Codec {
    /// Suffix of its files.
    pub(super) suffix: &'static str,
    /// Its program, with arguments that give equal output for equal input, and where it comes from.
    pub(super) program: Option<(&'static [&'static str], Source)>,
}

impl Codec {
    /// # Errors
    /// When its program is missing.
    pub(super) fn find(compression: Compression, tools: &Path) -> Result<Self> {
        let program: Option<(&'static [&'static str], Source)> = match compression {
            Compression::None => None,
            Compression::Gz => Some((&["gzip", "--no-name", "--best"], Source::of(GZIP, tools)?)),
            Compression::Xz => Some((&["xz", "--threads=0"], Source::of(XZ, tools)?)),
        };
        Ok(Self { suffix: compression.suffix(), program })
    }

    /// Makes a file of the release. Without compression, holes stay holes.
    pub(super) fn write(&self, step: &Step, from: &Path, to: &Path) -> Result<()> {
        let Some((program, source)) = &self.program else { return copy(from, to) };
        let doing = format!("compressing {}", from.display());
        let input = File::open(from).context(doing.clone())?;
        let output = File::create(to).with_context(|| format!("creating {}", to.display()))?;
        let mut command = source.command(program[0]);
        command.args(&program[1..]).stdout(output);
        let mut child = start(&mut command, &input).context(doing.clone())?;
        step.watch("compressing", &mut child, &input)?;
        tools::finish(&doing, child).map(|_| ())
    }

    /// Returns the SHA-256 of the content of a file of the release.
    pub(super) fn content_sum(&self, step: &Step, file: &Path) -> Result<String> {
        let Some((program, source)) = &self.program else { return sum::of(step, file) };
        let doing = format!("decompressing {}", file.display());
        let input = File::open(file).context(doing.clone())?;
        let mut command = source.command(program[0]);
        command.arg("--decompress").stdout(Stdio::piped());
        let mut child = start(&mut command, &input).context(doing.clone())?;
        let content = child.stdout.take().context(doing.clone())?;
        let sum = sum::of_stream(step, "reading back", &input, content.into())?;
        tools::finish(&doing, child)?;
        Ok(sum)
    }
}

fn start(command: &mut Command, input: &File) -> Result<Child> {
    Ok(signals::spawn(command.stdin(input.try_clone()?).stderr(Stdio::piped()))?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.args(["--reflink=auto", "--sparse=always", "--no-preserve=mode", "--"]);
    let doing = format!("copying {} to {}", from.display(), to.display());
    tools::output(&doing, command.arg(from).arg(to)).map(|_| ())
}
