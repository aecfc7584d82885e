//! The `/usr` of a version and its hash tree, as files.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use pattern::delta::tree::{Head, Tree};
use pattern::delta::{BLOCK, BLOCK_BYTES, Hash};
use pattern::hex;
use pattern::update::release::Part;

use crate::host::file;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// The `/usr` of a version, not packed.
pub(super) struct Usr {
    pub(super) path: PathBuf,
    file: File,
    bytes: u64,
}

impl Usr {
    /// # Errors
    /// When it can't be opened, or has no whole blocks.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = file::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes == 0 || !bytes.is_multiple_of(BLOCK_BYTES) {
            bail!("{} has {bytes} bytes, which are not whole blocks", path.display());
        }
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    pub(super) fn blocks(&self) -> u32 {
        u32::try_from(self.bytes / BLOCK_BYTES).unwrap_or(u32::MAX)
    }

    /// Returns the content of some blocks.
    ///
    /// # Errors
    /// When they can't be read.
    pub(super) fn read(&self, blocks: &Range<u32>) -> Result<Vec<u8>> {
        let count = usize::try_from(blocks.end - blocks.start)?;
        let mut content = vec![0; count * BLOCK];
        self.file
            .read_exact_at(&mut content, u64::from(blocks.start) * BLOCK_BYTES)
            .with_context(|| format!("reading {}", self.path.display()))?;
        Ok(content)
    }

    /// Calls something with each block in its order.
    ///
    /// # Errors
    /// When one can't be read.
    pub(super) fn each(&self, mut act: impl FnMut(&[u8])) -> Result<()> {
        let step = u32::try_from(CHUNK / BLOCK)?;
        for start in (0..self.blocks()).step_by(CHUNK / BLOCK) {
            let chunk = self.read(&(start..self.blocks().min(start + step)))?;
            chunk.chunks(BLOCK).for_each(&mut act);
        }
        Ok(())
    }
}

/// Reads a hash tree from its partition, and proves it.
///
/// # Errors
/// When it is not the tree with this root hash, or something follows it.
pub(super) fn tree(path: &Path, root: &Hash) -> Result<Tree> {
    let reading = || format!("reading {}", path.display());
    let mut file = file::open(path)?;
    let mut first = [0; BLOCK];
    file.read_exact(&mut first).with_context(reading)?;
    let head = Head::parse(&first).map_err(|why| anyhow!(why)).with_context(reading)?;
    let mut bytes = vec![0; head.tree_blocks() * BLOCK];
    file.seek(SeekFrom::Start(0)).with_context(reading)?;
    file.read_exact(&mut bytes).with_context(reading)?;
    let tree = Tree::prove(&bytes, root).map_err(|why| anyhow!(why)).with_context(reading)?;
    let mut rest = Vec::new();
    while file.by_ref().take(CHUNK as u64).read_to_end(&mut rest).with_context(reading)? > 0 {
        if rest.iter().any(|byte| *byte != 0) {
            bail!("{}: something follows the hash tree", reading());
        }
        rest.clear();
    }
    Ok(tree)
}

/// Returns the root hash that the names of both partitions tell: their UUIDs are its first and its last 16 bytes.
pub(super) fn root(usr: &str, verity: &str) -> Option<Hash> {
    let half = |name: &str, part: Part| {
        let (stem, _) = name.split_once(&format!(".{}.raw", part.name()))?;
        let uuid = stem.rsplit('_').nth(1)?.replace('-', "");
        <[u8; 16]>::try_from(hex::decode(&uuid)?).ok()
    };
    let halves = [half(usr, Part::Usr)?, half(verity, Part::Verity)?];
    halves.concat().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_root_hash() {
        let usr = "demo_0.0.1_9c1a3303b496e3c1be7874c8a1ad0e3a_183205888.usr.raw.xz";
        let verity = "demo_0.0.1_dd87fdd4-61fe-5a00-ad3c-bad83fc5e9b8_209715200.verity.raw";
        let root = root(usr, verity).unwrap();
        assert_eq!(hex::encode(&root), "9c1a3303b496e3c1be7874c8a1ad0e3add87fdd461fe5a00ad3cbad83fc5e9b8");
        for other in ["x_1_0a_9.usr.raw", "x_1.usr.raw", "x_1.efi"] {
            assert_eq!(super::root(other, verity), None, "{other}");
        }
    }
}
