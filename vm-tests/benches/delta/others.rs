//! What other programs would fetch for the same update.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use pattern::delta::{BLOCK, BLOCK_BYTES, Hash};
use pattern_vm_tests::Version;
use sha2::{Digest as _, Sha256};

/// Bytes of both.
#[derive(Clone, Copy, Debug)]
pub struct Others {
    /// RAUC's adaptive method `block-hash-index`, by its definition: the SHA-256 of each block of 4096 bytes, and each block that
    /// the other slot lacks, as it lies in the bundle. The kernel image is a file, and is fetched whole.
    pub rauc: u64,
    /// casync with its own sizes of chunks: the indexes, and each chunk that its store lacks, packed.
    pub casync: u64,
}

pub fn of(old: &Version, new: &Version) -> Others {
    let hash = |block: &[u8]| Hash::from(Sha256::digest(block));
    let [before, now] = [old, new].map(|version| fs::read(&version.usr).unwrap());
    let there: BTreeSet<Hash> = before.chunks(BLOCK).map(hash).collect();
    let missing = now.chunks(BLOCK).filter(|block| !there.contains(&hash(block))).count() as u64;
    let hashes = size(&new.usr) / BLOCK_BYTES * size_of::<Hash>() as u64;
    Others { rauc: missing * BLOCK_BYTES + hashes + size(&new.kernel), casync: casync(old, new) }
}

fn casync(old: &Version, new: &Version) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let add = |file: &Path| {
        let index = place.path().join("index.caibx");
        let mut casync = Command::new("casync");
        casync.arg("make").arg(format!("--store={}", place.path().join("store").display()));
        let output = casync.arg(&index).arg(file).output().expect("starting casync");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        size(&index)
    };
    for file in [&old.usr, &old.kernel] {
        add(file);
    }
    let before = chunks(&place.path().join("store"));
    let indexes: u64 = [&new.usr, &new.kernel].into_iter().map(|file| add(file)).sum();
    let after = chunks(&place.path().join("store"));
    indexes + after.iter().filter(|(name, _)| !before.contains_key(*name)).map(|(_, size)| size).sum::<u64>()
}

/// The sizes of the chunks. A store has folders of them.
fn chunks(store: &Path) -> BTreeMap<String, u64> {
    let folders = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect()
}

pub fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}
