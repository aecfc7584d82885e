//! The other way: an overlay with the image's own below and the machine's changes above. Each test has what the owner does in both, and
//! docs/etc.md draws
//! the conclusion.

use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pattern_machine::mounts::apart;

use super::*;

/// An `/etc` that the owner changes and that versions are started over, in both ways.
struct Both {
    merged: Machine,
    mounted: bool,
}

impl Both {
    /// Does the same in both. `at`: the directory that is `/etc` there.
    fn change(&self, act: impl Fn(&Path)) {
        act(&self.merged.etc());
        act(&self.overlay());
    }

    fn overlay(&self) -> PathBuf {
        self.merged.folder.join("overlay")
    }

    /// Starts a version: by the merge, and by another directory below.
    fn start(&mut self, version: u8) {
        self.merged.boot(version);
        self.unmount();
        self.mount(version);
    }

    fn mount(&mut self, version: u8) {
        let folder = &self.merged.folder;
        let [upper, work] = ["upper", "work"].map(|name| folder.join(name));
        for path in [&upper, &work, &self.overlay()] {
            fs::create_dir_all(path).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            self.merged.image(version).display(),
            upper.display(),
            work.display()
        );
        mount(Some("overlay"), &self.overlay(), Some("overlay"), MsFlags::empty(), Some(&*options)).unwrap();
        self.mounted = true;
    }

    fn unmount(&mut self) {
        if std::mem::take(&mut self.mounted) {
            umount2(&self.overlay(), MntFlags::empty()).unwrap();
        }
    }

    /// What a file has by the merge, and by the overlay.
    fn text(&self, path: &str) -> [Option<String>; 2] {
        [self.merged.etc(), self.overlay()].map(|etc| fs::read_to_string(etc.join(path)).ok())
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// Runs in version 1, in a thread with its own mounts. A container may forbid overlays.
fn in_both(name: &str, test: impl FnOnce(Both) + Send + 'static) {
    if !is_root() {
        return;
    }
    let name = name.to_owned();
    let ran = thread::spawn(move || {
        apart().ok()?;
        let probe = std::env::temp_dir().join(format!("pattern-overlay-{name}-{}", std::process::id()));
        fs::create_dir_all(&probe).unwrap();
        let is_allowed =
            mount(Some("overlay"), &probe, Some("overlay"), MsFlags::empty(), Some("lowerdir=/usr:/etc"))
                .is_ok();
        umount2(&probe, MntFlags::empty()).ok();
        fs::remove_dir(&probe).unwrap();
        is_allowed.then(|| {
            let mut both = Both { merged: Machine::installed(&format!("overlay-{name}")), mounted: false };
            both.mount(1);
            test(both);
        })
    });
    ran.join().unwrap();
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_nobody_changed_follows_in_both_ways() {
    in_both("follows", |mut both| {
        both.change(|etc| put(etc, "nanorc", "mine"));
        both.start(2);
        for (path, text) in
            [("motd", some("2")), ("issue.net", None), ("pam.d/gdm", some("2")), ("nanorc", some("mine"))]
        {
            assert_eq!(both.text(path), [text.clone(), text], "{path}");
        }
    });
}

/// Above is the whole file, so the image's users never arrive on a machine that has one of its own.
#[test]
fn users_of_both_sides_are_there_by_the_merge_only() {
    in_both("users", |mut both| {
        both.change(|etc| {
            let text = fs::read_to_string(etc.join("passwd")).unwrap();
            put(etc, "passwd", &format!("{text}me:x:1000:1000::/home/me:/bin/sh\n"));
        });
        both.start(2);
        let has_both = both
            .text("passwd")
            .map(|text| text.is_some_and(|text| text.contains("me:x") && text.contains("new:x")));
        assert_eq!(has_both, [true, false]);
    });
}

/// A program that writes a file as it is, or tmpfiles that sets a mode, copies it up.
#[test]
fn a_file_that_was_written_anew_without_a_change_is_frozen_by_the_overlay() {
    in_both("frozen", |mut both| {
        both.change(|etc| put(etc, "motd", "1"));
        both.change(|etc| {
            fs::set_permissions(etc.join("issue.net"), fs::Permissions::from_mode(0o644)).unwrap()
        });
        both.start(2);
        assert_eq!(both.text("motd"), [some("2"), some("1")]);
        assert_eq!(both.text("issue.net"), [None, some("1")]);
    });
}

/// A conflict is a file that is hidden, and nothing says so.
#[test]
fn only_the_merge_knows_of_conflicts() {
    in_both("conflict", |mut both| {
        both.change(|etc| put(etc, "nanorc", "mine"));
        both.change(|etc| fs::remove_file(etc.join("motd")).unwrap());
        both.start(2);
        assert_eq!(both.text("nanorc"), [some("mine"), some("mine")]);
        assert_eq!(both.text("motd"), [None, None]);
        assert_eq!(both.merged.open().len(), 2);
    });
}
