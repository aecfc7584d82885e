use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::open;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;
use crate::tree::{pick, read, remove};
use pattern::etc;

/// A directory of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pattern-copy-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("app")).unwrap();
        fs::create_dir_all(path.join("to")).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn copy(&self) -> Result<()> {
        copy(&opened(&self.0), OsStr::new("app"), &opened(&self.at("to")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0).ok();
    }
}

fn opened(path: &Path) -> OwnedFd {
    open(path, FOLDER, Mode::empty()).unwrap()
}

#[test]
fn a_copy_is_what_it_is_of() {
    let folder = Folder::new("all");
    let app = folder.at("app");
    fs::create_dir_all(app.join("a/b")).unwrap();
    fs::write(app.join("a/db"), vec![b'x'; 300_000]).unwrap();
    fs::hard_link(app.join("a/db"), app.join("a/b/again")).unwrap();
    fs::hard_link(app.join("a/db"), app.join("third")).unwrap();
    fs::set_permissions(app.join("a/db"), Permissions::from_mode(0o640)).unwrap();
    xattr::set(app.join("a"), "user.note", b"1").unwrap();
    symlink("/etc/shadow", app.join("link")).unwrap();
    symlink("..", app.join("a/up")).unwrap();
    mkfifo(&app.join("fifo"), Mode::S_IRWXU).unwrap();
    fs::set_permissions(app.join("a"), Permissions::from_mode(0o2750)).unwrap();
    folder.copy().unwrap();
    assert_eq!(read(&folder.at("to/app")).unwrap(), read(&app).unwrap());
    let inode = |name: &str| fs::metadata(folder.at("to/app").join(name)).unwrap().ino();
    assert!(inode("a/db") == inode("a/b/again") && inode("a/db") == inode("third"));
    let times = |place: &Path| {
        let found = fs::symlink_metadata(place).unwrap();
        (found.mtime(), found.mtime_nsec())
    };
    for name in ["a", "a/db", "link", "fifo", "."] {
        assert_eq!(times(&folder.at("to/app").join(name)), times(&app.join(name)), "{name}");
    }
    let size = measure(&opened(&folder.0), OsStr::new("app")).unwrap();
    assert!(size.names == 9 && size.bytes >= 3 * 300_000, "{size:?}");
}

#[test]
fn a_file_and_a_link_are_copied_as_such() {
    let folder = Folder::new("one");
    fs::remove_dir(folder.at("app")).unwrap();
    fs::write(folder.at("app"), "1").unwrap();
    folder.copy().unwrap();
    assert_eq!(fs::read(folder.at("to/app")).unwrap(), b"1");
    // Nothing is overwritten.
    assert!(folder.copy().is_err());
    fs::remove_file(folder.at("app")).unwrap();
    fs::remove_file(folder.at("to/app")).unwrap();
    symlink("elsewhere", folder.at("app")).unwrap();
    folder.copy().unwrap();
    assert_eq!(fs::read_link(folder.at("to/app")).unwrap(), Path::new("elsewhere"));
}

#[test]
fn holes_stay_holes() {
    let folder = Folder::new("holes");
    let file = File::create(folder.at("app/disk")).unwrap();
    file.write_all_at(b"middle", 8 << 20).unwrap();
    file.set_len(64 << 20).unwrap();
    let copy = File::create(folder.at("to/disk")).unwrap();
    sparse(&File::open(folder.at("app/disk")).unwrap(), &copy).unwrap();
    let found = copy.metadata().unwrap();
    assert!(found.len() == 64 << 20 && found.blocks() * 512 < 2 << 20, "{found:?}");
    assert!(fs::read(folder.at("to/disk")).unwrap() == fs::read(folder.at("app/disk")).unwrap());
}

#[test]
fn what_is_too_deep_is_refused() {
    let folder = Folder::new("deep");
    let below = (0..=DEEPEST).fold(folder.at("app"), |path, _| path.join("d"));
    fs::create_dir_all(&below).unwrap();
    let error = format!("{:#}", folder.copy().unwrap_err());
    assert!(error.ends_with("d: more than 100 directories in each other"), "{error}");
    assert!(measure(&opened(&folder.0), OsStr::new("app")).is_err());
}

#[test]
fn only_the_paths_that_are_asked_for_are_read() {
    let folder = Folder::new("pick");
    let (mine, image) = (folder.at("app"), folder.at("to"));
    for (place, text) in [("a/x", "1"), ("a/other", "1"), ("file", "1"), ("longer", "22")] {
        for root in [&mine, &image] {
            fs::create_dir_all(root.join("a")).unwrap();
            fs::write(root.join(place), text).unwrap();
        }
    }
    symlink("a", mine.join("link")).unwrap();
    fs::write(mine.join("longer"), "333").unwrap();
    let paths = ["a", "a/x", "a/y", "file", "file/x", "link", "link/x", "longer", "no", "no/x"];
    let paths = paths.map(|path| etc::Path::new(path).unwrap());
    let whole = read(&image).unwrap();
    let tree = pick(&mine, &paths, &|path, size| whole.has_size(path, size)).unwrap();
    let found: Vec<_> = tree.paths().map(ToString::to_string).collect();
    assert_eq!(found, ["a", "a/x", "file", "link", "longer"]);
    for path in ["a/x", "file"].map(|path| etc::Path::new(path).unwrap()) {
        assert_eq!(tree.get(&path), whole.get(&path));
    }
    // Of another size, so not read at all.
    let longer = etc::Path::new("longer").unwrap();
    let Kind::File(content) = &tree.get(&longer).unwrap().kind else { panic!() };
    assert_eq!(content.hash(), &[0; 32]);
}

/// A service could have 100000 files with several names, below a path of 4 KB.
#[test]
fn the_paths_that_are_remembered_take_a_bounded_memory() {
    let folder = Folder::new("memory");
    let app = folder.at("app");
    let name = |number: u8| format!("{number}{}", "x".repeat(30));
    for number in 0..4 {
        fs::write(app.join(name(number)), "").unwrap();
        fs::hard_link(app.join(name(number)), folder.at(&name(number))).unwrap();
    }
    let (from, to) = (opened(&folder.0), opened(&folder.at("to")));
    let copied = |room| {
        let device = fstat(&from).unwrap().st_dev;
        let mut copier = Copier { device, to: &to, path: Vec::new(), linked: BTreeMap::new(), room };
        let done = copier.one(Step { from: &from, to: &to, name: OsStr::new("app"), depth: 0 });
        remove(&folder.at("to/app")).unwrap();
        done.map(|()| copier.room)
    };
    assert_eq!(copied(4 * 35).unwrap(), 0);
    let error = copied(4 * 35 - 1).unwrap_err().root_cause().to_string();
    assert_eq!(error, "more than 32 MiB of paths of files with several names");
    for number in 0..4 {
        fs::rename(folder.at(&name(number)), app.join(format!("again-{number}"))).unwrap();
    }
    // What was found again is forgotten.
    assert_eq!(copied(4 * 40).unwrap(), 4 * 40);
}
