//! Collects what is known before anything is fetched of a version itself, and decides what is.

use std::io::{Read as _, Write as _};
use std::ops::Range;

use anyhow::{Context as _, Result, bail};
use pattern::delta::index::Index;
use pattern::delta::offer::{Listed, Offer};
use pattern::delta::order::{Order, Ready};
use pattern::delta::patch::{Patch, Table};
use pattern::delta::plan::{Facts, Parts, Plan, Source, plan};
use pattern::delta::tree::{Head, Tree};
use pattern::delta::{BLOCK_BYTES, Hash};
use sha2::{Digest as _, Sha256};

use crate::disk::Slot;
use crate::order::Files;
use crate::pieces::Pieces;
use crate::signed;
use crate::web::Web;

/// Bytes of an index. That of a `/usr` of 2 GiB has 1.3 MB.
const LONGEST: u64 = 64 << 20;

/// A version that can be made.
pub(crate) struct Offered {
    pub(crate) web: Web,
    pub(crate) offer: Offer,
    pub(crate) index: Index,
    pub(crate) tree: Tree,
    pub(crate) parts: Parts,
    /// The patches of `/usr` and of the kernel image, if they are for what this machine has.
    pub(crate) usr: Option<Table>,
    pub(crate) kernel: Option<(Table, Slot)>,
    pub(crate) running: Slot,
    pub(crate) target: Option<Slot>,
}

impl Offered {
    /// Fetches list, indexes and hash tree, and compares them with the disk.
    ///
    /// # Errors
    /// When the server lacks something, nobody whom the image knows signed it, it contradicts itself, or fetching the whole takes
    /// fewer bytes.
    pub(crate) fn prepare(order: &Order, files: Files, web: Web) -> Result<Self> {
        let list = signed::list(&web, &order.keyrings)?;
        let offer = Offer::find(&list, &order.new, &order.running).map_err(anyhow::Error::msg)?;
        let read = |listed: &Listed| listed_file(&web, listed);
        let index = said(&offer.index.name, Index::parse(&read(&offer.index)?))?;
        if index.root != offer.root {
            bail!("{} is for another root hash than {}", offer.index.name, offer.usr);
        }
        // Without a patch, or with one that is of no use, blocks are fetched.
        let patch = offer.patch.as_ref().map(|patched| {
            read(&patched.index).and_then(|bytes| said(&patched.index.name, Patch::parse(&bytes)))
        });
        let patch = patch.and_then(useful).unwrap_or_default();
        let head = Head::new(index.uuid, index.salt.clone(), index.usr.bytes / BLOCK_BYTES);
        let head = said(&offer.index.name, head)?;
        let (running, target) = (Slot(files.usr), files.target.map(Slot));
        let (places, hashes) = running.places(&head, order.blocks)?;
        let usr = patch.usr.filter(|table| is_for(table, order, &offer, &head));
        let made = usr.as_ref().and_then(|table| useful(made(&web, &offer, table, &head, &hashes)));
        drop(hashes);
        let (usr, tree) = match made {
            Some(tree) if tree.bytes().1 == index.root => (usr, tree),
            // A block that the disk lost has another hash. The patch is as good as before, for all others.
            Some(_) => (usr, fetched(&web, &offer, &index)?),
            None => (None, fetched(&web, &offer, &index)?),
        };
        let is_there = |block: usize| {
            let leaf = tree.leaves().get(block).and_then(|leaf| places.of_block(leaf));
            let there = leaf.is_none().then(|| target.as_ref()?.block(block as u64)).flatten();
            there.is_some_and(|bytes| tree.proves(block, &bytes[..]))
        };
        let facts = Facts {
            leaves: tree.leaves(),
            target: &is_there,
            running: &places,
            index: &index,
            patch: usr.as_ref(),
            whole: index.packed(),
        };
        let Plan::Parts(parts) = plan(facts) else { bail!("the whole takes fewer bytes") };
        let kernel = files.kernel.map(Slot).zip(patch.kernel).filter(|(file, table)| has(file, table));
        let kernel = kernel.map(|(file, table)| (table, file));
        Ok(Self { web, offer, index, tree, parts, usr, kernel, running, target })
    }

