use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::PathBuf;

use nix::sys::stat::mknod;
use nix::unistd::mkfifo;

use super::*;
use crate::ioctl::lasting;
use crate::tree::{read, remove};

/// A directory of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pattern-build-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("from")).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join("from").join(name)
    }

    fn made(&self) -> PathBuf {
        self.0.join("made")
    }

    /// Makes the same again.
    fn build(&self) -> Result<Tree> {
        let root = self.0.join("from");
        let tree = read(&root)?;
        build(&self.made(), &tree, &[Source { root: &root, tree: &tree }])?;
        Ok(tree)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0).ok();
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `setfacl -m u:7:r`, as the kernel returns it.
fn acl() -> Vec<u8> {
    let entries = [(1, 6, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
    let bytes = entries.into_iter().flat_map(|(tag, mode, number): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &mode.to_le_bytes(), &number.to_le_bytes()].concat()
    });
    [2, 0, 0, 0].into_iter().chain(bytes).collect()
}

#[test]
fn what_is_made_has_all_that_belongs_to_it() {
    let folder = Folder::new("all");
    fs::create_dir_all(folder.at("ssh/empty")).unwrap();
    fs::write(folder.at("ssh/key"), "secret").unwrap();
    fs::write(folder.at("passwd"), "root:x:0:0::/:/sh\n").unwrap();
    fs::write(folder.at("ssh").join(OsStr::from_bytes(b"\xff\n")), vec![b'x'; 100_000]).unwrap();
    symlink("/etc/shadow", folder.at("link")).unwrap();
    mkfifo(&folder.at("fifo"), Mode::S_IRUSR).unwrap();
    xattr::set(folder.at("ssh/key"), "user.note", b"a\0b").unwrap();
    xattr::set(folder.at("ssh"), "system.posix_acl_default", &acl()).unwrap();
    xattr::set(folder.at("ssh/key"), "system.posix_acl_access", &acl()).unwrap();
    fs::set_permissions(folder.at("ssh/empty"), Permissions::from_mode(0o1700)).unwrap();
    if is_root() {
        lchown(folder.at("link"), Some(7), Some(8)).unwrap();
        lchown(folder.at("passwd"), Some(7), Some(8)).unwrap();
        let modes = Mode::S_IRUSR | Mode::S_IRGRP;
        mknod(&folder.at("null"), SFlag::S_IFCHR, modes, nix::sys::stat::makedev(1, 3)).unwrap();
    }
    fs::set_permissions(folder.at("passwd"), Permissions::from_mode(0o4640)).unwrap();
    let tree = folder.build().unwrap();
    assert_eq!(read(&folder.made()).unwrap(), tree);
    for (path, _) in tree.iter() {
        let name = OsStr::from_bytes(path.bytes());
        let [from, made] = [folder.0.join("from").join(name), folder.made().join(name)];
        let times =
            |path| fs::symlink_metadata(path).map(|found| (found.mtime(), found.mtime_nsec())).unwrap();
        assert_eq!(times(from), times(made), "{path}");
    }
    // A program that writes into a file must not change both.
    fs::write(folder.made().join("ssh/key"), "another").unwrap();
    assert_eq!(fs::read(folder.at("ssh/key")).unwrap(), b"secret");
}

