//! On real directories. The mark and owners need root: without root these tests do nothing.

mod cuts;
mod hostile;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use pattern::etc::Tree;
use pattern_machine::tree::{read, remove};

use super::*;
use crate::volume::samples::{is_root, mark, names, put};

/// A machine's volume, and the factory directory of each version. Removed at the end.
struct Machine(PathBuf);

const ONE: [(&str, &str); 6] = [
    ("lib/app/seed", "1"),
    ("lib/app/db", "1"),
    ("lib/app/conf", "1"),
    ("lib/gone/x", "1"),
    ("lib/old", "1"),
    ("log/README", "1"),
];
const TWO: [(&str, &str); 7] = [
    ("lib/app/seed", "2"),
    ("lib/app/db", "2"),
    ("lib/app/conf", "1"),
    ("lib/app/more", "2"),
    ("lib/new/deep/x", "2"),
    ("lib/new/y", "2"),
    ("log/README", "1"),
];

impl Machine {
    /// Fills the `/var` of version 1, and starts it.
    fn installed(name: &str) -> Self {
        let machine = Self::empty(name);
        machine.fill(1);
        machine.try_boot(1, true).unwrap();
        machine
    }

    fn empty(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Tests run at the same time.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pattern-var-{name}-{count}-{}", std::process::id());
        let machine = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(machine.0.join("volume/root/var")).unwrap();
        for (version, files) in [(1, &ONE[..]), (2, &TWO[..])] {
            for (path, text) in files {
                put(&machine.image(version), path, text);
            }
        }
        machine
    }

    fn fill(&self, version: u8) {
        let factory = self.image(version).parent().unwrap().to_owned();
        pattern_machine::factory::fill(&factory, "var", &self.var()).unwrap();
    }

    fn image(&self, version: u8) -> PathBuf {
        self.0.join(format!("{version}/var"))
    }

    fn var(&self) -> PathBuf {
        self.0.join("volume/root/var")
    }

    fn own(&self) -> PathBuf {
        self.0.join("volume/root/.var")
    }

    fn place(&self, version: u8) -> Place {
        let factory = self.0.join(version.to_string());
        let etc = self.0.join("volume/root/etc");
        let names = etc.is_dir().then(|| (etc, factory.join("etc")));
        Place { layout: Layout::of("var", &self.0.join("volume"), &factory), names }
    }

    fn try_boot(&self, version: u8, is_new: bool) -> Result<()> {
        bring(&self.place(version), &mark(version), is_new)
    }

    fn boot(&self, version: u8) {
        self.try_boot(version, false).unwrap();
        assert_eq!(self.marks(), Some(Marks::at(mark(version))));
        assert!(self.beside().iter().any(|name| name == mark(version).id()));
    }

    fn marks(&self) -> Option<Marks> {
        self.place(1).layout.mark(&self.var()).unwrap().and_then(|mark| Marks::parse(&mark))
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.var().join(path)).ok()
    }

    fn tree(&self) -> Tree {
        read(&self.var()).unwrap()
    }

    fn beside(&self) -> Vec<String> {
        names(&self.own())
    }

    /// What programs write there, and an owner.
    fn use_it(&self) {
        put(&self.var(), "lib/app/db", "mine, and longer");
        put(&self.var(), "lib/own/x", "mine");
        put(&self.var(), "lib/gone/beside", "mine");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        remove(&self.0).ok();
    }
}

fn is_of_version_2(machine: &Machine) {
    let text = |path| machine.text(path);
    let two = Some("2".to_owned());
    assert_eq!(
        (text("lib/app/seed"), text("lib/app/more"), text("lib/new/y")),
        (two.clone(), two.clone(), two)
    );
    assert_eq!((text("lib/old"), text("lib/gone/x")), (None, None));
    has_what_the_machine_wrote(machine);
}

fn has_what_the_machine_wrote(machine: &Machine) {
    assert_eq!(machine.text("lib/app/db").unwrap(), "mine, and longer");
    assert_eq!(machine.text("lib/own/x").unwrap(), "mine");
    assert_eq!(machine.text("lib/gone/beside").unwrap(), "mine");
}

