//! Writes the packed blocks of a version and their index.

use std::io::Write;
use std::ops::Range;

use anyhow::{Context as _, Result, bail};
use pattern::delta::index::{Index, Sum};
use pattern::delta::piece::Piece;
use pattern::delta::tree::Tree;
use pattern::delta::{BLOCK, Hash};

use super::pack;
use super::version::Usr;
use crate::host::step::Step;

/// Blocks in a group. Of a month of Debian without a new kernel, 7.0 MB are fetched with 8, 9.4 with 16, and 21.5 with 64: a group
/// is fetched for one block, too. With 4 they are 5.7, but the index grows by 0.12 MB for every update.
const PER_GROUP: usize = 8;
/// Groups that are in memory at once.
const AT_ONCE: usize = 512;

/// A version whose blocks are packed.
pub(super) struct Version<'a> {
    pub(super) usr: &'a Usr,
    /// Of the file with `/usr`.
    pub(super) usr_sum: Sum,
    pub(super) tree: &'a Tree,
    /// Of the file with the tree, and zeros behind it.
    pub(super) tree_sum: Sum,
    pub(super) root: Hash,
}

/// Writes all groups of a version, and returns their index.
///
/// # Errors
/// When `/usr` is not what its tree says, or can't be read, or the groups can't be written.
pub(super) fn write(version: &Version, to: &mut impl Write, step: &Step) -> Result<Index> {
    let mut writer = Writer { to, at: 0 };
    let (tree, _root) = version.tree.bytes();
    let groups: Vec<&[u8]> = tree.chunks(PER_GROUP * BLOCK).collect();
    let tree = writer.add(pack::each(&groups, |group| Ok((pack::pack(group, &[])?, group.len())))?)?;
    let blocks = version.usr.blocks();
    let many = u32::try_from(PER_GROUP)?;
    let all: Vec<Range<u32>> =
        (0..blocks).step_by(PER_GROUP).map(|start| start..blocks.min(start + many)).collect();
    let mut groups = Vec::with_capacity(all.len());
    for some in all.chunks(AT_ONCE) {
        step.show(&format!("packing, {} %", groups.len() * 100 / all.len().max(1)));
        groups.extend(writer.add(pack::each(some, |group| packed(version, group))?)?);
    }
    Ok(Index {
        per_group: PER_GROUP,
        usr: version.usr_sum.clone(),
        verity: version.tree_sum.clone(),
        root: version.root,
        uuid: version.tree.head().uuid(),
        salt: version.tree.head().salt().to_vec(),
        tree,
        groups,
    })
}

/// Packs a group, and returns how many bytes it unpacks to.
fn packed(version: &Version, group: &Range<u32>) -> Result<(Vec<u8>, usize)> {
    let content = version.usr.read(group)?;
    for (block, index) in content.chunks(BLOCK).zip(group.clone()) {
        if !version.tree.proves(usize::try_from(index)?, block) {
            bail!("block {index} of /usr is not what the hash tree says");
        }
    }
    Ok((pack::pack(&content, &[])?, content.len()))
}

/// Writes pieces one behind the other.
pub(super) struct Writer<'a, W> {
    pub(super) to: &'a mut W,
    pub(super) at: u64,
}

impl<W: Write> Writer<'_, W> {
    /// Writes packed pieces, and describes them.
    ///
    /// # Errors
    /// When they can't be written.
    pub(super) fn add(&mut self, pieces: Vec<(Vec<u8>, usize)>) -> Result<Vec<Piece>> {
        let add = |(packed, length): (Vec<u8>, usize)| {
            self.to.write_all(&packed).context("writing packed pieces")?;
            let piece = Piece::of(&packed, self.at, length);
            self.at = piece.place.end;
            Ok(piece)
        };
        pieces.into_iter().map(add).collect()
    }
}
