//! TPMs: other keys, registers and owners, and such that are slow, absent, or fail.

use std::time::Duration;

use pattern_vm_tests::{Chip, Computer, Play, Player};

use crate::shop::{Row, says, starts_twice};

const BASE: Row = Row { what: "", from: Computer::new, prepare: |_| {}, end: starts_twice };

machines! {
    often crb: Row {
        what: "the CRB interface",
        prepare: Computer::has_a_crb_tpm,
        ..BASE
    };
    often sha384_only: Row {
        what: "registers of SHA-384 alone",
        prepare: |computer| computer.gets_a_tpm("sha384"),
        ..BASE
    };
    seldom two_banks: Row {
        what: "registers of SHA-1, SHA-256 and SHA-384",
        prepare: |computer| computer.gets_a_tpm("sha1,sha256,sha384"),
        ..BASE
    };
    seldom rsa_root_key: Row {
        what: "a storage root key that is RSA, at its usual place",
        prepare: |computer| root_key(computer, &["-G", "rsa"]),
        ..BASE
    };
    seldom sha384_root_key: Row {
        what: "a storage root key of P-384 and SHA-384, at its usual place",
        prepare: |computer| root_key(computer, &["-g", "sha384", "-G", "ecc384"]),
        ..BASE
    };
    seldom slow: Row {
        what: "half a second for each command, 100 seconds for a new key",
        prepare: |computer| {
            let ear = computer.listen_to_tpm();
            ear.slow_down(Duration::from_millis(500));
            ear.play(|code, _, _| {
                if [CREATE_PRIMARY, CREATE].contains(&code) { Play::Late(Duration::from_secs(100)) } else { Play::Ask }
            });
        },
        ..BASE
    };
    seldom no_curves: Row {
        what: "no elliptic curves",
        prepare: |computer| plays(computer, |code, command, _| {
            answer_if(code == CREATE_PRIMARY && is_for_a_curve(command), 0x2ca)
        }),
        ..BASE
    };
    seldom rests: Row {
        what: "its memory is written seldom: each second write has to wait",
        prepare: |computer| plays(computer, |code, _, before| {
            answer_if(WRITES.contains(&code) && before % 2 == 0, 0x920)
        }),
        ..BASE
    };
    seldom busy: Row {
        what: "busy when the volume's key is made and when it is opened",
        prepare: |computer| plays(computer, |code, _, before| {
            answer_if([CREATE, UNSEAL].contains(&code) && before == 0, 0x922)
        }),
        ..BASE
    };
    seldom full: Row {
        what: "no memory left for records",
        prepare: |computer| plays(computer, |code, _, _| answer_if(code == DEFINE_SPACE, 0x14b)),
        end: |computer| says(computer, "the TPM has no memory left"),
        ..BASE
    };
    seldom disabled: Row {
        what: "the storage hierarchy is disabled",
        prepare: |computer| plays(computer, |code, _, _| answer_if(code == CREATE_PRIMARY, 0x185)),
        end: |computer| says(computer, "the TPM's storage hierarchy is disabled"),
        ..BASE
    };
    seldom broken: Row {
        what: "it finds a fault in itself when the volume's key is made",
        prepare: |computer| plays(computer, |code, _, _| answer_if(code == CREATE, 0x101)),
        end: |computer| says(computer, "the TPM found a fault in itself (failure mode)"),
        ..BASE
    };
    seldom dies: Row {
        what: "it stops answering while the volume's key is made",
        prepare: |computer| plays(computer, |code, _, _| if code == CREATE { Play::Silence } else { Play::Ask }),
        end: |computer| says(computer, "the TPM does not answer"),
        ..BASE
    };
    seldom owner_password: Row {
        what: "the owner has a password",
        prepare: has_an_owner,
        end: |computer| says(computer, "the TPM's owner hierarchy has a password"),
        ..BASE
    };
    seldom other_passwords: Row {
        what: "the endorsement hierarchy and the lockout have passwords",
        prepare: |computer| {
            computer.gets_a_tpm("sha256");
            let chip = Chip::of(computer);
            must(&chip, "tpm2_changeauth", &["-c", "e", "secret"]);
            must(&chip, "tpm2_changeauth", &["-c", "l", "secret"]);
        },
        ..BASE
    };
    seldom locked_out: Row {
        what: "it is locked out after a wrong password",
        prepare: is_guessed_at,
        ..BASE
    };
    seldom reset: Row {
        what: "it is reset while the volume's key is made",
        prepare: |computer| plays(computer, |code, _, _| answer_if(code == CREATE, 0x100)),
        end: |computer| says(computer, "the TPM was reset in the middle of this boot"),
        ..BASE
    };
    seldom version_1_2: Row {
        what: "TPM 1.2",
        prepare: Computer::has_a_tpm_1_2,
        end: |computer| says(computer, "this machine has a TPM 1.2"),
        ..BASE
    };
    seldom absent: Row {
        what: "no TPM",
        prepare: Computer::remove_tpm,
        end: |computer| says(computer, "no TPM: /dev/tpmrm0 does not exist; turn the TPM on"),
        ..BASE
    };
}

