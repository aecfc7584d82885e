//! A power cut after any single write of an update: the machine starts the old version or the new one, whole; never
//! neither.

use pattern_vm_tests::{Computer, Cuts, Each, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut() {
    let release = Release::copy("0.0.2", "update_power_cut");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_power_cut");
    computer.serve(&server);
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();

    let slot = computer.disk().partition("usr-0.0.2");
    let mut judge = computer.judge(vec![release.path().join("demo_0.0.2.efi")]);
    let mut cuts = writes.cuts(Each::Write);
    let (mut recovered, mut all, mut versions) = (0, 0, Vec::new());
    let mut half_written = false;
    while let Some(written) = cuts.advance() {
        all += 1;
        let verdict = judge.judge(cuts.disk(), &written);
        match &verdict {
            Ok(bootable) => {
                recovered += 1;
                versions.push(bootable.version.clone());
            }
            Err(why) => println!("{}: {why}", cuts.place()),
        }
        versions.dedup();
        let in_slot =
            written.iter().any(|range| range.start >= slot.start && range.start < slot.start + slot.length);
        // Two of the cuts are booted: in the middle of the download, and right after the entry appears.
        if in_slot && !half_written && all > 1 {
            half_written = true;
            boots(&mut computer, &cuts, "0.0.1");
        }
        if versions.len() == 2 && versions.last().is_some_and(|version| version == "0.0.2") {
            versions.push("booted".to_owned());
            boots(&mut computer, &cuts, "0.0.2");
        }
    }
    println!("recovered {recovered} of {all}");
    assert_eq!(recovered, all);
    assert!(half_written, "no write went to the free slot");
    assert_eq!(versions, ["0.0.1", "0.0.2", "booted", "0.0.2"]);
}

/// Boots from the disk that a cut left.
fn boots(computer: &mut Computer, cuts: &Cuts, version: &str) {
    computer.insert(cuts.disk());
    let mut guest = computer.boot_initrd();
    let line = guest.must("grep ^IMAGE_VERSION= /sysroot/usr/lib/os-release");
    assert_eq!(line.replace('"', ""), format!("IMAGE_VERSION={version}"), "{}", cuts.place());
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept", "{}", cuts.place());
}
