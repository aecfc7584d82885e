//! What is in the initrd.

use std::collections::BTreeSet;
use std::fs;

use pattern::program::Program;

use super::{EVALUATION, top, words};

/// Returns the program that a line of a unit starts.
fn program(line: &str) -> Option<&str> {
    let command = line.strip_prefix("Exec")?.split_once('=')?.1;
    command.trim_start_matches(['-', '@', ':', '+', '!', '|']).split(' ').next()
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_initrd_has_the_units_and_every_program_that_they_start() {
    let units = EVALUATION["initrd"]["units"].as_object().unwrap();
    let files = EVALUATION["initrd"]["files"].as_object().unwrap();
    let folder = fs::read_dir(top().join("units")).unwrap();
    let mut count = 0;
    for entry in folder {
        let path = entry.unwrap().path();
        let unit = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(units[name], unit.as_str(), "{name}");
        for program in unit.lines().filter_map(program) {
            // The shell is NixOS's, and so is nothing else in /bin. What starts ours of /usr/bin is for the running system.
            let there = ["/bin/sh", "/usr/bin/pattern"].contains(&program) || files.contains_key(program);
            assert!(there, "{name} starts {program}");
        }
        count += 1;
    }
    assert_eq!(units.len(), count);
    let stages = Program::ALL.map(Program::path);
    assert!(stages.iter().all(|stage| files.contains_key(stage)), "{stages:?} of {files:?}");
    assert!(files.contains_key(pattern::plan::CONFIG_PATH));
    assert_eq!(EVALUATION["initrd"]["repart"]["enable"], false);
    assert_eq!(EVALUATION["initrd"]["dmVerity"]["enable"], false);
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn udev_gets_our_rules_from_nixos_and_no_file_lies_below_its_links() {
    let files = EVALUATION["initrd"]["files"].as_object().unwrap();
    // NixOS links these to folders in the store, which nothing can be written to.
    for folder in ["/etc/udev/rules.d/", "/etc/systemd/system/", "/bin/", "/sbin/", "/usr/bin/", "/lib/"] {
        let below: Vec<_> = files.keys().filter(|file| file.starts_with(folder)).collect();
        assert!(below.is_empty(), "{below:?}");
    }
    assert!(words(&EVALUATION["initrd"]["rules"]).iter().any(|package| package.ends_with("-pattern")));
}

/// What NixOS's own list has, or the module's other lists.
const NIXOS: [&str; 10] = [
    "autofs4",
    "crc32c",
    "dm_crypt",
    "dm_mod",
    "dm_verity",
    "efivarfs",
    "erofs",
    "loop",
    "reed_solomon",
    "x_tables",
];

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_initrd_finds_the_same_disks_and_keyboards_as_that_of_pattern_build() {
    let plain = |name: &str| name.replace('-', "_");
    let found: BTreeSet<String> = words(&EVALUATION["initrd"]["modules"]).into_iter().map(plain).collect();
    let ours = include_str!("../../mkosi/image/mkosi.conf").lines().map(str::trim);
    let ours = ours.filter_map(|line| line.strip_prefix('/')?.strip_suffix("\\.ko"));
    let ours: BTreeSet<String> = ours.filter(|name| !name.contains('*')).map(plain).collect();
    assert!(ours.contains("virtio_blk") && ours.contains("usbhid"), "{ours:?}");
    let missing: Vec<_> =
        ours.iter().filter(|name| !found.contains(*name) && !NIXOS.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_initrd_can_encrypt_and_has_the_file_system_and_the_units_of_systemd() {
    assert_eq!(EVALUATION["initrd"]["encrypts"], true, "dm-crypt asks for xts by name");
    assert_eq!(EVALUATION["initrd"]["answers"], true, "libdevmapper waits for udev");
    // NixOS takes a file system into the initrd only if the system has it, too.
    for place in ["initrd", "system"] {
        assert_eq!(EVALUATION["filesystems"][place]["xfs"], true, "{place}");
    }
    assert_eq!(words(&EVALUATION["initrd"]["upstream"]), ["initrd-usr-fs.target", "systemd-growfs@.service"]);
}

/// NixOS looks for the system below /sysroot, and mounts /run there. Nothing else would have it wait for the root.
#[test]
fn what_nixos_does_below_the_root_waits_for_it() {
    let unit = include_str!("../../../units/pattern-usr.service");
    let later: Vec<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Before="))
        .flat_map(str::split_whitespace)
        .collect();
    for name in ["initrd-find-nixos-closure.service", "sysroot-run.mount"] {
        assert!(later.contains(&name), "{name} of {later:?}");
    }
}
