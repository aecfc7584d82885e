use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

/// A directory of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pattern-tree-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self) -> Tree {
        read(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn path(bytes: &[u8]) -> etc::Path {
    etc::Path::new(bytes).unwrap()
}

#[test]
fn everything_is_read_with_what_belongs_to_it() {
    let folder = Folder::new("all");
    let at = |name: &str| folder.0.join(name);
    fs::create_dir_all(at("ssh/empty")).unwrap();
    fs::write(at("ssh/key"), "secret").unwrap();
    fs::set_permissions(at("ssh/key"), Permissions::from_mode(0o4600)).unwrap();
    xattr::set(at("ssh/key"), "user.note", b"a\0b").unwrap();
    fs::write(at("passwd"), "root:x:0:0::/:/sh\n").unwrap();
    let name = OsStr::from_bytes(b"\xff\n");
    fs::write(folder.0.join(name), "").unwrap();
    let tree = folder.read();
    let paths: Vec<_> = tree.paths().map(etc::Path::bytes).collect();
    assert_eq!(paths, [&b"passwd"[..], b"ssh", b"ssh/empty", b"ssh/key", b"\xff\n"]);
    let key = tree.get(&path(b"ssh/key")).unwrap();
    assert_eq!(key.kind, Kind::File(Content::of_text(*b"secret")));
    let owner = fs::metadata(at("ssh/key")).unwrap();
    assert_eq!((key.meta.owner, key.meta.group, key.meta.mode), (owner.uid(), owner.gid(), 0o4600));
    assert_eq!(key.meta.attributes, [(b"user.note".to_vec(), b"a\0b".to_vec())].into());
    // Only what may have to be merged is kept in memory.
    let text = |name: &[u8]| match &tree.get(&path(name)).unwrap().kind {
        Kind::File(content) => content.text().map(<[u8]>::to_vec),
        _ => None,
    };
    assert_eq!((text(b"ssh/key"), text(b"passwd").unwrap()), (None, b"root:x:0:0::/:/sh\n".to_vec()));
}

/// As XFS shows an access control list besides `system.posix_acl_access`.
#[test]
fn a_list_that_xfs_shows_twice_is_read_once() {
    let folder = Folder::new("xfs");
    fs::write(folder.0.join("listed"), "").unwrap();
    let before = folder.read();
    for name in ["trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"] {
        // Without root, nobody can have such an attribute.
        if xattr::set(folder.0.join("listed"), name, b"list").is_ok() {
            assert_eq!(folder.read(), before, "{name}");
        }
    }
}

#[test]
fn links_are_read_and_nothing_behind_them() {
    let folder = Folder::new("links");
    let elsewhere = Folder::new("elsewhere");
    fs::write(elsewhere.0.join("x"), "").unwrap();
    for (name, target) in
        [("up", ".."), ("out", elsewhere.0.to_str().unwrap()), ("self", "self"), ("gone", "/gone")]
    {
        symlink(target, folder.0.join(name)).unwrap();
        let tree = folder.read();
        assert_eq!(tree.get(&path(name.as_bytes())).unwrap().kind, Kind::Link(target.into()));
    }
    assert_eq!(folder.read().paths().count(), 4);
    let error = read(&folder.0.join("out")).unwrap_err();
    assert!(format!("{error:#}").ends_with("out: ENOTDIR: Not a directory"), "{error:#}");
}

#[test]
fn nothing_that_waits_is_opened() {
    let folder = Folder::new("special");
    mkfifo(&folder.0.join("fifo"), Mode::S_IRUSR).unwrap();
    let _listener = UnixListener::bind(folder.0.join("socket")).unwrap();
    let tree = folder.read();
    let form = |name: &[u8]| match tree.get(&path(name)).unwrap().kind {
        Kind::Special { form, .. } => form,
        _ => 0,
    };
    assert_eq!((form(b"fifo"), form(b"socket")), (SFlag::S_IFIFO.bits(), SFlag::S_IFSOCK.bits()));
}

#[test]
fn a_file_that_is_too_long_has_its_hash_alone() {
    let folder = Folder::new("long");
    for (size, has_text) in [(LONGEST, true), (LONGEST + 1, false)] {
        let text = vec![b'x'; usize::try_from(size).unwrap()];
        fs::write(folder.0.join("group"), &text).unwrap();
        let tree = folder.read();
        let Kind::File(content) = &tree.get(&path(b"group")).unwrap().kind else { panic!() };
        assert_eq!(content.text().is_some(), has_text);
        assert_eq!(*content, Content::of_text(text));
    }
}

#[test]
fn what_has_no_end_is_refused() {
    let folder = Folder::new("deep");
    let mut below = folder.0.clone();
    for _ in 0..=DEEPEST {
        below.push("d");
    }
    fs::create_dir_all(&below).unwrap();
    let error = read(&folder.0).unwrap_err().to_string();
    assert!(error.ends_with("more than 100 directories in each other"), "{error}");
    fs::remove_dir(&below).unwrap();
    assert_eq!(folder.read().paths().count(), DEEPEST);
}

#[test]
fn what_vanishes_meanwhile_was_not_there() {
    let folder = Folder::new("gone");
    let opened = open(&folder.0, OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    let error = node(&opened, b"x", &path(b"x")).unwrap_err();
    assert!(is_gone(&error), "{error:#}");
    // One that may not be read is not one that vanished.
    let denied = Error::from(Errno::EACCES);
    assert!(!is_gone(&denied));
}
