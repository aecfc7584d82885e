//! The files of a version: as they were built, and as they are published.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use pattern::delta::Hash;
use pattern::delta::index::{self, Index};
use pattern::delta::patch::{self, Patch};
use pattern::hex;

/// A version that was built and published.
pub struct Version {
    /// `ID_VERSION`
    pub base: String,
    /// What `pattern build` wrote.
    pub folder: PathBuf,
    /// The unpacked `/usr`.
    pub usr: PathBuf,
    /// The kernel image.
    pub kernel: PathBuf,
    release: PathBuf,
}

impl Version {
    pub fn find(release: &Path, folder: &Path) -> Self {
        let base = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let usr = names(folder).into_iter().find(|name| name.ends_with(".usr.raw"));
        Self {
            usr: folder.join(usr.unwrap_or_else(|| panic!("no .usr.raw in {}", folder.display()))),
            kernel: folder.join(format!("{base}.efi")),
            folder: folder.to_owned(),
            release: release.to_owned(),
            base,
        }
    }

    /// What a stock machine fetches, in bytes: `/usr` and its hash tree, both as they are published, and the kernel image.
    pub fn whole(&self) -> [u64; 3] {
        let is = |name: &str, part: &str| name.starts_with(&format!("{}_", self.base)) && name.contains(part);
        let part = |part: &str| names(&self.release).into_iter().find(|name| is(name, part));
        let files = [part(".usr.raw"), part(".verity.raw"), Some(format!("{}.efi", self.base))];
        files.map(|name| size(&self.release.join(name.unwrap())))
    }

    /// What `SHA256SUMS` says of the kernel image.
    pub fn kernel_sum(&self) -> Hash {
        let sums = fs::read_to_string(self.release.join("SHA256SUMS")).unwrap();
        let lines = sums.lines().filter_map(|line| line.split_once(' '));
        let name = format!("{}.efi", self.base);
        let found = lines.into_iter().find(|(_, file)| file.trim_start_matches([' ', '*']) == name);
        hex::decode(found.unwrap().0).unwrap().try_into().unwrap()
    }

    pub fn index(&self) -> (Index, u64) {
        let path = self.release.join(format!("{}{}", self.base, index::INDEX));
        (Index::parse(&fs::read(&path).unwrap()).unwrap(), size(&path))
    }

    pub fn blocks(&self) -> File {
        open(&self.release.join(format!("{}{}", self.base, index::BLOCKS)))
    }

    pub fn patch_index(&self, old: &Self) -> (Patch, u64) {
        let path = self.release.join(patch::name(&self.base, &old.base, patch::INDEX));
        (Patch::parse(&fs::read(&path).unwrap()).unwrap(), size(&path))
    }

    pub fn patch(&self, old: &Self) -> File {
        open(&self.release.join(patch::name(&self.base, &old.base, patch::PATCH)))
    }
}

pub fn open(path: &Path) -> File {
    File::open(path).unwrap_or_else(|error| panic!("opening {}: {error}", path.display()))
}

pub fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap_or_else(|error| panic!("looking at {}: {error}", path.display())).len()
}

/// Reads a part of a file.
pub fn part(file: &File, place: std::ops::Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap()];
    file.read_exact_at(&mut bytes, place.start).unwrap();
    bytes
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
