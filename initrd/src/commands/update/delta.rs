//! Has **pattern-fetch** offer a version to systemd-sysupdate, so that only what the machine lacks comes from the server.
//! docs/delta.md says who proves what.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Error, Result};
use pattern::boot::superblock::{BYTES, Superblock};
use pattern::delta::order::{Answer, Order, Ready};
use pattern::hex;
use pattern::program::FETCH;
use pattern::table::Guid;
use pattern::update::release::Part;
use pattern::update::transfers;
use pattern_machine::{esp, output};

use super::Machine;
use crate::context::Context;

/// The image's keyring: since systemd 258, and before.
const KEYRINGS: [&str; 2] = ["/usr/lib/systemd/import-pubring.pgp", "/usr/lib/systemd/import-pubring.gpg"];
/// The definitions of what is offered.
const DEFINITIONS: &str = "/run/pattern-update.d";
/// Bytes of an answer.
const LONGEST: u64 = 64 << 10;

/// A version that pattern-fetch offers, until this is dropped.
pub(super) struct Offer {
    pub(super) ready: Ready,
    program: Program,
}

impl Offer {
    /// Returns the folder with the definitions for systemd-sysupdate.
    pub(super) fn definitions(&self) -> &Path {
        Path::new(DEFINITIONS)
    }

    /// Says how much was fetched, once systemd-sysupdate has ended.
    pub(super) fn end(&mut self, installed: bool) {
        // A program that broke off has said why.
        if let Some(fetched) = self.program.end() {
            output::message(&self.ready.end(fetched, installed));
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        fs::remove_dir_all(DEFINITIONS)
            .unwrap_or_else(|error| output::message(&format!("pattern: removing {DEFINITIONS}: {error}")));
    }
}

/// Starts it.
///
/// # Errors
/// When the whole has to be fetched. The error says why.
pub(super) fn start(ctx: &Context, machine: &Machine, version: &str) -> Result<Offer> {
    let mut program = Program::start()?;
    match program.ask(&order(ctx, machine, version)?).with_context(|| format!("asking {FETCH}"))? {
        Answer::Whole(why) => Err(Error::msg(why)),
        Answer::Ready(ready) => {
            define(ctx, ready.port)?;
            Ok(Offer { ready, program })
        }
    }
}

/// The process. It does not outlive this.
struct Program(Child);

impl Program {
    fn start() -> Result<Self> {
        let child = Command::new(FETCH).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.with_context(|| format!("starting {FETCH}"))?))
    }

    /// Its input stays open: the end of it ends the program.
    fn ask(&mut self, order: &Order) -> Result<Answer> {
        let order = [serde_json::to_vec(order)?, b"\n".to_vec()].concat();
        self.0.stdin.as_mut().context("it has no input")?.write_all(&order)?;
        Ok(serde_json::from_slice(&self.line()?)?)
    }

    /// Closes its input, and returns how many bytes were fetched.
    fn end(&mut self) -> Option<u64> {
        self.0.stdin = None;
        String::from_utf8(self.line().ok()?).ok()?.trim_end().parse().ok()
    }

    fn line(&mut self) -> Result<Vec<u8>> {
        let output = self.0.stdout.as_mut().context("it has no output")?;
        let mut line = Vec::new();
        BufReader::new(output.take(LONGEST)).read_until(b'\n', &mut line)?;
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may wait for a server.
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            output::message(&format!("pattern: ending {FETCH}: {error}"));
        }
    }
}

fn order(ctx: &Context, machine: &Machine, version: &str) -> Result<Order> {
    let image = &ctx.config.image;
    let path = |uuid: Guid| {
        let found = machine.table.partitions().find(|partition| partition.uuid == uuid);
        found.map(|partition| machine.disk.partition_path(partition.number)).context("/usr has no partition")
    };
    let installed = &machine.installed;
    let kernel = installed.entry(&installed.running).and_then(|entry| esp::file(&image.id, entry).ok());
    let target = machine.beside(ctx, Part::Usr);
    Ok(Order {
        url: image.updates.url.clone(),
        new: format!("{}_{version}", image.id),
        running: format!("{}_{}", image.id, installed.running),
        root: hex::encode(ctx.usr.bytes()),
        blocks: blocks(&path(ctx.usr.tree())?)?,
        keyrings: KEYRINGS.map(PathBuf::from).into(),
        usr: path(ctx.usr.data())?,
        target: target.map(|target| machine.disk.partition_path(target.number)),
        kernel,
    })
}

/// Reads how many blocks the running `/usr` has. The kernel uses the same tree, so the superblock is right.
fn blocks(tree: &Path) -> Result<u64> {
    let mut bytes = [0; BYTES];
    let read = File::open(tree).and_then(|mut file| file.read_exact(&mut bytes));
    read.with_context(|| format!("reading {}", tree.display()))?;
    Ok(Superblock::parse(&bytes).map_err(|error| Error::msg(error.to_string()))?.blocks())
}

fn define(ctx: &Context, port: u16) -> Result<()> {
    let about = || format!("writing {DEFINITIONS}");
    fs::remove_dir_all(DEFINITIONS)
        .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .and_then(|()| fs::create_dir(DEFINITIONS))
        .with_context(about)?;
    transfers::on_the_loopback(&ctx.config, port)
        .iter()
        .try_for_each(|(name, text)| fs::write(Path::new(DEFINITIONS).join(name), text).with_context(about))
}
