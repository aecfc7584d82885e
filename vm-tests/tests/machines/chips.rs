//! TPMs: other keys, registers and owners, and such that are slow, absent, or fail.

use std::time::Duration;

use pattern_vm_tests::{Chip, Computer};

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
        what: "a second for each command",
        prepare: |computer| computer.listen_to_tpm().slow_down(Duration::from_secs(1)),
        ..BASE
    };
    seldom owner_password: Row {
        what: "the owner has a password",
        prepare: has_an_owner,
        end: |computer| says(computer, "the TPM's owner hierarchy has a password"),
        ..BASE
    };
    seldom absent: Row {
        what: "no TPM",
        prepare: Computer::remove_tpm,
        end: |computer| says(computer, "no TPM: /dev/tpmrm0 does not exist; turn the TPM on"),
        ..BASE
    };
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

fn must(chip: &Chip<'_>, program: &str, words: &[&str]) {
    chip.run(program, words).unwrap_or_else(|complaint| panic!("{complaint}"));
}
