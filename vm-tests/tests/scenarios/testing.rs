//! An image of Debian testing makes and opens its volume, updates and falls back as one of Debian 13 does. Each opens what the
//! other made, in both directions, and nothing that newer versions of systemd do by themselves gets in the way. What each measures is
//! known before the restart.

use pattern_vm_tests::{Computer, Foresight, Guest, Release, Server};

const TESTING: &str = "0.0.1-testing";
/// Has a version of testing go down at once in its trial, once the volume is open and its system runs: no orderly end, which
/// would give the try back, and a journal of the file system that the other kernel replays.
const FAILING: &str = r#"[Service]\nExecStartPre=/bin/sh -c "! grep -q testing /usr/lib/os-release || echo b >/proc/sysrq-trigger"\n"#;
/// Programs, Secure Boot's keys, the kernel image, its parameters, extensions.
const PREDICTED: [u8; 5] = [4, 7, 11, 12, 13];
const DROP_IN: &str = "/etc/systemd/system/pattern-health.service.d";

/// Made by testing, opened by Debian 13 and by testing again.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn testing_makes() {
    let release = Release::copy("0.0.2", "testing_makes");
    let server = Server::start(release.path());
    let mut computer = Computer::of_testing("testing_makes");
    computer.serve(&server);
    let mut guest = computer.boot();
    nothing_failed(&mut guest);
    has_one_systemd(&mut guest);
    newer_units(&mut guest);
    for folder in ["etc", "home", "srv", "var"] {
        guest.must(&format!("echo kept >/{folder}/kept"));
    }

    let measured = measured_beside_the_image(&mut guest);

    restart(&mut guest, TESTING);
    assert_eq!(measured_beside_the_image(&mut guest), measured);
    let said = guest.must("pattern update");
    assert!(said.contains("Version 0.0.2 will open the persist volume by itself"), "{said}");
    restart(&mut guest, "0.0.2");
    is_blessed(&mut guest, "0.0.2");
    let said = guest.must("pattern rollback");
    assert!(said.contains(&format!("Version {TESTING} will open the persist volume by itself")), "{said}");
    restart(&mut guest, TESTING);
    is_blessed(&mut guest, TESTING);
    guest.power_off();
}

/// Made by Debian 13, opened by testing, which fails its trial first: what it wrote meanwhile, Debian 13 reads.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn testing_takes_over() {
    let release = Release::copy("testing", "testing_takes_over");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("testing_takes_over");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("systemctl enable --now systemd-sysupdate.timer");
    guest.must(&format!("mkdir {DROP_IN} && printf '{FAILING}' >{DROP_IN}/failing.conf"));
    let said = guest.must("pattern update");
    assert!(said.contains(&format!("Version {TESTING} will open the persist volume by itself")), "{said}");
    guest.send("systemctl reboot");
    for _ in 0..3 {
        guest.expect("opened it by the TPM");
    }
    guest.expect(&format!("Version {TESTING} failed all its tries; version 0.0.1 runs in its place."));
    guest.wait_for_shell();
    runs(&mut guest, "0.0.1");

    guest.must(&format!("rm -r {DROP_IN}"));
    guest.must(&format!("pattern update {TESTING}"));
    restart(&mut guest, TESTING);
    is_blessed(&mut guest, TESTING);
    updates_by_timer(&mut guest);
    guest.power_off();
}

/// What is measured by systemd-stub of one release is predicted by the other.
fn restart(guest: &mut Guest, version: &str) {
    let foresight = Foresight::ask(guest);
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    runs(guest, version);
    let (same, other) = foresight.compare(guest);
    println!("{version}: {same:?} as predicted, {other:?}");
    let all = PREDICTED.iter().all(|pcr| same.contains(pcr));
    assert!(all && other.is_empty(), "{version}: {:?}", foresight.registers());
}

fn runs(guest: &mut Guest, version: &str) {
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
    for name in ["etc", "home", "srv", "var"] {
        assert_eq!(guest.must(&format!("cat /{name}/kept")), "kept", "/{name}");
    }
    let log = guest.must("dmesg");
    assert!(log.contains("opened it by the TPM"), "{log}");
    nothing_failed(guest);
}

fn nothing_failed(guest: &mut Guest) {
    let failed = guest.must("systemctl --failed --no-legend --plain");
    let why = guest.run("journalctl --boot --no-pager --priority=warning --lines=60").text;
    assert_eq!(failed, "", "{why}");
}

fn is_blessed(guest: &mut Guest, version: &str) {
    guest.must(&format!("until [ -e /boot/EFI/Linux/demo_{version}.efi ]; do sleep 1; done"));
    nothing_failed(guest);
}

/// The initrd is of the release that the image is of, and has what that opens by name.
fn has_one_systemd(guest: &mut Guest) {
    let log = guest.must("dmesg");
    let own = guest.must("systemctl --version | head -n 1 | cut -d '(' -f 2 | cut -d ')' -f 1");
    println!("Debian testing has systemd {own}");
    assert_eq!(log.matches(&format!("systemd {own} running in system mode")).count(), 2, "{log}");
    assert!(!log.contains("is not available, ignoring"), "{log}");
}

/// What one boot leaves on the EFI system partition and the next one measures would close the volume of an image with
/// `debug = false`.
fn measured_beside_the_image(guest: &mut Guest) -> String {
    guest.must_fail("ls /boot/loader/credentials");
    guest.must("cat /sys/class/tpm/tpm0/pcr-sha256/12")
}

fn newer_units(guest: &mut Guest) {
    // Who asks for a factory reset is asked first: until then, neither the TPM nor a partition is given up.
    let wanted = guest.must("systemctl list-dependencies --no-pager --plain factory-reset.target");
    assert!(wanted.contains("pattern-reset-request.service"), "{wanted}");
    for unit in ["systemd-tpm2-clear.service", "systemd-factory-reset-request.service"] {
        guest.must(&format!("ls /usr/lib/systemd/system/{unit}"));
        assert!(!wanted.contains(unit), "{wanted}");
    }
    // The volume is opened after what these measure, where an initrd has them.
    guest.must("ls /usr/lib/systemd/system/systemd-pcrnvdone.service");
    let after = guest.must("systemctl show --property=After --value pattern-persist.service");
    assert!(after.split_whitespace().any(|name| name == "systemd-pcrnvdone.service"), "{after}");
    updates_by_timer(guest);
}

/// By either name.
fn updates_by_timer(guest: &mut Guest) {
    for name in ["systemd-sysupdate.service", "systemd-sysupdate-update.service"] {
        let starts = guest.must(&format!("systemctl show --property=ExecStart --value {name}"));
        assert!(starts.contains("path=/usr/bin/pattern ;"), "{starts}");
        assert_eq!(starts.matches("path=").count(), 1, "{starts}");
    }
    let timer = guest.must("systemctl show --property=Triggers --value systemd-sysupdate.timer");
    assert_eq!(timer, "systemd-sysupdate-update.service");
}
