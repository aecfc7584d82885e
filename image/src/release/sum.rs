//! Computes SHA-256 with coreutils, which use the processor's instructions for it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::host::file;
use crate::host::signals;
use crate::host::step::Step;
use crate::host::tools;

/// Returns the SHA-256 of a file, in hexadecimal.
pub(crate) fn of(step: &Step, path: &Path) -> Result<String> {
    let reading = || format!("reading {}", path.display());
    let input = file::open(path).with_context(reading)?;
    let stream = input.try_clone().with_context(reading)?;
    of_stream(step, "checking", &input, stream.into())
}

/// Returns the SHA-256 of a stream. The position in `progress` shows how far it is.
pub(super) fn of_stream(step: &Step, doing: &str, progress: &File, stream: Stdio) -> Result<String> {
    let mut command = Command::new("sha256sum");
    command.stdin(stream).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = signals::spawn(&mut command).context("starting sha256sum")?;
    step.watch(doing, &mut child, progress)?;
    let output = tools::finish("sha256sum", child)?;
    let text = String::from_utf8_lossy(&output);
    match text.split_once(' ') {
        Some((sum, _)) if super::manifest::is_sum(sum) => Ok(sum.to_owned()),
        _ => bail!("sha256sum printed no sum: {text:?}"),
    }
}
