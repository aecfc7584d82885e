//! A power cut after any single write of an update: the machine starts the old version or the new one, whole; never
//! neither. A download that a cut ended goes on where it was.

use pattern_vm_tests::{Computer, Cuts, Each, Release, Server};

use crate::update_delta::announced;

/// Bytes of the free slot that are about half of `/usr`.
const HALF: u64 = 96 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_power_cut() {
    let release = Release::copy("0.0.2", "update_power_cut");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_power_cut");
    computer.serve(&server);
    let writes = computer.record_writes();
    let mut guest = computer.boot();
    let all_of_it = announced(&guest.must("pattern update"), "by blocks");
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
        let half = |range: &std::ops::Range<u64>| {
            range.start >= slot.start + HALF && range.start < slot.start + slot.length
        };
        // Two of the cuts are booted: in the middle of the download, and right after the entry appears.
        if !half_written && written.iter().any(half) {
            half_written = true;
            goes_on(&mut computer, &cuts, all_of_it);
        }
        if versions.len() == 2 && versions.last().is_some_and(|version| version == "0.0.2") {
            versions.push("booted".to_owned());
            boots(&mut computer, &cuts, "0.0.2");
        }
    }
    println!("recovered {recovered} of {all}");
    assert_eq!(recovered, all);
    assert!(half_written, "no write went to the middle of the free slot");
    assert_eq!(versions, ["0.0.1", "0.0.2", "booted", "0.0.2"]);
}

/// Starts the old version from the disk that a cut left, and updates it: what the slot has is not fetched again.
fn goes_on(computer: &mut Computer, cuts: &Cuts, all_of_it: f64) {
    computer.insert(cuts.disk());
    let mut guest = computer.boot();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.1", "{}", cuts.place());
    assert_eq!(guest.must("cat /home/kept"), "kept", "{}", cuts.place());
    let rest = announced(&guest.must("pattern update"), "by blocks");
    assert!(rest < all_of_it * 0.7, "{rest} of {all_of_it} MB were fetched again, {}", cuts.place());
    guest.must("pattern status --verify | grep '0.0.2, not started yet, .* every block is verified'");
    guest.power_off();
}

/// Boots from the disk that a cut left.
fn boots(computer: &mut Computer, cuts: &Cuts, version: &str) {
    computer.insert(cuts.disk());
    let mut guest = computer.boot_initrd();
    let line = guest.must("grep ^IMAGE_VERSION= /sysroot/usr/lib/os-release");
    assert_eq!(line.replace('"', ""), format!("IMAGE_VERSION={version}"), "{}", cuts.place());
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept", "{}", cuts.place());
}
