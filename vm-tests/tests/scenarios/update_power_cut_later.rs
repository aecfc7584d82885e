//! A power cut after any single write of a trial up to its end, of fetching a version anew, and of overwriting a version that
//! waits for its first boot: the machine starts a whole version, always.

use pattern_vm_tests::{Computer, Each, Guest, Judge, Release, Server, Writes};

/// From the boot loader's first count to the version's final name.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut_trial() {
    let (mut computer, release, _server, guest) = updated("update_power_cut_trial");
    guest.power_off();
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done; sync");
    guest.power_off();
    let entries = started(&writes, &mut computer.judge(vec![release.path().join("demo_0.0.2.efi")]));
    // FAT renames a file in two writes. Between those of the kernel it has no name: the version before is started.
    let known = |entry: &String| entry.starts_with("demo_0.0.2") || entry == "demo_0.0.1.efi";
    assert!(entries.iter().all(known), "{entries:?}");
    assert_eq!(entries.first().map(String::as_str), Some("demo_0.0.2+3-0.efi"));
    assert_eq!(entries.last().map(String::as_str), Some("demo_0.0.2.efi"));
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut_anew() {
    let (mut computer, release, _server, mut guest) = updated("update_power_cut_anew");
    guest.must("cd /boot/EFI/Linux && mv demo_0.0.2+3-0.efi demo_0.0.2+0-3.efi");
    guest.power_off();
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("pattern update 0.0.2");
    guest.power_off();
    let entries = started(&writes, &mut computer.judge(vec![release.path().join("demo_0.0.2.efi")]));
    assert_eq!(entries, ["demo_0.0.1.efi", "demo_0.0.2+3-0.efi"]);
}

/// The version that waits is the one that the next boot would start.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut_superseded() {
    let (mut computer, release, _server, mut guest) = updated("update_power_cut_superseded");
    let second = computer.folder().join("second_0.0.2.efi");
    std::fs::copy(release.path().join("demo_0.0.2.efi"), &second).expect("copying a kernel image");
    // The running version stays the one that runs while the writes are recorded.
    guest.must("bootctl set-oneshot demo_0.0.1.efi");
    guest.power_off();
    release.replace("third");
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();
    let mut judge = computer.judge(vec![second, release.path().join("demo_0.0.3.efi")]);
    let entries = started(&writes, &mut judge);
    assert_eq!(entries, ["demo_0.0.2+3-0.efi", "demo_0.0.1.efi", "demo_0.0.3+3-0.efi"]);
}

/// A machine that runs 0.0.1 and has installed 0.0.2.
fn updated(name: &str) -> (Computer, Release, Server, Guest) {
    let release = Release::copy("0.0.2", name);
    let server = Server::start(release.path());
    let mut computer = Computer::installed(name);
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    (computer, release, server, guest)
}

/// Returns the entries that are started after the cuts, each run of one entry once.
fn started(writes: &Writes, judge: &mut Judge) -> Vec<String> {
    let mut cuts = writes.cuts(Each::Write);
    let (mut recovered, mut all, mut entries) = (0, 0, Vec::new());
    while let Some(written) = cuts.advance() {
        all += 1;
        match judge.judge(cuts.disk(), &written) {
            Ok(bootable) => {
                recovered += 1;
                entries.push(bootable.entry);
            }
            Err(why) => println!("{}: {why}", cuts.place()),
        }
        entries.dedup();
    }
    println!("recovered {recovered} of {all}");
    assert_eq!(recovered, all);
    entries
}