    /// Returns what was fetched and what will be.
    pub(crate) fn summary(&self, port: u16) -> Ready {
        let kernel = self.kernel.as_ref().and_then(|(table, _)| range(table));
        Ready {
            port,
            fetched: self.web.fetched(),
            left: self.parts.bytes() + kernel.map_or(0, |range| range.end - range.start),
            requests: self.web.requests() + self.parts.requests() as u64 + 1,
            usr: self.index.usr.bytes,
            running: self.parts.reused(|source| matches!(source, Source::Running(_))),
            target: self.parts.reused(|source| matches!(source, Source::Target)),
            patched: !self.parts.patch.is_empty(),
            whole_kernel: self.kernel.is_none(),
        }
    }
}

/// Says why a patch is not used.
fn useful<T>(result: Result<T>) -> Option<T> {
    let say = |error: &anyhow::Error| {
        writeln!(std::io::stderr(), "pattern: the patch is not used: {error:#}").ok();
    };
    result.inspect_err(say).ok()
}

/// Fetches a file of the list.
fn listed_file(web: &Web, listed: &Listed) -> Result<Vec<u8>> {
    let bytes = web.small(&listed.name, LONGEST)?;
    let sum: Hash = Sha256::digest(&bytes).into();
    if sum != listed.sum {
        bail!("{} is not what the signed list says: is a cache before the server old?", listed.name);
    }
    Ok(bytes)
}

fn said<T>(name: &str, result: Result<T, String>) -> Result<T> {
    result.map_err(anyhow::Error::msg).with_context(|| format!("reading {name}"))
}

fn is_for(table: &Table, order: &Order, offer: &Offer, head: &Head) -> bool {
    let root = pattern::hex::encode(&table.old.id);
    root == order.root
        && u64::from(table.old.units) == order.blocks
        && table.new.id == offer.root
        && usize::try_from(table.new.units) == Ok(head.blocks())
}

/// Makes the tree of the hashes that the running version and the patch have.
fn made(web: &Web, offer: &Offer, table: &Table, head: &Head, running: &[Hash]) -> Result<Tree> {
    let name = offer.patch.as_ref().map_or("", |patched| patched.pieces.as_str());
    let more = match &table.hashes {
        Some(piece) => {
            let packed = Pieces::new(web, name, Some(piece.place.clone())).get(&piece.place)?;
            said(name, piece.open(&packed, &[]))?
        }
        None => Vec::new(),
    };
    let leaves = table.leaves(|block| running.get(size(block)).copied(), more.as_chunks().0);
    said(name, Tree::new(head.clone(), leaves))
}

/// Fetches the tree.
fn fetched(web: &Web, offer: &Offer, index: &Index) -> Result<Tree> {
    let end = index.tree.last().map_or(0, |piece| piece.place.end);
    let mut pieces = Pieces::new(web, &offer.blocks, Some(0..end));
    let mut bytes = Vec::new();
    for piece in &index.tree {
        bytes.extend(said(&offer.blocks, piece.open(&pieces.get(&piece.place)?, &[]))?);
    }
    said(&offer.blocks, Tree::prove(&bytes, &index.root))
}

/// Returns whether a patch is for this kernel image.
fn has(file: &Slot, table: &Table) -> bool {
    let mut hash = Sha256::new();
    let mut from = (&file.0).take(u64::from(table.old.units) + 1);
    let read = std::io::copy(&mut from, &mut Hashing(&mut hash));
    read.is_ok_and(|count| count == u64::from(table.old.units))
        && <[u8; 32]>::from(hash.finalize()) == table.old.id
}

struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Returns where the segments of a table lie, which follow each other.
pub(crate) fn range(table: &Table) -> Option<Range<u64>> {
    let (first, last) = (table.segments.first()?, table.segments.last()?);
    Some(first.piece.place.start..last.piece.place.end)
}

/// Numbers of blocks and of bytes of a kernel image have 32 bits.
pub(crate) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
