//! Changes that people ask about most: their own Secure Boot key is another one, and the boot loader is replaced. Announced before
//! the restart, each opens the volume with no question. Not announced, `pattern check-update` says before the restart that the
//! recovery key will be asked for, and why, and it is.

use std::fs;

use pattern_vm_tests::Computer;

use crate::owner::{ASKED, ESP, LOGIN, MUTABLE, is_not_asked, runs};

const ANNOUNCED: &str = "after the change of Secure Boot's keys that was announced";
const OTHER_CERTIFICATE: &str = "PCR 7 (sha256) will be made with another certificate of db";
const IMAGE: &str = "/boot/EFI/Linux/production_0.0.1.efi";
const REPORT: &str = "pattern check-update; echo owner: status $?; sync; echo owner: done\n";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn foreseen() {
    let mut computer = Computer::production("foreseen");
    let key = computer.recovery_key();
    prepare(&computer);

    // db gets the new certificate. The path unit announces that.
    let add = "cat /boot/db.auth >/sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f\n\
               until systemctl is-active -q pattern-rebind-ahead || [ \"$(systemctl show -P ExecMainExitTimestampMonotonic \
               pattern-rebind-ahead)\" != 0 ]; do sleep 1; done; sleep 5\n";
    let said = runs(&mut computer, &format!("{MUTABLE} /sys/firmware/efi/efivars/db-*; {add}{REPORT}"));
    assert!(said.contains("owner: status 0"), "{said}");
    opens(&mut computer, true);

    // The kernel image is signed by the new key.
    let replace = |file: &str| format!("cp /boot/{file} {IMAGE} && sync\n");
    let announce = "pattern rebind --ahead\n";
    let said = runs(&mut computer, &format!("{}{REPORT}{announce}{REPORT}", replace("new.efi")));
    let (before, after) = said
        .split_once("will open by itself after the change of the certificate that accepts what is started")
        .expect("it was not announced");
    assert!(before.contains(OTHER_CERTIFICATE) && before.contains("owner: status 1"), "{before}");
    assert!(after.contains("owner: status 0"), "{after}");
    opens(&mut computer, true);
    opens(&mut computer, false);

    // The volume is not bound to the boot loader.
    let said =
        runs(&mut computer, &format!("cp /boot/loader.efi /boot/EFI/BOOT/BOOTX64.EFI && sync\n{REPORT}"));
    assert!(said.contains("owner: status 0"), "{said}");
    opens(&mut computer, false);

    // And by the old one again, which nobody announces.
    let said = runs(&mut computer, &format!("{}{REPORT}", replace("old.efi")));
    assert!(said.contains(OTHER_CERTIFICATE) && said.contains("owner: status 1"), "{said}");
    let mut guest = computer.start();
    guest.expect(ASKED);
    guest.send(&key);
    guest.expect(LOGIN);
    drop(guest);
}

fn prepare(computer: &Computer) {
    let other = computer.make_other_certificate();
    computer.make_other_boot_loader("loader.efi");
    for name in ["new.efi", "old.efi"] {
        fs::copy(computer.kernel_image(), computer.folder().join(name)).expect("a copy");
    }
    computer.remove_signature("new.efi");
    computer.sign_by("new.efi", &other);
    for file in ["db.auth", "loader.efi", "new.efi", "old.efi"] {
        computer.copy_to_esp(ESP, file);
    }
}

fn opens(computer: &mut Computer, announced: bool) {
    let mut guest = computer.start();
    is_not_asked(&mut guest);
    assert_eq!(guest.console().contains(ANNOUNCED), announced, "{}", guest.console());
}
