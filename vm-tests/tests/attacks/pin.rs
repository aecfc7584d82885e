//! A machine with a PIN, in the hands of somebody who does not know it: the TPM's count of wrong ones is started anew by a system
//! of theirs, and the token names another storage root key, so that what is sent by it can be read on the bus.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pattern_vm_tests::{Chip, Computer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tools::attack::{Attack, BY_STEPS, on_stock};
use crate::tools::header;
use crate::tools::planted::run;

const COUNT: Attack = Attack {
    row: 40,
    name: "pin_count",
    what: "the TPM's count of wrong PINs is started anew between tries",
    who: "has the machine for a while, and starts a system of theirs",
    ..BY_STEPS
};
const FORGED: Attack = Attack {
    row: 42,
    name: "srk_forged",
    what: "`tpm2_srk` of the volume's token is replaced by a key of theirs, by which the PIN would be sent",
    who: "writes the disk; listens between processor and TPM; the owner enters the PIN",
    ..BY_STEPS
};
/// TPM_RC_AUTH_FAIL or TPM_RC_BAD_AUTH, as tpm2-tools say it.
const REFUSAL: &str = "authorization";
const ANOTHER_KEY: &str = "the storage root key at 0x81000001 has another name than when the volume was made";
const QUESTION: &str = "PIN for /dev/vda6";
const PIN: &str = "31415926";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn pin() {
    let mut computer = with_pin();
    forge(&computer);
    let outcomes = [QUESTION, "Recovery key for /dev/vda6:"];
    let (which, said) = computer.start_initrd().expect_any(&outcomes);
    let forged = which == 1 && said.contains(ANOTHER_KEY);
    let count = start_anew(&computer);
    println!("{}: {count:?}; {}: {forged}", COUNT.name, FORGED.name);

    assert!(forged, "the PIN is asked for: {said}");
    FORGED.note("ours", &format!("refused, and no PIN is asked for: {ANOTHER_KEY}"));
    let complaint = count.expect_err("the count is started anew");
    assert!(complaint.contains(REFUSAL), "{complaint}");
    COUNT.note("ours", "refused by the TPM: its lockout password is kept in the volume");
}

/// It has no PIN; the same would be asked of its TPM.
#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn pin_count_stock() {
    on_stock(COUNT.name, |computer| {
        let words = if start_anew(&computer).is_ok() { "**used**" } else { "refused by the TPM" };
        vec![(COUNT, words.to_owned())]
    });
}

/// The demonstration's kernel and initrd, with the option: nothing here depends on firmware or kernel command line.
fn with_pin() -> Computer {
    let mut computer = Computer::new("pin_of_another");
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("[volume]\n", "[volume]\npin = true\n");
    assert_ne!(toml, all);
    computer.configure(&toml);
    let mut guest = computer.start_initrd();
    guest.expect("Choose a PIN for this machine");
    guest.send(PIN);
    guest.expect("The same PIN again:");
    guest.send(PIN);
    guest.wait_for_initrd_shell();
    guest.power_off();
    computer
}

fn start_anew(computer: &Computer) -> Result<String, String> {
    Chip::of(computer).run("tpm2_dictionarylockout", &["--clear-lockout"])
}

/// Puts a key of the attacker's in the place of the TPM's: another point of the same curve.
fn forge(computer: &Computer) {
    let point = point(computer);
    let disk = computer.disk();
    header::edit(&disk, disk.partition("persist"), |_, metadata| {
        let tokens = metadata["tokens"].as_object_mut().expect("tokens");
        let token = tokens.values_mut().find(|token| token["type"] == "systemd-tpm2").expect("a TPM token");
        let text = token["tpm2_srk"].as_str().expect("a storage root key");
        token["tpm2_srk"] = replaced(&STANDARD.decode(text).expect("base64"), &point);
    });
}

/// An ESAPI resource: handle, name, kind, then the public area, which ends in the point (tpm2-tss, `IESYS_RESOURCE`; TPM 2.0 Library,
/// Part 2, `TPMT_PUBLIC`). The name is the digest of the public area.
fn replaced(key: &[u8], point: &[u8]) -> Value {
    const NAME: std::ops::Range<usize> = 8..40;
    const AREA: usize = 40 + 4 + 2;
    let mut key = key.to_vec();
    let x = key.len() - 68;
    assert_eq!(
        (&key[4..8], &key[x..x + 2], &key[x + 34..x + 36]),
        (&[0, 34, 0, 11][..], &[0, 32][..], &[0, 32][..])
    );
    key[x + 2..x + 34].copy_from_slice(&point[..32]);
    key[x + 36..].copy_from_slice(&point[32..]);
    let name = Sha256::digest(&key[AREA..]);
    key[NAME].copy_from_slice(&name);
    json!(STANDARD.encode(key))
}

/// That of a new key, whose secret half the attacker has.
fn point(computer: &Computer) -> Vec<u8> {
    let words = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-outform",
        "DER",
        "-out",
        "theirs.pem",
    ];
    run(computer.command("openssl").args(words));
    let public =
        ["pkey", "-inform", "DER", "-in", "theirs.pem", "-pubout", "-outform", "DER", "-out", "theirs.der"];
    run(computer.command("openssl").args(public));
    let der = std::fs::read(computer.folder().join("theirs.der")).expect("reading the key");
    der[der.len() - 64..].to_vec()
}
