//! On real directories. The mark and owners need root: without root these tests do nothing.

mod choices;
mod cuts;
mod hostile;
mod overlay;
mod room;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use pattern::etc::{Mark, Tree};
use pattern_machine::tree::{read, remove};

use super::layout::Layout;
use super::steps::{Step, Work};
use super::{Carry, bring, carry_out};
use crate::volume::samples::{is_root, mark, names, put};

/// A machine's volume, and the factory directory of each version. Removed at the end.
struct Machine {
    folder: PathBuf,
    /// How often it started.
    boots: usize,
}

impl Machine {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pattern-follow-{name}-{}", std::process::id()));
        Self::in_folder(folder)
    }

    /// Fills the `/etc` of version 1, and starts it.
    fn in_folder(folder: PathBuf) -> Self {
        fs::create_dir_all(folder.join("volume/root")).unwrap();
        let machine = Self { folder, boots: 0 };
        for (path, text) in ONE {
            put(&machine.image(1), path, text);
        }
        for (path, text) in TWO {
            put(&machine.image(2), path, text);
        }
        machine
    }

    /// Has an `/etc` like that of version 1, made in this boot.
    fn installed(name: &str) -> Self {
        Self::new(name).install()
    }

    fn install(mut self) -> Self {
        copy(&self.image(1), &self.etc());
        self.boot_new(1);
        self
    }

    /// The `/etc` of a version.
    fn image(&self, version: u8) -> PathBuf {
        self.folder.join(format!("{version}/etc"))
    }

    fn etc(&self) -> PathBuf {
        self.folder.join("volume/root/etc")
    }

    fn own(&self) -> PathBuf {
        self.folder.join("volume/root/.etc")
    }

    fn layout(&self, version: u8) -> Layout {
        Layout::new(&self.folder.join("volume"), &self.folder.join(version.to_string()))
    }

    fn try_boot(&mut self, version: u8, is_new: bool) -> anyhow::Result<()> {
        self.boots += 1;
        bring(&self.layout(version), &mark(version), is_new, &carry_out)
    }

    /// Does the first steps of a boot only, as a power cut would have it. Returns which they were.
    fn cut(&self, version: u8, is_new: bool, count: usize) -> Vec<Step> {
        let done = std::cell::RefCell::new(Vec::new());
        let carry: &Carry<'_> = &|work: &Work<'_>, steps: &[Step]| {
            *done.borrow_mut() = steps[..count.min(steps.len())].to_vec();
            work.run(&done.borrow())?;
            anyhow::bail!("the power is cut")
        };
        let error = bring(&self.layout(version), &mark(version), is_new, carry).unwrap_err();
        assert!(format!("{error:#}").ends_with("the power is cut"), "{error:#}");
        done.into_inner()
    }

    fn set_attribute(&self, name: &str, value: &[u8]) {
        xattr::set(self.etc(), name, value).unwrap();
    }

    /// The conflicts that are open.
    fn open(&self) -> Vec<String> {
        let open = self.layout(1).journal().unwrap().open(&self.marked().unwrap());
        open.iter().map(ToString::to_string).collect()
    }

    fn boot(&mut self, version: u8) {
        self.try_boot(version, false).unwrap();
        assert_eq!(self.marked(), Some(mark(version)));
    }

    fn boot_new(&mut self, version: u8) {
        self.try_boot(version, true).unwrap();
        assert_eq!(self.marked(), Some(mark(version)));
    }

    fn marked(&self) -> Option<Mark> {
        self.layout(1).mark(&self.etc()).unwrap().and_then(|mark| Mark::parse(&mark))
    }

    fn tree(&self) -> Tree {
        read(&self.etc()).unwrap()
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.etc().join(path)).ok()
    }

    /// What lies beside `/etc`, in order.
    fn beside(&self) -> Vec<String> {
        names(&self.own())
    }

    /// What lies there when these versions are kept.
    fn kept(&self, versions: &[u8], more: &[&str]) -> Vec<String> {
        let ids = versions.iter().map(|version| mark(*version).id().to_owned());
        let names = more.iter().copied().chain(["journal"]).map(str::to_owned);
        let mut names: Vec<String> = ids.chain(names).collect();
        names.sort();
        names
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        remove(&self.folder).ok();
    }
}

const ONE: [(&str, &str); 9] = [
    ("passwd", "root:x:0:0::/root:/bin/sh\n"),
    ("group", "root:x:0:\n"),
    ("shadow", "root:*::\n"),
    ("motd", "1"),
    ("issue.net", "1"),
    ("nanorc", "1"),
    ("old/x", "1"),
    ("machine-id", "uninitialized\n"),
    ("shells", "/bin/sh\n"),
];
const TWO: [(&str, &str); 10] = [
    ("passwd", "root:x:0:0::/root:/bin/sh\nnew:x:900:900::/:/bin/false\n"),
    ("group", "root:x:0:\nnew:x:900:\n"),
    ("shadow", "root:*::\nnew:!::\n"),
    ("motd", "2"),
    ("nanorc", "2"),
    ("machine-id", "uninitialized\n"),
    ("shells", "/bin/sh\n"),
    ("pam.d/gdm", "2"),
    ("systemd/system/multi-user.target.wants/a.service", "2"),
    ("sub/deep/er/x", "2"),
];
const ID: &str = "0123456789abcdef0123456789abcdef\n";

/// As the directory is filled at the first boot.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    pattern_machine::factory::fill(from.parent().unwrap(), "etc", to).unwrap();
}

/// What an owner does.
fn edit(machine: &Machine) {
    put(&machine.etc(), "machine-id", ID);
    put(&machine.etc(), "nanorc", "mine");
    put(&machine.etc(), "own", "mine");
    let add =
        |path: &str, line: &str| put(&machine.etc(), path, &format!("{}{line}", machine.text(path).unwrap()));
    add("passwd", "me:x:1000:1000::/home/me:/bin/sh\n");
    add("group", "me:x:1000:\n");
    add("shadow", "me:secret::\n");
    add("shells", "/usr/bin/fish\n");
}
