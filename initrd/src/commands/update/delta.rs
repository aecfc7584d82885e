//! Has **pattern-fetch** offer a version to systemd-sysupdate, so that only what the machine lacks comes from the server.
//! docs/delta.md says who proves what.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Error, Result};
use pattern::boot::superblock::{BYTES, Superblock};
use pattern::delta::order::{Answer, Order, Ready};
use pattern::hex;
use pattern::table::Guid;
use pattern::update::transfers;
use pattern_machine::{esp, output};

use super::{Machine, beside};
use crate::context::Context;

const PROGRAM: &str = "/usr/libexec/pattern-fetch";
/// The image's keyring: since systemd 258, and before.
const KEYRINGS: [&str; 2] = ["/usr/lib/systemd/import-pubring.pgp", "/usr/lib/systemd/import-pubring.gpg"];
/// The definitions of what is offered.
const DEFINITIONS: &str = "/run/pattern-update.d";
/// Bytes of an answer.
const LONGEST: u64 = 64 << 10;

/// A version that pattern-fetch offers, until this is dropped.
pub(super) struct Offer {
    pub(super) ready: Ready,
    pub(super) definitions: PathBuf,
    child: Child,
    /// Closed, it ends the child.
    order: Option<ChildStdin>,
}

/// Starts it.
///
/// # Errors
/// When the whole has to be fetched. The error says why.
pub(super) fn start(ctx: &Context, machine: &Machine, version: &str) -> Result<Offer> {
    let order = serde_json::to_vec(&order(ctx, machine, version)?)?;
    let child = Command::new(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("starting {PROGRAM}"))?;
    let mut input = child.stdin.take().context("it has no input")?;
    let asked = input.write_all(&[&order[..], b"\n"].concat()).and_then(|()| input.flush());
    let mut offer = Unfinished { child: Some(child), input: Some(input) };
    asked.with_context(|| format!("asking {PROGRAM}"))?;
    let ready = match offer.answer()? {
        Answer::Ready(ready) => ready,
        Answer::Whole(why) => return Err(Error::msg(why)),
    };
    let definitions = PathBuf::from(DEFINITIONS);
    define(ctx, ready.port, &definitions)?;
    offer.finish(ready, definitions)
}

/// A child that has not answered yet. It does not outlive this.
struct Unfinished {
    child: Option<Child>,
    input: Option<ChildStdin>,
}

impl Unfinished {
    fn answer(&mut self) -> Result<Answer> {
        let output = self.child.as_mut().and_then(|child| child.stdout.take()).context("it has no output")?;
        let mut line = Vec::new();
        let reading = || format!("reading the answer of {PROGRAM}");
        BufReader::new(output.take(LONGEST)).read_until(b'\n', &mut line).with_context(reading)?;
        serde_json::from_slice(&line).with_context(reading)
    }

    fn finish(mut self, ready: Ready, definitions: PathBuf) -> Result<Offer> {
        let child = self.child.take().context("it ended")?;
        Ok(Offer { ready, definitions, child, order: self.input.take() })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        drop(self.order.take());
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It ends by itself when its input is closed, unless it waits for a server.
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        output::message(&format!("pattern: ending {PROGRAM}: {error}"));
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
    let target = beside(&machine.table, ctx.usr.data());
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

fn define(ctx: &Context, port: u16, folder: &Path) -> Result<()> {
    let about = || format!("writing {}", folder.display());
    fs::remove_dir_all(folder).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error).with_context(about),
    })?;
    fs::create_dir(folder).with_context(about)?;
    transfers::on_the_loopback(&ctx.config, port)
        .iter()
        .try_for_each(|(name, text)| fs::write(folder.join(name), text).with_context(about))
}
