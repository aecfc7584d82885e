//! On real directories. The attribute needs root: without root these tests do nothing.

mod cuts;
mod room;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pattern::etc::Tree;
use pattern_machine::tree::{read, remove};

use super::*;
use crate::volume::samples::{is_root, mark, names, put};

/// A machine's volume. Removed at the end.
struct Machine(PathBuf);

const PATHS: [&str; 4] = ["lib/app", "lib/made/later", "lib/gone", "file"];

impl Machine {
    fn new(name: &str) -> Self {
        Self::at(std::env::temp_dir().join(format!("pattern-rollback-{name}-{}", std::process::id())))
    }

    /// Version 1 ran, and left this.
    fn at(folder: PathBuf) -> Self {
        let machine = Self(folder);
        for (path, text) in [("lib/app/db", "1"), ("lib/app/more/x", "1"), ("lib/gone/x", "1"), ("file", "1")]
        {
            machine.put(path, text);
        }
        symlink("db", machine.var().join("lib/app/link")).unwrap();
        machine.start(1, false);
        machine
    }

    fn var(&self) -> PathBuf {
        self.0.join("root/var")
    }

    fn own(&self) -> PathBuf {
        self.0.join("root/.var")
    }

    fn put(&self, path: &str, text: &str) {
        put(&self.var(), path, text);
    }

    fn tree(&self) -> Tree {
        read(&self.var()).unwrap()
    }

    fn try_start(&self, version: u8, on_trial: bool) -> Result<()> {
        start(&Layout::new(&self.0), &mark(version), on_trial, &paths())
    }

    fn start(&self, version: u8, on_trial: bool) {
        self.try_start(version, on_trial).unwrap();
        assert_eq!(Layout::new(&self.0).started().unwrap(), Some(mark(version)));
    }

    /// What a version on trial makes of the state.
    fn migrate(&self) {
        self.put("lib/app/db", "migrated");
        self.put("lib/app/new", "2");
        fs::remove_file(self.var().join("lib/app/link")).unwrap();
        self.put("lib/made/later/x", "2");
        remove(&self.var().join("lib/gone")).unwrap();
        self.put("file", "2");
        self.put("lib/other", "2");
    }

    fn beside(&self) -> Vec<String> {
        names(&self.own())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        remove(&self.0).ok();
    }
}

fn paths() -> Vec<etc::Path> {
    PATHS.map(|path| etc::Path::new(path).unwrap()).to_vec()
}

/// The tree without what no path of the list has.
fn listed(tree: &Tree) -> Vec<(etc::Path, etc::Node)> {
    let is_listed = |path: &etc::Path| paths().iter().any(|listed| path.is_within(listed));
    tree.iter().filter(|(path, _)| is_listed(path)).map(|(path, node)| (path.clone(), node.clone())).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_failed_trial_gives_the_state_back_and_keeps_what_it_left() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("back");
    let before = machine.tree();
    machine.start(2, true);
    assert_eq!((machine.tree(), machine.beside()), (before.clone(), vec!["before".to_owned()]));
    machine.migrate();
    // Two more tries.
    machine.start(2, true);
    machine.put("lib/app/db", "migrated again");
    machine.start(2, true);
    let failed = machine.tree();
    machine.start(1, false);
    assert_eq!(listed(&machine.tree()), listed(&before));
    assert_eq!(text(&machine.var().join("lib/other")), "2");
    assert_eq!(machine.beside(), ["aside"]);
    let aside = machine.own().join("aside");
    assert_eq!(read(&aside.join("0/app")).unwrap().paths().count(), 4);
    assert_eq!(
        (text(&aside.join("0/app/db")), text(&aside.join("1/later/x"))),
        ("migrated again".into(), "2".into())
    );
    // The next boots leave it, and another trial begins anew.
    machine.put("lib/app/db", "1, and more");
    machine.start(1, false);
    assert_eq!(
        (text(&machine.var().join("lib/app/db")), machine.beside()),
        ("1, and more".into(), vec!["aside".into()])
    );
    machine.start(3, true);
    assert_eq!(machine.beside(), ["before"]);
    machine.migrate();
    machine.start(1, false);
    assert_eq!(text(&machine.var().join("lib/app/db")), "1, and more");
    assert_ne!(listed(&machine.tree()), listed(&failed));
}

#[test]
fn a_version_that_was_found_to_be_good_keeps_its_state() {
    if !is_root() {
        return;
    }
    for is_cut in [false, true] {
        let machine = Machine::new("good");
        machine.start(2, true);
        machine.migrate();
        let migrated = machine.tree();
        if is_cut {
            machine.start(2, false);
        } else {
            assert!(keep(&machine.0, &mark(2)).unwrap());
            assert!(!keep(&machine.0, &mark(2)).unwrap());
        }
        assert_eq!(machine.beside(), Vec::<String>::new());
        machine.start(1, false);
        assert_eq!((machine.tree(), machine.beside()), (migrated, Vec::new()));
    }
}

/// The copy of a trial is that version's alone to remove.
#[test]
fn another_version_does_not_remove_the_copy() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("other");
    machine.start(2, true);
    assert!(!keep(&machine.0, &mark(1)).unwrap());
    assert_eq!(machine.beside(), ["before"]);
}

#[test]
fn what_can_not_be_copied_is_never_put_back() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("refused");
    let deep = (0..101).fold(machine.var().join("lib/app"), |path, _| path.join("d"));
    fs::create_dir_all(&deep).unwrap();
    let error = format!("{:#}", machine.try_start(2, true).unwrap_err());
    assert!(error.contains("/var/lib/app: ") && error.contains("more than 100 directories"), "{error}");
    assert!(error.starts_with("copying the state that 0.0.1 (11111111) left"), "{error}");
    assert_eq!(machine.beside(), Vec::<String>::new());
    remove(&machine.var().join("lib/app/d")).unwrap();
    machine.migrate();
    let migrated = machine.tree();
    // It would be the wrong version's.
    machine.start(2, true);
    machine.start(1, false);
    assert_eq!((machine.tree(), machine.beside()), (migrated, Vec::new()));
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("link");
    machine.start(2, true);
    machine.migrate();
    let outside = machine.0.join("outside");
    fs::create_dir_all(outside.join("app")).unwrap();
    fs::rename(machine.var().join("lib"), machine.var().join("moved")).unwrap();
    symlink(&outside, machine.var().join("lib")).unwrap();
    machine.start(1, false);
    assert_eq!(read(&outside).unwrap().paths().count(), 1);
    // The rest went back, and the copies of what did not are kept.
    assert_eq!(text(&machine.var().join("file")), "1");
    assert_eq!(text(&machine.own().join("aside/0/app/db")), "1");
}

#[test]
fn directories_that_the_trial_removed_are_made_again() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("parents");
    let before = machine.tree();
    machine.start(2, true);
    remove(&machine.var().join("lib")).unwrap();
    machine.start(1, false);
    assert_eq!(listed(&machine.tree()), listed(&before));
}

#[test]
fn a_copy_with_a_damaged_note_is_removed() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("damaged");
    machine.start(2, true);
    machine.migrate();
    let migrated = machine.tree();
    fs::write(machine.own().join("before/note"), "x").unwrap();
    machine.start(1, false);
    assert_eq!((machine.tree(), machine.beside()), (migrated, Vec::new()));
}
