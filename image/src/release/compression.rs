//! Compresses partitions and images in formats that systemd-pull can read.
//!
//! systemd 257 reads xz, gzip and bzip2, and distinguishes them by a file's first bytes. zstd came
//! later: systemd 257 would write such a file without unpacking it. bzip2 is left out, because it
//! is larger than xz and slower to read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::sum;
use crate::host::signals;
use crate::host::step::Step;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;
use crate::host::{file, full};

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
    /// Returns how a file is compressed, by its content.
    pub(crate) fn of_file(file: &Path) -> io::Result<Self> {
        let mut start = Vec::new();
        let _length = File::open(file)?.take(8).read_to_end(&mut start)?;
        let is = |packed: &Self| packed.magic().is_some_and(|magic| start.starts_with(magic));
        Ok([Self::Xz, Self::Gz].into_iter().find(is).unwrap_or(Self::None))
    }

    /// Returns how a file with this name is compressed.
    pub(crate) fn of(name: &str) -> Self {
        let packed = [Self::Xz, Self::Gz].into_iter().find(|packed| name.ends_with(packed.suffix()));
        packed.unwrap_or(Self::None)
    }

    /// Returns what a compressed file begins with.
    pub(crate) fn magic(self) -> Option<&'static [u8]> {
        match self {
            Self::None => None,
            Self::Gz => Some(b"\x1f\x8b"),
            Self::Xz => Some(b"\xfd7zXZ\0"),
        }
    }

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
pub(crate) struct Codec {
    /// Suffix of its files.
    pub(super) suffix: &'static str,
    /// Its program, with arguments that give equal output for equal input, and where it comes from.
    pub(super) program: Option<(&'static [&'static str], Source)>,
}

impl Codec {
    /// # Errors
    /// When its program is missing.
    pub(crate) fn find(compression: Compression, tools: &Tools) -> Result<Self> {
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
        let input = file::open(from).context(doing.clone())?;
        let output = File::create(to).with_context(|| format!("creating {}", to.display()))?;
        let mut command = source.command(program[0]);
        command.args(&program[1..]).stdout(output);
        let mut child = start(&mut command, &input).context(doing.clone())?;
        step.watch("compressing", &mut child, &input)?;
        tools::finish(&doing, child).map(|_| ())
    }

    /// Returns the content of a compressed file. The program ends with the reading.
    pub(crate) fn open(&self, path: &Path) -> Result<ChildStdout> {
        let doing = || format!("decompressing {}", path.display());
        let (program, source) = self.program.as_ref().context("it is not compressed").with_context(doing)?;
        let input = file::open(path).with_context(doing)?;
        decompress(program[0], source, &input).map(|(_, content)| content).with_context(doing)
    }

    /// Writes the content of a compressed file to a new one. Zeros become holes.
    pub(crate) fn unpack(&self, from: &Path, to: &Path) -> Result<()> {
        let doing = || format!("decompressing {}", from.display());
        let (program, source) = self.program.as_ref().context("it is not compressed").with_context(doing)?;
        let input = file::open(from).with_context(doing)?;
        let mut output = File::create_new(to).with_context(|| format!("creating {}", to.display()))?;
        let (child, content) = decompress(program[0], source, &input).with_context(doing)?;
        let copied = with_holes(content, &mut output).with_context(|| format!("writing {}", to.display()));
        let ended = tools::finish(&doing(), child);
        // The program dies of it if nobody reads on, because what it says can't be written.
        copied.map_err(|error| full::explain(to, error))?;
        ended.map(drop)
    }

    /// Returns the SHA-256 of the content of a file of the release.
    pub(super) fn content_sum(&self, step: &Step, path: &Path) -> Result<String> {
        let Some((program, source)) = &self.program else { return sum::of(step, path) };
        let doing = format!("decompressing {}", path.display());
        let input = file::open(path).context(doing.clone())?;
        let (child, content) = decompress(program[0], source, &input).context(doing.clone())?;
        let sum = sum::of_stream(step, "reading back", &input, content.into())?;
        tools::finish(&doing, child)?;
        Ok(sum)
    }
}

fn decompress(program: &str, source: &Source, input: &File) -> Result<(Child, ChildStdout)> {
    let mut command = source.command(program);
    command.arg("--decompress").stdout(Stdio::piped());
    let mut child = start(&mut command, input)?;
    let content = child.stdout.take().context("its output is missing")?;
    Ok((child, content))
}

fn with_holes(mut from: impl Read, to: &mut File) -> io::Result<()> {
    let mut chunk = Vec::new();
    while from.by_ref().take(1 << 20).read_to_end(&mut chunk)? > 0 {
        if chunk.iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(i64::try_from(chunk.len()).map_err(io::Error::other)?))?;
        } else {
            to.write_all(&chunk)?;
        }
        chunk.clear();
    }
    let length = to.stream_position()?;
    to.set_len(length)
}

fn start(command: &mut Command, input: &File) -> Result<Child> {
    Ok(signals::spawn(command.stdin(input.try_clone()?).stderr(Stdio::piped()))?)
}

/// Copies a file. Holes stay holes.
///
/// # Errors
/// When it can't be copied.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.args(["--reflink=auto", "--sparse=always", "--no-preserve=mode", "--"]);
    let doing = format!("copying {} to {}", from.display(), to.display());
    tools::output(&doing, command.arg(from).arg(to)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn zeros_become_holes() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("x");
        let content = [vec![0; 3 << 20], vec![7; 5], vec![0; 2 << 20]].concat();
        with_holes(content.as_slice(), &mut File::create_new(&path).unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 3 << 20);
    }

    #[test]
    fn a_file_is_known_by_its_content() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("x");
        let known = [
            (&b"\xfd7zXZ\0\0\x04"[..], Compression::Xz),
            (b"\x1f\x8b\x08", Compression::Gz),
            (b"x", Compression::None),
        ];
        for (start, compression) in known {
            fs::write(&path, start).unwrap();
            assert_eq!(Compression::of_file(&path).unwrap(), compression);
        }
    }

    #[test]
    #[ignore = "needs xz-utils; `make test` runs it"]
    fn what_is_cut_short_is_not_unpacked() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("x"), "content").unwrap();
        for (compression, program) in [(Compression::Xz, "xz"), (Compression::Gz, "gzip")] {
            let codec = Codec::find(compression, &Tools::At("/nonexistent".into())).unwrap();
            let packed = Command::new(program).arg("--stdout").arg(path("x")).output().unwrap().stdout;
            fs::write(path("packed"), &packed).unwrap();
            codec.unpack(&path("packed"), &path(program)).unwrap();
            assert_eq!(fs::read(path(program)).unwrap(), b"content");
            fs::write(path("packed"), &packed[..packed.len() - 3]).unwrap();
            let error = codec.unpack(&path("packed"), &path("cut")).unwrap_err().to_string();
            assert!(error.starts_with("decompressing ") && error.contains("end of"), "{error}");
            fs::remove_file(path("cut")).unwrap();
        }
    }
}
