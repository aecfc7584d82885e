use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};

use super::*;

/// A directory of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pattern-seed-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("factory/etc/ssl")).unwrap();
        fs::create_dir_all(path.join("factory/var")).unwrap();
        fs::create_dir_all(path.join("volume")).unwrap();
        fs::write(path.join("factory/etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        Self(path)
    }

    fn factory(&self) -> PathBuf {
        self.0.join("factory")
    }

    fn volume(&self) -> PathBuf {
        self.0.join("volume")
    }

    fn ensure(&self, asked: &Persist) -> Result<Vec<String>> {
        let missing = missing(&self.volume(), asked)?;
        make_all(&self.volume(), &missing, &self.factory()).map(|()| missing)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

const ALL: Persist = Persist { etc: true, home: true, srv: true, var: true, rollback: Vec::new() };
const NONE: Persist = Persist { etc: false, home: false, srv: false, var: false, rollback: Vec::new() };

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn directories_asked_for_later_are_made_and_the_others_left_alone() {
    let folder = Folder::new("later");
    assert_eq!(folder.ensure(&Persist { var: true, ..NONE }).unwrap(), ["var"]);
    let root = folder.volume().join("root");
    fs::write(root.join("var/kept"), "mine").unwrap();
    assert_eq!(missing(&folder.volume(), &ALL).unwrap(), ["etc", "home", "srv"]);
    assert_eq!(folder.ensure(&ALL).unwrap(), ["etc", "home", "srv"]);
    assert_eq!(fs::read_to_string(root.join("var/kept")).unwrap(), "mine");
    assert!(root.join("etc/passwd").exists() && fs::read_dir(root.join("home")).unwrap().next().is_none());
    assert!(["etc", "home", "srv", "var"].iter().all(|name| mode(&root.join(name)) == 0o755));
    assert!(folder.ensure(&ALL).unwrap().is_empty());
}

#[test]
fn what_a_power_cut_left_half_done_is_done_again() {
    let folder = Folder::new("cut");
    let half = folder.volume().join("root/.etc.new");
    fs::create_dir_all(half.join("ssl")).unwrap();
    fs::write(half.join("passwd"), "ro").unwrap();
    assert_eq!(folder.ensure(&Persist { etc: true, ..NONE }).unwrap(), ["etc"]);
    let passwd = folder.volume().join("root/etc/passwd");
    assert!(fs::read_to_string(passwd).unwrap().starts_with("root:"));
    assert!(!half.exists());
}

#[test]
fn something_else_in_a_directorys_place_is_named() {
    let folder = Folder::new("place");
    fs::create_dir_all(folder.volume().join("root")).unwrap();
    symlink("/elsewhere", folder.volume().join("root/etc")).unwrap();
    let error = folder.ensure(&ALL).unwrap_err();
    assert!(error.to_string().starts_with("root/etc on the volume is not a directory"), "{error}");
    assert!(!folder.volume().join("root/home").exists());
}

#[test]
fn a_copy_keeps_all_that_belongs_to_a_file() {
    let folder = Folder::new("keeps");
    let etc = folder.factory().join("etc");
    let shadow = etc.join("shadow");
    fs::write(&shadow, "root:!::\n").unwrap();
    xattr::set(&shadow, "user.note", b"kept").unwrap();
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o4640)).unwrap();
    fs::hard_link(&shadow, etc.join("shadow.again")).unwrap();
    symlink("../usr/lib/os-release", etc.join("os-release")).unwrap();
    fs::set_permissions(etc.join("ssl"), fs::Permissions::from_mode(0o1700)).unwrap();
    // Only root can change a file's owner. Without root, the owner is the tester before and after.
    let given = lchown(&shadow, Some(7), Some(42)).is_ok();
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o4640)).unwrap();
    folder.ensure(&Persist { etc: true, ..NONE }).unwrap();

    let copy = folder.volume().join("root/etc");
    let (before, after) = (fs::metadata(&shadow).unwrap(), fs::metadata(copy.join("shadow")).unwrap());
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert!(!given || (after.uid(), after.gid()) == (7, 42));
    assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    assert_eq!(xattr::get(copy.join("shadow"), "user.note").unwrap().unwrap(), b"kept");
    assert_eq!(fs::metadata(copy.join("shadow.again")).unwrap().ino(), after.ino());
    assert_eq!(fs::read_link(copy.join("os-release")).unwrap(), Path::new("../usr/lib/os-release"));
    assert_eq!(mode(&copy.join("ssl")), 0o1700);
}

#[test]
fn a_new_volume_gets_all_directories_with_their_first_content() {
    let folder = Folder::new("begin");
    begin_from(&folder.volume(), &ALL, &folder.factory()).unwrap();
    let root = folder.volume().join("root");
    assert!(root.join("etc/passwd").exists() && fs::read_dir(root.join("home")).unwrap().next().is_none());
    assert!(["etc", "home", "srv", "var"].iter().all(|name| mode(&root.join(name)) == 0o755));
    assert!(missing(&folder.volume(), &ALL).unwrap().is_empty());
    let error = begin_from(&folder.volume(), &ALL, &folder.factory()).unwrap_err();
    assert!(format!("{error:#}").contains("root: File exists"), "{error:#}");
}
