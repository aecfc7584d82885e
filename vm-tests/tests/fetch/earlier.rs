//! A machine that missed a version goes to the newest one by a patch of its own, and one that missed more goes by blocks.

use std::fs;

use pattern_vm_tests::{Fetcher, Release, Server, Slots, Version};

use crate::release;

/// A machine that runs a version, and lacks the newest.
fn slots(name: &str, running: &str) -> Slots {
    let [old, new] = [running, "demo_0.0.3"].map(|base| Version::find(&release("back"), base));
    Slots::between(name, old, new)
}

/// Updates, and returns the names of the patches that were asked for.
fn patches(server: &Server, slots: &Slots, patched: bool) -> Vec<String> {
    let fetcher = Fetcher::start(&slots.order(&server.url()));
    println!("{} → {}: {}", slots.old.base, slots.new.base, fetcher.ready());
    assert_eq!(fetcher.ready().patched, patched, "{}", fetcher.said());
    fetcher.makes_the_new_version(slots);
    let mut asked: Vec<_> = server.requests().into_iter().filter(|path| path.ends_with(".patch")).collect();
    asked.dedup();
    asked
}

#[test]
#[ignore = "needs build/releases/back; `make check-all` runs it"]
fn each_of_two_versions_has_its_own_patch_to_the_newest() {
    let server = Server::start(&release("back"));
    for (running, patch) in
        [("demo_0.0.1", "/demo_0.0.3_0.0.1.patch"), ("demo_0.0.2", "/demo_0.0.3_0.0.2.patch")]
    {
        assert_eq!(patches(&server, &slots(running, running), true), [patch]);
    }
}

/// As `sign-release --deltas 1` leaves it.
#[test]
#[ignore = "needs build/releases/back; `make check-all` runs it"]
fn a_version_older_than_all_patches_goes_by_blocks() {
    let release = Release::copy("back", "fetch-older");
    for end in ["", ".index"] {
        fs::remove_file(release.path().join(format!("demo_0.0.3_0.0.1.patch{end}"))).unwrap();
    }
    release.sign();
    let server = Server::start(release.path());
    assert!(patches(&server, &slots("older", "demo_0.0.1"), false).is_empty());
    assert_eq!(patches(&server, &slots("newer", "demo_0.0.2"), true), ["/demo_0.0.3_0.0.2.patch"]);
}
