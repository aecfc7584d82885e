//! Starts that differ in what firmware and boot loaders measure, whose event logs and registers are recorded as
//! `tests/fixtures/logs`: the tests of the library need no machine to read them.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pattern_vm_tests::{Computer, Guest};

const FOLDER: &str = "::/EFI/BOOT";
const LOADER: &str = "BOOTX64.EFI";
const BEHIND_SHIM: &str = "grubx64.efi";

/// A start: its name, how the machine is prepared for it, and the registers that only such a start extends.
type Case = (&'static str, fn(&mut Computer), &'static [u8]);

const CASES: &[Case] = &[
    ("plain", |_| {}, &[]),
    ("keys", Computer::secure_boot_with_keys, &[]),
    ("rom", with_a_rom, &[]),
    ("rom-refused", |computer| (computer.secure_boot_with_keys(), with_a_rom(computer)).1, &[]),
    ("crb", |computer| (computer.gets_a_tpm("sha1,sha256,sha384"), computer.has_a_crb_tpm()).1, &[]),
    ("direct", without_a_boot_loader, &[]),
    ("host", |computer| computer.gets_its_kernel_from_the_host("demo"), &[]),
    ("shim", behind_shim, &[14]),
    ("shim-grub", |computer| (behind_shim(computer), put_grub(computer, BEHIND_SHIM)).1, &[8, 14]),
    ("grub", |computer| put_grub(computer, LOADER), &[8]),
    ("older", with_older_firmware, &[]),
];

#[test]
#[ignore = "writes fixtures; `make recorded-logs` runs it"]
fn recorded_logs() {
    let only = std::env::var("PATTERN_RECORD").unwrap_or_default();
    for (name, prepare, extended) in CASES.iter().filter(|(name, ..)| only.is_empty() || only == *name) {
        let mut computer = Computer::new("recorded_logs");
        prepare(&mut computer);
        computer.words("pattern.break=grow");
        let mut guest = computer.start();
        guest.wait_for_initrd_shell();
        record(&mut guest, name);
        for pcr in [8, 14] {
            let value = guest.must(&format!("cat /sys/class/tpm/tpm0/pcr-sha256/{pcr}"));
            assert_eq!(value.chars().any(|digit| digit != '0'), extended.contains(&pcr), "{name}: PCR {pcr}");
        }
    }
}

fn record(guest: &mut Guest, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/logs");
    let log =
        guest.must("/sysusr/usr/bin/base64 -w 1000 /sys/kernel/security/tpm0/binary_bios_measurements");
    let log = STANDARD.decode(log.replace('\n', "")).expect("base64");
    fs::write(folder.join(format!("{name}.log")), log).expect("writing the log");
    let registers =
        "for bank in sha256 sha384; do for pcr in $(/sysusr/usr/bin/seq 0 15); do \
                     file=/sys/class/tpm/tpm0/pcr-$bank/$pcr; ! [ -e $file ] || echo $bank $pcr $(cat $file); done; done";
    let registers = guest.must(registers).to_lowercase();
    fs::write(folder.join(format!("{name}.pcrs")), format!("{registers}\n")).expect("writing the registers");
}

/// A network card with the firmware that QEMU brings, which nobody signed.
fn with_a_rom(computer: &mut Computer) {
    computer.has(&["-netdev", "hubport,id=none,hubid=0", "-device", "virtio-net-pci,netdev=none"]);
}

fn without_a_boot_loader(computer: &mut Computer) {
    computer.secure_boot_with_keys();
    put(computer, &computer.kernel_image(), LOADER);
}

fn with_older_firmware(computer: &mut Computer) {
    let place = boot_loaders().join("older/usr/share/OVMF");
    computer.has_firmware(&place.join("OVMF_CODE.fd"), &place.join("OVMF_VARS.fd"));
}

/// The boot loader of the image is the one that shim starts.
fn behind_shim(computer: &mut Computer) {
    computer.secure_boot_of_a_shop();
    computer.copy_from_esp(&format!("{FOLDER}/{LOADER}"), BEHIND_SHIM);
    computer.copy_to_esp(FOLDER, BEHIND_SHIM);
    put(computer, &boot_loaders().join("usr/lib/shim/shimx64.efi.signed"), LOADER);
}

fn put_grub(computer: &mut Computer, name: &str) {
    put(computer, &boot_loaders().join("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"), name);
    let settings = "chainloader /EFI/Linux/demo_0.0.1.efi\nboot\n";
    computer.write_to_esp("::/EFI/debian", "grub.cfg", settings.as_bytes());
}

fn put(computer: &Computer, program: &Path, name: &str) {
    let copied = fs::copy(program, computer.folder().join(name));
    copied.unwrap_or_else(|error| panic!("copying {}: {error}", program.display()));
    computer.copy_to_esp(FOLDER, name);
}

/// What `vm-tests/scripts/fetch-boot-loaders` unpacked.
fn boot_loaders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/boot-loaders")
}