#[test]
fn each_file_comes_from_the_first_source_that_has_it() {
    let (one, two) = (Folder::new("one"), Folder::new("two"));
    for (folder, text) in [(&one, "1"), (&two, "2")] {
        fs::create_dir_all(folder.at("a/b")).unwrap();
        fs::write(folder.at("a/b/x"), text).unwrap();
        fs::write(folder.at("group"), text).unwrap();
    }
    let [root_one, root_two] = [&one, &two].map(|folder| folder.0.join("from"));
    let [tree_one, tree_two] = [&root_one, &root_two].map(|root| read(root).unwrap());
    let mut wanted = tree_one.clone();
    let path = |name: &str| etc::Path::new(name).unwrap();
    wanted.insert(path("a/b/x"), tree_two.get(&path("a/b/x")).unwrap().clone()).unwrap();
    let merged = Node {
        kind: Kind::File(etc::Content::of_text(*b"12")),
        ..tree_one.get(&path("group")).unwrap().clone()
    };
    wanted.insert(path("group"), merged).unwrap();
    let sources = [Source { root: &root_one, tree: &tree_one }, Source { root: &root_two, tree: &tree_two }];
    build(&one.made(), &wanted, &sources).unwrap();
    assert_eq!(read(&one.made()).unwrap(), wanted);
    // A content that nobody has.
    let unknown = Node {
        kind: Kind::File(etc::Content::of_hash([0; 32], 0)),
        ..wanted.get(&path("a/b/x")).unwrap().clone()
    };
    wanted.insert(path("a/b/x"), unknown).unwrap();
    let error = format!("{:#}", build(&two.made(), &wanted, &sources).unwrap_err());
    assert!(error.ends_with("made/a/b/x: its content is not known"), "{error}");
}

#[test]
fn nothing_is_made_in_the_place_of_something_or_behind_a_link() {
    let folder = Folder::new("place");
    fs::create_dir_all(folder.at("a")).unwrap();
    fs::write(folder.at("a/x"), "1").unwrap();
    fs::create_dir(folder.0.join("elsewhere")).unwrap();
    symlink(folder.0.join("elsewhere"), folder.made()).unwrap();
    let error = format!("{:#}", folder.build().unwrap_err());
    assert!(error.ends_with("made: EEXIST: File exists"), "{error}");
    assert_eq!(fs::read_dir(folder.0.join("elsewhere")).unwrap().count(), 0);
    fs::remove_file(folder.made()).unwrap();
    // A directory that becomes a link after it was read.
    let root = folder.0.join("from");
    let tree = read(&root).unwrap();
    fs::rename(folder.at("a"), folder.0.join("elsewhere/a")).unwrap();
    symlink(folder.0.join("elsewhere/a"), folder.at("a")).unwrap();
    let error =
        format!("{:#}", build(&folder.made(), &tree, &[Source { root: &root, tree: &tree }]).unwrap_err());
    assert!(error.ends_with("made/a: ENOTDIR: Not a directory"), "{error}");
}

#[test]
fn what_is_immutable_stays_so_and_is_removed_nevertheless() {
    let folder = Folder::new("flags");
    fs::create_dir_all(folder.at("d")).unwrap();
    fs::write(folder.at("d/x"), "1").unwrap();
    let open = |path: PathBuf| File::open(path).unwrap();
    // Only root may, and not each file system has flags.
    if ioctl::set_immutable(&open(folder.at("d/x")), true).is_err() {
        return;
    }
    ioctl::set_immutable(&open(folder.at("d")), true).unwrap();
    let tree = folder.build().unwrap();
    assert_eq!(read(&folder.made()).unwrap(), tree);
    for name in ["d", "d/x"] {
        assert!(!lasting(&open(folder.made().join(name))).is_none(), "{name}");
    }
    fs::remove_dir_all(folder.made()).unwrap_err();
    let outside = folder.0.join("outside");
    fs::write(&outside, "").unwrap();
    remove(&folder.made()).unwrap();
    assert!(!folder.made().exists() && outside.exists());
}

#[test]
fn a_removed_tree_takes_nothing_along_that_it_has_links_to() {
    let folder = Folder::new("remove");
    fs::create_dir_all(folder.0.join("elsewhere")).unwrap();
    fs::write(folder.0.join("elsewhere/x"), "1").unwrap();
    symlink(folder.0.join("elsewhere"), folder.at("link")).unwrap();
    symlink(folder.0.join("elsewhere"), folder.made()).unwrap();
    remove(&folder.made()).unwrap();
    remove(&folder.0.join("from")).unwrap();
    remove(&folder.0.join("from")).unwrap();
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    assert!(folder.0.join("elsewhere/x").exists());
}