#[test]
fn a_kept_var_follows_the_image_forward_and_back() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("follows");
    machine.use_it();
    fs::set_permissions(machine.image(2).join("lib/new"), fs::Permissions::from_mode(0o2750)).unwrap();
    chown(machine.image(2).join("lib/new"), Some(7), Some(8)).unwrap();
    xattr::set(machine.image(2).join("lib/app/more"), "user.a", b"1").unwrap();
    machine.boot(2);
    is_of_version_2(&machine);
    let new = fs::metadata(machine.var().join("lib/new")).unwrap();
    assert_eq!((new.uid(), new.gid(), new.mode() & 0o7777), (7, 8, 0o2750));
    assert_eq!(xattr::get(machine.var().join("lib/app/more"), "user.a").unwrap().unwrap(), b"1");
    // Nothing else is kept, for the next plan.
    assert_eq!(machine.beside(), [mark(2).id()]);
    let before = machine.tree();
    machine.boot(2);
    assert_eq!(machine.tree(), before);
    // What the machine writes meanwhile stays, too.
    put(&machine.var(), "lib/new/y", "mine");
    machine.boot(1);
    has_what_the_machine_wrote(&machine);
    assert_eq!(machine.text("lib/app/seed").unwrap(), "1");
    assert_eq!(
        (machine.text("lib/old").unwrap(), machine.text("lib/gone/x").unwrap()),
        ("1".into(), "1".into())
    );
    assert_eq!(
        (machine.text("lib/new/y").unwrap(), machine.text("lib/new/deep/x")),
        ("mine".to_owned(), None)
    );
    assert!(!machine.var().join("lib/new/deep").exists());
}

#[test]
fn an_ordinary_boot_and_an_image_without_a_var_change_nothing() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("none");
    let before = machine.tree();
    put(&machine.image(1), "lib/later", "x");
    machine.boot(1);
    assert_eq!(machine.tree(), before);
    // As on NixOS.
    machine.try_boot(3, false).unwrap();
    assert_eq!((machine.tree(), machine.marks()), (before, Some(Marks::at(mark(1)))));
    machine.boot(2);
    assert_eq!(machine.text("lib/new/y").unwrap(), "2");
}

#[test]
fn a_var_from_before_is_taken_as_it_is_and_follows_from_then_on() {
    if !is_root() {
        return;
    }
    let machine = Machine::empty("before");
    machine.fill(1);
    fs::remove_file(machine.var().join("lib/old")).unwrap();
    let before = machine.tree();
    machine.boot(1);
    assert_eq!(machine.tree(), before);
    machine.boot(2);
    assert_eq!(machine.text("lib/new/y").unwrap(), "2");
    // What is kept of the version before is lost: the same.
    remove(&machine.own()).unwrap();
    let before = machine.tree();
    machine.boot(1);
    assert_eq!(machine.tree(), before);
}

/// The same names have other numbers in the image, and in its next version.
#[test]
fn files_belong_to_the_names_that_the_image_gives_them_to() {
    if !is_root() {
        return;
    }
    let machine = Machine::empty("owners");
    let names = |folder: &Path, number: u32| {
        put(folder, "passwd", &format!("root:x:0:0::/:\napp:x:{number}:{number}::/:\n"));
        put(folder, "group", &format!("root:x:0:\napp:x:{number}:\n"));
    };
    names(&machine.0.join("volume/root/etc"), 990);
    for (version, number) in [(1, 991), (2, 992)] {
        names(&machine.0.join(format!("{version}/etc")), number);
        for path in ["lib/app", "lib/app/seed", "lib/app/conf"] {
            chown(machine.image(version).join(path), Some(number), Some(number)).unwrap();
        }
    }
    // Filled as the image has it: the numbers are put right in the same boot.
    machine.fill(1);
    machine.try_boot(1, true).unwrap();
    let owners = || {
        ["lib/app", "lib/app/seed", "lib/app/conf"].map(|path| {
            let found = fs::metadata(machine.var().join(path)).unwrap();
            (found.uid(), found.gid())
        })
    };
    assert_eq!(owners(), [(990, 990); 3]);
    machine.boot(2);
    assert_eq!(owners(), [(990, 990); 3]);
    assert_eq!(machine.text("lib/app/seed").unwrap(), "2");
}
