use serde_json::{Value, json};

use crate::volume::luks2::fixture::{DEVICE, RICH, load, names, set, with, without};
use crate::volume::{Fault, Header, Seen, openable};

fn refusal(bytes: &[u8]) -> String {
    match Header::vet(bytes, DEVICE) {
        Err(Fault::Unsafe(flaw)) => flaw.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_honest_tools_write_is_accepted() {
    let names = names();
    for tool in [
        "cryptsetup-2.3",
        "cryptsetup-2.6",
        "cryptsetup-2.7",
        "cryptsetup-2.8",
        "cryptenroll-252",
        "repart-257",
    ] {
        assert!(names.iter().any(|name| name.starts_with(tool)), "no fixture of {tool}");
    }
    for name in names {
        let bytes = load(&name);
        let header = Header::vet(&bytes, DEVICE).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert!(!header.torn(), "{name}");
        assert!(!header.areas().is_empty() && header.length() > bytes.len() as u64, "{name}");
    }
}

#[test]
fn the_tokens_of_honest_tools_are_the_ways_in() {
    let header = Header::vet(&load(RICH), DEVICE).unwrap();
    let (_, locks) = openable(Seen::Luks2(header)).unwrap();
    assert_eq!(locks.tokens.iter().map(|token| token.keyslot).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(locks.recovery && locks.unusable.is_empty());
}

/// By default systemd 262 hardens a PIN with Argon2id, which needs several hundred megabytes.
#[test]
fn a_pin_of_each_systemd_is_asked_for_or_refused_by_name() {
    let locks = |version: &str| {
        let header = Header::vet(&load(&format!("cryptenroll-{version}-pin")), DEVICE).unwrap();
        header.locks()
    };
    for version in ["254", "257"] {
        let locks = locks(version);
        assert!(locks.tokens.iter().any(|token| token.pin.is_some()), "{version}: {locks:?}");
    }
    let hardened = "token 0: not supported: a PIN hardened with Argon2id \
                    (to enroll one without: systemd-cryptenroll --tpm2-with-pin=direct)";
    assert_eq!((locks("262").tokens, locks("262").unusable), (vec![], vec![hardened.to_owned()]));
    let unnamed = "token 0: not supported: a key without tpm2_srk (enrolled by systemd before 255)";
    assert_eq!((locks("252").tokens, locks("252").unusable), (vec![], vec![unnamed.to_owned()]));
}

#[test]
fn each_field_that_an_attack_needs_is_named() {
    let ciphers = "aes-xts-plain64 or camellia-xts-plain64 or serpent-xts-plain64 or twofish-xts-plain64";
    let null = || json!("cipher_null-ecb");
    let table: &[(&str, Value, &str)] = &[
        ("/segments/0/encryption", null(), &format!("\"cipher_null-ecb\", expected {ciphers}")),
        ("/segments/0/encryption", json!("aes-ecb"), &format!("\"aes-ecb\", expected {ciphers}")),
        ("/segments/0/type", json!("linear"), "\"linear\", expected crypt"),
        ("/segments/0/flags", json!(["backup-final"]), "[\"backup-final\"], expected none"),
        (
            "/segments/0/integrity",
            json!({ "type": "none" }),
            "an object, expected none: it is not supported here",
        ),
        ("/segments/0/iv_tweak", json!("8"), "\"8\", expected \"0\""),
        ("/segments/0/sector_size", json!(8192), "8192, expected a number from 512 to 4096"),
        ("/segments/0/sector_size", json!(513), "513, expected 512, 1024, 2048 or 4096"),
        (
            "/segments/0/offset",
            json!("32768"),
            "\"32768\", expected from 16777216, the key slots' end, to below 67108864, the device's, in whole sectors",
        ),
        ("/segments/0/offset", json!(16_777_216), "16777216, expected bytes, as decimal digits in quotes"),
        (
            "/segments/0/size",
            json!("50331649"),
            "\"50331649\", expected \"dynamic\", or at most 50331648 in whole sectors",
        ),
        ("/keyslots/1/area/encryption", null(), &format!("\"cipher_null-ecb\", expected {ciphers}")),
        ("/keyslots/1/type", json!("reencrypt"), "\"reencrypt\", expected luks2"),
        ("/keyslots/1/key_size", json!(0), "0, expected 32 or 64"),
        ("/keyslots/2/key_size", json!(32), "32, expected that of the other key slots"),
        ("/keyslots/1/area/type", json!("datashift"), "\"datashift\", expected raw"),
        ("/keyslots/1/area/key_size", json!(8), "8, expected 32 or 64"),
        (
            "/keyslots/1/area/offset",
            json!("16777216"),
            "\"16777216\", expected from 32768 to below 16777216, in steps of 4096",
        ),
        (
            "/keyslots/1/area/offset",
            json!("18446744073709551615"),
            "\"18446744073709551615\", expected from 32768 to below 16777216, in steps of 4096",
        ),
        (
            "/keyslots/1/area/size",
            json!("18446744073709551615"),
            "\"18446744073709551615\", expected from 256000 to 16486400",
        ),
        ("/keyslots/1/area/size", json!("4096"), "\"4096\", expected from 256000 to 16486400"),
        ("/keyslots/2/area/offset", json!("294912"), "\"294912\", expected a place of its own"),
        ("/keyslots/1/af/type", json!("none"), "\"none\", expected luks1"),
        ("/keyslots/1/af/stripes", json!(1), "1, expected 4000"),
        ("/keyslots/1/kdf/type", json!("none"), "\"none\", expected pbkdf2 or argon2i or argon2id"),
        (
            "/keyslots/1/kdf/iterations",
            json!(4_294_967_295_u32),
            "4294967295, expected a number from 1 to 1073741824",
        ),
        ("/digests/0/type", json!("none"), "\"none\", expected pbkdf2"),
        ("/digests/0/segments", json!([]), "[], expected [\"0\"]"),
        (
            "/digests/0/keyslots",
            json!(["1", "2", "3", "5"]),
            "[\"1\",\"2\",\"3\",\"5\"], expected some of the key slots 1, 2, 3, 4",
        ),
        ("/tokens/0/keyslots", json!(["7"]), "[\"7\"], expected some of the key slots 1, 2, 3, 4"),
        ("/tokens/0/type", json!(7), "7, expected a text"),
        ("/config/json_size", json!("28672"), "\"28672\", expected \"12288\", as hdr_size says"),
        (
            "/config/json_size",
            json!("18446744073709551615"),
            "\"18446744073709551615\", expected \"12288\", as hdr_size says",
        ),
        (
            "/config/keyslots_size",
            json!("134221824"),
            "\"134221824\", expected at most 134217728, in steps of 4096",
        ),
    ];
    for (pointer, value, message) in table {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        assert_eq!(refusal(&set(pointer, value)), format!("{field} is {message}"));
    }
}

#[test]
fn requirements_and_flags_that_nobody_knows_are_refused() {
    for name in ["offline-reencrypt", "online-reencrypt-v2", "unheard-of"] {
        let bytes = set("/config/requirements", &json!({ "mandatory": [name] }));
        let expected = "an empty array: nothing beyond plain encryption";
        assert_eq!(
            refusal(&bytes),
            format!("config.requirements.mandatory is [\"{name}\"], expected {expected}")
        );
    }
    let flags = refusal(&set("/config/flags", &json!(["allow-discards", "x"])));
    assert!(
        flags.starts_with("config.flags is [\"allow-discards\",\"x\"], expected only those of allow-"),
        "{flags}"
    );
    let honest = set("/config/flags", &json!(["allow-discards", "no-read-workqueue"]));
    assert!(Header::vet(&honest, DEVICE).is_ok());
    let honest = set("/config/requirements", &json!({ "mandatory": [] }));
    assert!(Header::vet(&honest, DEVICE).is_ok());
}

#[test]
fn counts_are_kept() {
    let twice = |list: &'static str, other: &'static str| {
        with(move |metadata| metadata[list][other] = metadata[list]["0"].clone())
    };
    assert_eq!(refusal(&twice("segments", "1")), "segments is an object of 2, expected at most 1");
    assert_eq!(refusal(&twice("digests", "1")), "digests is an object of 2, expected exactly one");
    assert_eq!(refusal(&without("/segments/0")), "segments is an object of 0, expected exactly one");
    assert_eq!(refusal(&without("/keyslots")), "keyslots is missing, expected an object");
    assert_eq!(
        refusal(&without("/keyslots/1/kdf/type")),
        "keyslots.1.kdf.type is missing, expected pbkdf2 or argon2i or argon2id"
    );
    assert_eq!(
        refusal(&twice("tokens", "01")),
        "tokens is an object with \"01\", expected the names 0 to 31 only"
    );
    let many = with(|metadata| {
        let token = json!({ "type": "x", "keyslots": [] });
        metadata["tokens"] = (0..33).map(|id| (id.to_string(), token.clone())).collect();
    });
    assert_eq!(refusal(&many), "tokens is an object of 33, expected at most 32");
}

/// `cryptsetup luksAddKey --unbound` makes a digest of its own, and a reencryption that was given up leaves a key slot
/// without one. Neither holds the volume's key.
#[test]
fn key_slots_of_another_key_are_legal_and_open_nothing() {
    let unbound = |edit: fn(&mut Value)| {
        with(move |metadata| {
            metadata["keyslots"]["9"] = metadata["keyslots"]["1"].clone();
            metadata["keyslots"]["9"]["key_size"] = json!(16);
            metadata["keyslots"]["9"]["area"]["offset"] = json!("8388608");
            edit(metadata);
        })
    };
    let own = |metadata: &mut Value| {
        metadata["digests"]["1"] = metadata["digests"]["0"].clone();
        metadata["digests"]["1"]["segments"] = json!([]);
        metadata["digests"]["1"]["keyslots"] = json!(["9"]);
    };
    for edit in [|_: &mut Value| {}, own] {
        let header = Header::vet(&unbound(edit), DEVICE).unwrap();
        assert_eq!(header.areas().len(), 5);
        // The copy that is opened has it, too, so its place is checked.
        assert_eq!(header.entry().asked(), Some("Recovery key"));
    }
    let misplaced = unbound(|metadata| metadata["keyslots"]["9"]["area"]["offset"] = json!("4096"));
    assert!(refusal(&misplaced).starts_with("keyslots.9.area.offset is"));
    let twice = unbound(|metadata| {
        metadata["digests"]["1"] = metadata["digests"]["0"].clone();
        metadata["digests"]["1"]["segments"] = json!([]);
    });
    assert!(refusal(&twice).ends_with("expected key slots of no other digest"), "{}", refusal(&twice));
    let token = json!({ "0": { "type": "systemd-recovery", "keyslots": ["9"] } });
    let unbound_recovery =
        unbound(|metadata| metadata["tokens"]["9"] = json!({ "type": "x", "keyslots": ["9"] }));
    assert!(Header::vet(&unbound_recovery, DEVICE).unwrap().entry().asked() == Some("Recovery key"));
    let only = with(move |metadata| {
        metadata["keyslots"]["9"] = metadata["keyslots"]["1"].clone();
        metadata["keyslots"]["9"]["area"]["offset"] = json!("8388608");
        metadata["tokens"] = token.clone();
    });
    let header = Header::vet(&only, DEVICE).unwrap();
    assert!(header.recovery_slots().is_empty() && header.entry().asked() == Some("Passphrase"));
}

#[test]
fn a_token_of_a_key_slot_with_another_key_is_passed_over() {
    let bytes = set("/digests/0/keyslots", &json!(["1", "3", "4"]));
    let locks = Header::vet(&bytes, DEVICE).unwrap().locks();
    assert_eq!(locks.tokens.iter().map(|token| token.keyslot).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(locks.unusable.len(), 1);
    assert!(locks.unusable[0].ends_with(": key slot 2 holds another key than the volume's"), "{locks:?}");
}

#[test]
fn argon2_may_use_much_but_not_everything() {
    let argon2 = |memory: u64, time: u64| {
        let kdf = json!({ "type": "argon2id", "memory": memory, "time": time, "cpus": 4, "salt": "AA==" });
        set("/keyslots/1/kdf", &kdf)
    };
    for (memory, time) in [(1 << 20, 4), (4 << 20, 30), (32, 500_000)] {
        assert!(Header::vet(&argon2(memory, time), DEVICE).is_ok(), "{memory} {time}");
    }
    let message = "keyslots.1.kdf.memory is 4194305, expected a number from 1 to 4194304";
    assert_eq!(refusal(&argon2((4 << 20) + 1, 4)), message);
    assert_eq!(refusal(&argon2(0, 4)), "keyslots.1.kdf.memory is 0, expected a number from 1 to 4194304");
    let message = "keyslots.1.kdf.time is 1025, expected a number from 1 to 1024";
    assert_eq!(refusal(&argon2(1 << 20, 1025)), message);
}

#[test]
fn the_device_must_hold_what_the_header_describes() {
    let Err(Fault::Unsafe(flaw)) = Header::vet(&load(RICH), 16 << 20) else { panic!() };
    assert!(flaw.to_string().starts_with("segments.0.offset is \"16777216\", expected from"), "{flaw}");
}
