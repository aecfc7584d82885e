//! Starts that differ in what firmware and boot loaders measure: of each, the same start again is predicted as it was, or unclear,
//! and its event log and registers are recorded in `tests/fixtures/logs`.

mod again;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pattern::firmware::Log;
use pattern::hex;
use pattern_vm_tests::{Computer, Guest};

const SHOW: &str = "for bank in sha256 sha384; do for pcr in $(/sysusr/usr/bin/seq 0 15); do \
                    file=/sys/class/tpm/tpm0/pcr-$bank/$pcr; ! [ -e $file ] || echo $bank $pcr $(cat $file); done; done";
const FOLDER: &str = "::/EFI/BOOT";
const LOADER: &str = "BOOTX64.EFI";
const BEHIND_SHIM: &str = "grubx64.efi";

/// Of which no start is predicted.
const NEVER: [u8; 2] = [5, 10];
/// What another boot loader than systemd-boot measures into, or what it starts.
const BY_OTHERS: [u8; 8] = [4, 7, 8, 9, 11, 12, 13, 14];

/// A start: its name, how the machine is prepared for it, and whether its registers are predicted.
type Case = (&'static str, fn(&mut Computer), bool);

const CASES: &[Case] = &[
    ("plain", |_| {}, true),
    ("keys", Computer::secure_boot_with_keys, true),
    ("rom", with_a_rom, true),
    ("rom-keys", |computer| (computer.secure_boot_with_keys(), with_a_rom(computer)).1, true),
    ("crb", |computer| (computer.gets_a_tpm("sha1,sha256,sha384"), computer.has_a_crb_tpm()).1, true),
    ("older", with_older_firmware, true),
    ("direct", without_a_boot_loader, false),
    ("host", |computer| computer.gets_its_kernel_from_the_host("demo"), false),
    ("shim", behind_shim, false),
    ("shim-grub", |computer| (behind_shim(computer), put_grub(computer, BEHIND_SHIM)).1, false),
    ("grub", |computer| put_grub(computer, LOADER), false),
];

#[test]
#[ignore = "writes fixtures; `make recorded-logs` runs it"]
fn recorded_logs() {
    let only = std::env::var("PATTERN_RECORD").unwrap_or_default();
    for (name, prepare, is_predicted) in CASES.iter().filter(|(name, ..)| only.is_empty() || only == *name) {
        println!("{name}:");
        let mut computer = Computer::new("recorded_logs");
        prepare(&mut computer);
        computer.words("pattern.break=grow");
        let mut guest = computer.start();
        guest.wait_for_initrd_shell();
        let (log, registers) = record(&mut guest, name);
        drop(guest);
        let mut unclear = NEVER.to_vec();
        unclear.extend(BY_OTHERS.iter().filter(|_| !is_predicted));
        unclear.sort_unstable();
        assert_eq!(again::unclear(&computer, &log, &registers), unclear, "{name}");
    }
}

/// Returns what is recorded: the log, and the registers of the bank sha256.
fn record(guest: &mut Guest, name: &str) -> (Log, BTreeMap<u8, Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/logs");
    let log = guest.must("/sysusr/usr/bin/base64 -w 1000 /sys/kernel/security/tpm0/binary_bios_measurements");
    let log = STANDARD.decode(log.replace('\n', "")).expect("base64");
    fs::write(folder.join(format!("{name}.log")), &log).expect("writing the log");
    let text = guest.must(SHOW).to_lowercase();
    fs::write(folder.join(format!("{name}.pcrs")), format!("{text}\n")).expect("writing the registers");
    let register = |line: &str| {
        let (pcr, value) = line.strip_prefix("sha256 ")?.split_once(' ')?;
        Some((pcr.parse().ok()?, hex::decode(value)?))
    };
    (Log::parse(&log).expect("a log"), text.lines().filter_map(register).collect())
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
