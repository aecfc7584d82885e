//! An initrd is packed in parts, so that an update fetches the parts that changed. Each file comes out of them as it was.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use pattern_image::host::temporary;
use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mkosi/ukify/parts");
/// Bytes of a file that is a part by itself.
const LARGE: usize = 1 << 20;

/// A folder to be packed, whose files are of a time.
struct Tree(TempDir);

impl Tree {
    fn of(seconds: u64, version: &str) -> Self {
        let tree = Self(temporary::folder().unwrap());
        tree.add("etc/os-release", version.as_bytes());
        tree.add("usr/lib/library", &bytes(LARGE, 3));
        tree.add("usr/lib/another", &bytes(LARGE + 1, 5));
        tree.add("usr/lib/program", &bytes(70_001, 7));
        tree.add("usr/bin/one", b"one file with two names");
        fs::hard_link(tree.path("usr/bin/one"), tree.path("usr/bin/two")).unwrap();
        fs::set_permissions(tree.path("usr/bin/one"), fs::Permissions::from_mode(0o4711)).unwrap();
        symlink("usr/lib", tree.path("lib")).unwrap();
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
        for name in ["etc/os-release", "usr/lib/library", "usr/lib/program", "usr"] {
            File::open(tree.path(name)).unwrap().set_times(times).unwrap();
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, content: &[u8]) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Packs it as mkosi does, with one more command.
    fn packed(&self, more: &str) -> Vec<u8> {
        let cpio = "cpio --create --reproducible --renumber-inodes --format=newc --quiet";
        said(shell(&format!("find . -mindepth 1 | LC_ALL=C sort | {cpio} {more}"), self.0.path(), b"")).stdout
    }

    /// Returns of each file what the kernel makes: mode, number of names, and content or target.
    fn files(&self) -> BTreeMap<PathBuf, (u32, u64, Vec<u8>)> {
        let found = said(shell("find . -mindepth 1", self.0.path(), b"")).stdout;
        let names = String::from_utf8(found).unwrap();
        names.lines().map(|name| (PathBuf::from(name), description(&self.path(name)))).collect()
    }
}

fn description(path: &Path) -> (u32, u64, Vec<u8>) {
    let of = path.symlink_metadata().unwrap();
    let content = match of.file_type() {
        kind if kind.is_dir() => Vec::new(),
        kind if kind.is_symlink() => fs::read_link(path).unwrap().into_os_string().into_encoded_bytes(),
        _ => fs::read(path).unwrap(),
    };
    (of.mode(), if of.is_dir() { 0 } else { of.nlink() }, content)
}

/// Bytes that can't be packed much, of a kind.
fn bytes(count: usize, kind: u64) -> Vec<u8> {
    let mut state = kind;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(kind);
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

fn shell(script: &str, folder: &Path, input: &[u8]) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", script]).current_dir(folder).stdin(Stdio::from(file));
    command.output().unwrap()
}

fn said(output: Output) -> Output {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn run(archive: &[u8], to: &TempDir) -> Output {
    fs::write(to.path().join("initrd"), archive).unwrap();
    Command::new(SCRIPT).args([to.path(), &to.path().join("initrd")]).output().unwrap()
}

/// Returns the parts of an archive.
fn parts(archive: &[u8]) -> Vec<Vec<u8>> {
    let to = temporary::folder().unwrap();
    let names = String::from_utf8(said(run(archive, &to)).stdout).unwrap();
    names.lines().map(|name| fs::read(name).unwrap()).collect()
}

/// Unpacks the parts one after the other, as the kernel does.
fn unpacked(parts: &[Vec<u8>]) -> Tree {
    let tree = Tree(temporary::folder().unwrap());
    let cpio = "zstd --decompress --quiet | cpio --extract --preserve-modification-time --quiet";
    for part in parts {
        said(shell(cpio, tree.0.path(), part));
    }
    tree
}

#[test]
fn every_file_comes_out_as_it_was() {
    let tree = Tree::of(1_764_000_000, "1");
    for more in ["", "| zstd --quiet"] {
        let made = unpacked(&parts(&tree.packed(more)));
        assert_eq!(made.files(), tree.files(), "{more:?}");
        let inode = |name| made.path(name).metadata().unwrap().ino();
        assert_eq!(inode("usr/bin/one"), inode("usr/bin/two"));
        assert_eq!(made.path("usr/lib/library").metadata().unwrap().mtime(), 1);
    }
}

#[test]
fn a_later_version_has_the_same_parts_but_where_a_file_changed() {
    let old = parts(&Tree::of(1_764_000_000, "1").packed("| zstd --quiet"));
    let new = Tree::of(1_769_000_000, "2");
    new.add("etc/added", b"the numbers of all files behind it change");
    assert_eq!(old.len(), 4, "small files, others, and two that are large");
    let same = |new: &Tree| -> Vec<bool> {
        let new = parts(&new.packed("| zstd --quiet"));
        assert_eq!(new.len(), old.len());
        old.iter().zip(new).map(|(old, new)| *old == new).collect()
    };
    assert_eq!(same(&new), [false, true, true, true]);
    assert!(old[0].len() < 2000, "{}", old[0].len());
    new.add("usr/lib/library", &bytes(LARGE, 9));
    assert_eq!(same(&new), [false, true, true, false], "another is before library");
}

#[test]
fn an_archive_that_is_cut_is_refused() {
    let archive = Tree::of(1_764_000_000, "1").packed("");
    for length in [archive.len() - LARGE, 200, 7] {
        let output = run(&archive[..length], &temporary::folder().unwrap());
        assert!(!output.status.success(), "{length} bytes");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("parts: the initrd ends within "), "{length} bytes: {said}");
    }
    let damaged = [b"\x28\xb5\x2f\xfd".as_slice(), b"not what zstd makes"].concat();
    let said = run(&damaged, &temporary::folder().unwrap()).stderr;
    assert!(String::from_utf8_lossy(&said).contains("parts: zstd can't unpack "));
}

/// `Initrds=` of an image may name anything that the kernel unpacks.
#[test]
fn what_is_not_one_archive_stays_as_it_is() {
    let archive = Tree::of(1_764_000_000, "1").packed("");
    let two = [archive.as_slice(), &[0; 512], &archive].concat();
    for foreign in [two.as_slice(), b"\x1f\x8b: gzip", &shell("zstd", Path::new("/"), &two).stdout] {
        let to = temporary::folder().unwrap();
        let said = String::from_utf8(said(run(foreign, &to)).stdout).unwrap();
        assert_eq!(said.trim_end(), to.path().join("initrd").to_str().unwrap());
        assert_eq!(fs::read(to.path().join("initrd")).unwrap(), foreign);
    }
    let padded = [archive.as_slice(), &[0; 512]].concat();
    assert_eq!(parts(&padded), parts(&archive), "zeros at the end are not another one");
}

#[test]
fn archives_of_one_name_do_not_replace_each_other() {
    let to = temporary::folder().unwrap();
    let [first, second] = ["1", "2"].map(|version| {
        let archive = Tree::of(1_764_000_000, version).packed("");
        let names = String::from_utf8(said(run(&archive, &to)).stdout).unwrap();
        names.lines().next().unwrap().to_owned()
    });
    assert_ne!(fs::read(first).unwrap(), fs::read(second).unwrap());
}
