//! A power cut after any single write of a trial up to its end, and of fetching a version anew: the machine starts a whole
//! version, always.

use pattern_vm_tests::{Computer, Each, Release, Server, Writes};

/// From the boot loader's first count to the version's final name.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut_trial() {
    let release = Release::copy("0.0.2", "update_power_cut_trial");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_power_cut_trial");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done; sync");
    guest.power_off();
    let entries = entries(&computer, &writes, &release);
    // FAT renames a file in two writes. Between those of the kernel it has no name: the version before is started.
    let known = |entry: &String| entry.starts_with("demo_0.0.2") || entry == "demo_0.0.1.efi";
    assert!(entries.iter().all(known), "{entries:?}");
    assert_eq!(entries.first().map(String::as_str), Some("demo_0.0.2+3-0.efi"));
    assert_eq!(entries.last().map(String::as_str), Some("demo_0.0.2.efi"));
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut_anew() {
    let release = Release::copy("0.0.2", "update_power_cut_anew");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_power_cut_anew");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update && cd /boot/EFI/Linux && mv demo_0.0.2+3-0.efi demo_0.0.2+0-3.efi");
    guest.power_off();
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("pattern update 0.0.2");
    guest.power_off();
    let entries = entries(&computer, &writes, &release);
    assert_eq!(entries, ["demo_0.0.1.efi", "demo_0.0.2+3-0.efi"]);
}

/// Returns the entries that are started after the cuts, each run of one entry once.
fn entries(computer: &Computer, writes: &Writes, release: &Release) -> Vec<String> {
    let mut judge = computer.judge(vec![release.path().join("demo_0.0.2.efi")]);
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
