//! Firmware in Setup Mode: the image's boot loader enrolls the image's keys and restarts the machine, and the system runs with
//! Secure Boot on. From then on the firmware starts nothing that the keys did not sign.

use std::process::Command;

use pattern_vm_tests::{Computer, Guest};

const ENROLLS: &str = "Enrolling secure boot keys from directory";
const ENFORCED: &str = "secureboot: Secure boot enabled";
const LOADER: &str = "::/EFI/BOOT/BOOTX64.EFI";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn secure_boot() {
    let mut computer = Computer::new("secure_boot");
    computer.secure_boot();
    assert!(!computer.firmware().has_keys());
    let mut guest = computer.start();
    guest.expect(ENROLLS);
    guest.wait_for_shell();
    assert_eq!(variable(&mut guest, "SecureBoot"), "1");
    assert_eq!(variable(&mut guest, "SetupMode"), "0");
    guest.power_off();
    assert!(computer.firmware().enforces_secure_boot());

    let mut guest = computer.boot();
    let log = guest.must("dmesg");
    assert!(log.contains("opened it by the TPM") && log.contains(ENFORCED), "{log}");
    guest.power_off();
    an_unsigned_loader_is_not_started(&mut computer);
}

/// Nobody logs in there: the kernel itself says so.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn secure_boot_production() {
    let mut computer = Computer::of_image("production", "secure_boot_production");
    computer.secure_boot();
    let mut guest = computer.start();
    guest.expect(ENROLLS);
    let said = guest.expect("production login:");
    assert!(said.contains(ENFORCED) && said.contains("made one with xfs"), "{said}");
    drop(guest);
    assert!(computer.firmware().enforces_secure_boot());
}

fn an_unsigned_loader_is_not_started(computer: &mut Computer) {
    for file in [LOADER, "::/EFI/systemd/systemd-bootx64.efi"] {
        computer.copy_from_esp(file, "loader.efi");
        run(computer.command("sbattach").args(["--remove", "loader.efi"]));
        computer.copy_to_esp(file, "loader.efi");
    }
    let mut guest = computer.start();
    let (refused, said) = guest.expect_any(&["Access Denied", "Linux version"]);
    assert_eq!(refused, 0, "{said}");
}

/// The last byte of a variable with one byte.
fn variable(guest: &mut Guest, name: &str) -> String {
    guest.must(&format!("od -An -tu1 -j4 /sys/firmware/efi/efivars/{name}-*")).trim().to_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