const CREATE_PRIMARY: u32 = 0x131;
const CREATE: u32 = 0x153;
const UNSEAL: u32 = 0x15e;
const DEFINE_SPACE: u32 = 0x12a;
/// `NV_DefineSpace`, `NV_Write`, `NV_Increment` and `EvictControl`.
const WRITES: [u32; 4] = [DEFINE_SPACE, 0x137, 0x134, 0x120];

fn plays(computer: &mut Computer, player: Player) {
    computer.listen_to_tpm().play(player);
}

fn answer_if(so: bool, code: u32) -> Play {
    if so { Play::Answer(code) } else { Play::Ask }
}

/// A public area of `TPM_ALG_ECC` whose name is by SHA-256.
fn is_for_a_curve(command: &[u8]) -> bool {
    command.windows(4).any(|bytes| bytes == [0, 0x23, 0, 0x0b])
}

/// Makes a storage root key as another system made it.
fn root_key(computer: &mut Computer, kind: &[&str]) {
    computer.gets_a_tpm("sha256");
    let chip = Chip::of(computer);
    let create = [&["-C", "o", "-c", "root.ctx"], kind].concat();
    must(&chip, "tpm2_createprimary", &create);
    must(&chip, "tpm2_evictcontrol", &["-C", "o", "-c", "root.ctx", "0x81000001"]);
}

fn has_an_owner(computer: &mut Computer) {
    computer.gets_a_tpm("sha256");
    must(&Chip::of(computer), "tpm2_changeauth", &["-c", "o", "secret"]);
}

/// A key that counts wrong passwords, one of which is enough.
fn is_guessed_at(computer: &mut Computer) {
    computer.gets_a_tpm("sha256");
    let chip = Chip::of(computer);
    must(&chip, "tpm2_createprimary", &["-C", "o", "-c", "root.ctx"]);
    must(
        &chip,
        "tpm2_create",
        &["-C", "root.ctx", "-G", "hmac", "-p", "right", "-r", "key.private", "-u", "key.public"],
    );
    must(&chip, "tpm2_load", &["-C", "root.ctx", "-r", "key.private", "-u", "key.public", "-c", "key.ctx"]);
    must(&chip, "tpm2_dictionarylockout", &["-s", "-n", "1", "-t", "100000", "-l", "100000"]);
    chip.run("tpm2_hmac", &["-c", "key.ctx", "-p", "wrong", "key.public"]).expect_err("a wrong password did");
    let state = chip.run("tpm2_getcap", &["properties-variable"]).expect("reading the TPM's properties");
    assert!(state.contains("inLockout:                 1"), "{state}");
}

fn must(chip: &Chip<'_>, program: &str, words: &[&str]) {
    chip.run(program, words).unwrap_or_else(|complaint| panic!("{complaint}"));
}
