//! Another system is started, as the firmware does when Secure Boot was switched off. It has PCR 11 extended with what the
//! public kernel image would extend it with, and asks the TPM as the owner's initrd does.

use pattern_vm_tests::{Computer, Stock};

use crate::tools::attack::{Attack, BY_STEPS};
use crate::tools::stolen::{ANOTHER, Loot};

const KEY: Attack = Attack {
    row: 15,
    name: "secure_boot_off",
    what: "Secure Boot is switched off, another system extends PCR 11 as the kernel image would, and asks for the key",
    who: "has the machine for a while, and can change the firmware's settings",
    ..BY_STEPS
};
const IDENTITY: Attack = Attack {
    row: 16,
    name: "identity_with_secure_boot_off",
    what: "the same system writes what the TPM knows of the volume",
    ..KEY
};
const WORDS: Attack = Attack {
    row: 17,
    name: "key_with_code_added",
    what: "code that was added to the running initrd asks for the key",
    who: "adds to the kernel command line, by SMBIOS, and to the EFI system partition",
    ..BY_STEPS
};
const WORDS_IDENTITY: Attack = Attack {
    row: 18,
    name: "identity_with_code_added",
    what: "the same code writes what the TPM knows of the volume",
    ..WORDS
};
/// TPM_RC_POLICY_FAIL, as tpm2-tools say it.
const REFUSAL: &str = "a policy check failed";

#[test]
fn secure_boot_off() {
    let computer = Computer::production(KEY.name);
    let loot = Loot::of(&computer);
    let owners = computer.reported_extends(7);
    // Nothing but the state of Secure Boot keeps it closed.
    assert_eq!(loot.open(&loot.start(&owners, &[])), Ok(()), "the owner's own state opens the volume");
    assert!(
        loot.write_identity(&loot.start(&owners, &[])).is_ok(),
        "the owner's own state writes the identity"
    );

    let results = all(&loot, &owners);
    for (attack, result) in &results {
        println!("{}: {result:?}", attack.name);
    }
    for (attack, result) in results {
        let complaint = result.expect_err(attack.what);
        assert!(complaint.contains(REFUSAL), "{}: {complaint}", attack.name);
        attack.note("ours", &format!("refused by the TPM: {REFUSAL}"));
    }
}

/// Of systemd 257 alone: the owner's own state of systemd 262 is not reproduced here, so a refusal would say nothing.
#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn secure_boot_off_stock() {
    let computer = Computer::stock(Stock::Stable, &format!("{}-stock", KEY.name));
    let loot = Loot::of(&computer);
    let owners = computer.reported_extends(7);
    assert_eq!(loot.open(&loot.start(&owners, &[])), Ok(()), "the owner's own state opens the volume");
    for (attack, result) in all(&loot, &owners) {
        attack.note(Stock::Stable.name(), &in_words(result));
    }
}

fn in_words(result: Result<(), String>) -> String {
    match result {
        Ok(()) => "**used**".to_owned(),
        Err(complaint) if complaint.contains(REFUSAL) => format!("refused by the TPM: {REFUSAL}"),
        Err(_) => {
            "nothing to write: the TPM knows nothing of the volume, and any that opens is used".to_owned()
        }
    }
}

/// Each from power-on.
fn all(loot: &Loot<'_>, owners: &[[u8; 32]]) -> [(Attack, Result<(), String>); 4] {
    let open = |seven, twelve| {
        let chip = loot.start(seven, twelve);
        loot.open(&chip)
    };
    let write = |seven, twelve| {
        let chip = loot.start(seven, twelve);
        loot.write_identity(&chip).map(drop)
    };
    let (off, added) = (&[ANOTHER][..], &[ANOTHER][..]);
    [
        (KEY, open(off, &[])),
        (IDENTITY, write(off, &[])),
        (WORDS, open(owners, added)),
        (WORDS_IDENTITY, write(owners, added)),
    ]
}
