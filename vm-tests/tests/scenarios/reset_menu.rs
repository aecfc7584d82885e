//! The boot menu's entry for a factory reset: it asks; another word than the right one keeps everything, the right one erases
//! it, and the machine starts anew.

use pattern_vm_tests::{Computer, Guest};

const QUESTION: &str = "Type erase to go on, anything else to keep it:";
/// Which entry the boot loader starts once (UAPI "Boot Loader Interface").
const ONE_SHOT: &str = "/sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn reset_menu() {
    let mut computer = Computer::installed("reset_menu");
    let mut guest = computer.boot_initrd();
    chooses_the_entry(&mut guest);
    let said = guest.expect(QUESTION);
    assert!(said.contains("Factory reset: this erases the volume on /dev/vda6"), "{said}");
    guest.send("yes");
    guest.wait_for_initrd_shell();
    let log = guest.must("dmesg");
    assert!(
        log.contains("nobody confirmed the factory reset") && log.contains("opened it by the TPM"),
        "{log}"
    );
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");

    chooses_the_entry(&mut guest);
    guest.expect(QUESTION);
    guest.send("erase");
    guest.expect("erased the keys of /dev/vda6");
    // That boot makes no volume: the next one does, from the usual entry.
    let said = guest.expect("Recovery key of /dev/vda6");
    assert!(said.contains("pattern-usr["), "{said}");
    guest.wait_for_initrd_shell();
    guest.must_fail("grep pattern.reset /proc/cmdline");
    guest.must_fail("ls /sysroot/home/kept");
    guest.power_off();

    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
}

/// Restarts into the entry, as its name is made by the boot loader: `FILE@PROFILE`.
fn chooses_the_entry(guest: &mut Guest) {
    let name = "demo_0.0.1.efi@factory-reset\0".chars().map(|letter| match letter {
        '\0' => "\\000\\000".to_owned(),
        letter => format!("{letter}\\000"),
    });
    let name = name.collect::<String>();
    guest.must(&format!("printf '\\007\\000\\000\\000{name}' >{ONE_SHOT}"));
    guest.send("systemctl --force reboot");
}
