use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::*;

/// Returns a `TPMT_PUBLIC` as systemd's template makes it (attributes `noDA`, `fixedTPM`,
/// `fixedParent`).
fn public(policy: Digest) -> Vec<u8> {
    let unique = [7; 32];
    [&[0, 8, 0, 11, 0, 0, 4, 0x12, 0, 32][..], &policy, &[0, 16, 0, 32], &unique].concat()
}

fn srk_bytes(handle: u32) -> Vec<u8> {
    srk_with(handle, 0x0003_0472)
}

fn srk_with(handle: u32, attributes: u32) -> Vec<u8> {
    let mut public = [5; 90];
    public[4..8].copy_from_slice(&attributes.to_be_bytes());
    let name = Sha256::digest(public);
    [&handle.to_be_bytes()[..], &[0, 34, 0, 11], &name, &[0, 0, 0, 1], &[0, 90], &public].concat()
}

fn token() -> Tpm2Token {
    let policy = [3; 32];
    Tpm2Token {
        keyslot: 0,
        signed: None,
        literal: Some(Pcrs::new([7, 11]).unwrap()),
        bank: Bank::Sha256,
        counted: None,
        pin: None,
        policy,
        sealed: Sealed { private: vec![9; 158], public: public(policy) },
        srk: Srk::parse(&srk_bytes(0x8100_0001)).unwrap(),
    }
}

/// Returns a token with a signed part and a PIN.
fn signed_token() -> Tpm2Token {
    let signed = Signed { key: PublicKey::parse(samples::PEM).unwrap(), pcrs: Pcrs::new([11]).unwrap() };
    let mut token = Tpm2Token {
        signed: Some(signed),
        literal: None,
        pin: Some(Pin { salt: Some(vec![5; 32]) }),
        ..token()
    };
    token.policy = token.policy_for(&[]);
    token.sealed.public = public(token.policy);
    token
}

/// Returns the token of [`token`] with one field set, or removed if the value is null.
fn changed(field: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(&token().to_json()).unwrap();
    let fields = json.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(field)
    } else {
        fields.insert(field.to_owned(), value)
    };
    json.to_string()
}

fn refusal(field: &str, value: Value) -> String {
    Token::parse(&changed(field, value)).unwrap_err().to_string()
}

#[test]
fn a_token_is_read_as_it_was_written() {
    assert_eq!(Token::parse(&token().to_json()).unwrap(), Token::Tpm2(Box::new(token())));
    let without_bank = Token::parse(&changed("tpm2-pcr-bank", Value::Null)).unwrap();
    assert_eq!(without_bank, Token::Tpm2(Box::new(token())));
}

#[test]
fn the_fields_are_those_of_systemd() {
    let json: Value = serde_json::from_str(&token().to_json()).unwrap();
    assert_eq!(json["type"], "systemd-tpm2");
    assert_eq!(json["keyslots"], json!(["0"]));
    assert_eq!(json["tpm2-pcrs"], json!([7, 11]));
    assert_eq!(json["tpm2-pcr-bank"], "sha256");
    assert_eq!(json["tpm2-policy-hash"], "03".repeat(32));
    assert_eq!(json["tpm2_srk"], STANDARD.encode(srk_bytes(0x8100_0001)));
}

#[test]
fn a_signed_part_and_a_pin_have_the_fields_of_systemd() {
    let text = signed_token().to_json();
    assert_eq!(Token::parse(&text).unwrap(), Token::Tpm2(Box::new(signed_token())));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["tpm2-pcrs"], json!([]));
    assert_eq!(json["tpm2_pubkey_pcrs"], json!([11]));
    assert_eq!(json["tpm2_pubkey"], STANDARD.encode(samples::PEM));
    assert_eq!(json["tpm2-pin"], true);
    assert_eq!(json["tpm2_salt"], STANDARD.encode([5; 32]));
    for field in ["tpm2_pubkey", "tpm2_pubkey_pcrs", "tpm2_salt", "tpm2-pin"] {
        assert!(!token().to_json().contains(field), "{field}");
    }
}

/// systemd could not meet the policy, and each of its tries might ask for a PIN in vain.
#[test]
fn a_counted_token_has_a_type_of_its_own_and_says_what_is_wrong_with_it() {
    let mut counted =
        Tpm2Token { counted: Some(Counted { handle: 0x01b0_0007, count: 12 }), ..signed_token() };
    assert_ne!(counted.policy_for(&[]), counted.policy);
    counted.policy = counted.policy_for(&[]);
    counted.sealed.public = public(counted.policy);
    let text = counted.to_json();
    assert_eq!(Token::parse(&text).unwrap(), Token::Tpm2(Box::new(counted)));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["type"], &json["count"]), (&json!("pattern-counted"), &json!("12")));
    let refused = |from: &str, to: &str| Token::parse(&text.replace(from, to)).unwrap_err().to_string();
    let malformed = |field, form| format!("{field} of a systemd-tpm2 token is not {form}");
    let handle = "the handle of a counter of sealed keys";
    assert_eq!(refused("\"28311559\"", "\"27262983\""), malformed("counter", handle));
    assert_eq!(refused("\"count\":\"12\"", "\"count\":12"), malformed("count", "a number"));
    assert_eq!(refused("\"count\":\"12\",", ""), "a systemd-tpm2 token without count");
    let other = malformed("tpm2-policy-hash", "the policy of tpm2_pubkey");
    assert_eq!(refused("\"count\":\"12\"", "\"count\":\"13\""), other);
    let plain = refused("pattern-counted", "systemd-tpm2");
    assert_eq!(plain, other);
}

#[test]
fn a_signed_part_is_refused_when_it_is_not_whole() {
    let refusal = |field: &str, value: Option<Value>| {
        let mut json: Value = serde_json::from_str(&signed_token().to_json()).unwrap();
        let fields = json.as_object_mut().unwrap();
        match value {
            None => fields.remove(field),
            Some(value) => fields.insert(field.to_owned(), value),
        };
        Token::parse(&json.to_string()).unwrap_err().to_string()
    };
    let missing = |field| format!("a systemd-tpm2 token without {field}");
    assert_eq!(refusal("tpm2_pubkey", None), missing("tpm2_pubkey"));
    assert_eq!(refusal("tpm2_pubkey_pcrs", None), missing("tpm2_pubkey_pcrs"));
    let nothing = "not supported: a signed policy over no PCR, which protects nothing";
    assert_eq!(refusal("tpm2_pubkey_pcrs", Some(json!([]))), nothing);
    // Without PCR values the token alone determines the policy.
    let other = "tpm2-policy-hash of a systemd-tpm2 token is not the policy of tpm2_pubkey";
    assert_eq!(refusal("tpm2-pin", None), other);
}

#[test]
fn a_pcr_that_had_to_be_untouched_is_found() {
    let bank = Bank::Sha256;
    let mut token = Tpm2Token { literal: Some(Pcrs::new([7, 15]).unwrap()), ..token() };
    token.policy = token.policy_for(&[vec![6; 32], bank.zeros()]);
    assert!(token.is_spent(SPENT, &[vec![6; 32], vec![1; 32]]));
    assert!(!token.is_spent(SPENT, &[vec![6; 32], bank.zeros()]));
    assert!(!token.is_spent(SPENT, &[vec![5; 32], vec![1; 32]]));
    assert!(!token.is_spent(SPENT, &[]));
    // What firmware or a boot loader extended will be extended again.
    token.literal = Pcrs::new([7, 12]).ok();
    token.policy = token.policy_for(&[vec![6; 32], bank.zeros()]);
    assert!(!token.is_spent(SPENT, &[vec![6; 32], vec![1; 32]]));
}

#[test]
fn other_tokens_are_named() {
    let token = crate::volume::recovery::token(&serde_json::json!({}), 1, true, None);
    assert_eq!(Token::parse(&token.to_string()).unwrap(), Token::Recovery);
    let other = Token::parse(r#"{"type":"systemd-fido2","keyslots":["2"]}"#).unwrap();
    assert_eq!(other, Token::Other("systemd-fido2".to_owned()));
    let no_json = Token::parse("{").unwrap_err().to_string();
    assert!(no_json.starts_with("not a LUKS2 token: EOF"), "{no_json}");
    let no_type = Token::parse("[]").unwrap_err().to_string();
    assert_eq!(no_type, "not a LUKS2 token: no object with a type");
    let long = format!("{}{{}}", " ".repeat(20_000));
    assert_eq!(Token::parse(&long).unwrap_err().to_string(), "not a LUKS2 token: longer than 16384 bytes");
}

#[test]
fn what_we_do_not_open_is_named() {
    let blob = json!(["AA==", "AA=="]);
    for (field, value, message) in [
        ("tpm2-blob", blob, "a secret in several shards"),
        ("tpm2_pcrlock", json!(true), "a pcrlock policy"),
        ("tpm2_pcrlock_nv", json!("AA=="), "a pcrlock policy"),
        ("tpm2_srk", Value::Null, "a key without tpm2_srk (enrolled by systemd before 255)"),
        ("tpm2-pcrs", json!([]), "a policy over no PCR, which protects nothing"),
        ("tpm2-pcr-bank", json!("sha1"), "PCRs of the SHA-1 bank, which protect nothing"),
    ] {
        assert_eq!(refusal(field, value), format!("not supported: {message}"));
    }
    assert!(Token::parse(&changed("tpm2-pin", json!(false))).is_ok());
}

/// A field with an unknown meaning must not make the TPM count a wrong PIN.
#[test]
fn a_field_that_is_not_known_is_named() {
    for name in ["tpm2_pubkey_reference", "tpm2-fido2", "tpm2_", "tpm2-blob2"] {
        assert_eq!(refusal(name, json!("x")), format!("not supported: the field {name}"));
    }
    assert_eq!(refusal("tpm2_\u{1b}[2J\n", json!(1)), "not supported: the field tpm2_\\u{1b}[2J\\n");
    let long = refusal(&format!("tpm2_{}", "x".repeat(5000)), json!(1));
    assert!(long.len() < 80, "{long}");
    let hardened = "not supported: a PIN hardened with Argon2id \
                    (to enroll one without: systemd-cryptenroll --tpm2-with-pin=direct)";
    for name in ["memcost", "iterations", "lanes"] {
        assert_eq!(refusal(&format!("tpm2_argon2id_{name}"), json!(4)), hardened);
    }
    assert_eq!(
        refusal("tpm2_pubkey_ref", json!("initrd")),
        "not supported: a signed policy with a reference (tpm2_pubkey_ref)"
    );
    // Other fields that systemd 252 to 262 writes, and notes of somebody else.
    for (name, value) in
        [("tpm2-primary-alg", json!("ecc")), ("tpm2_pcrlock", json!(false)), ("comment", json!("x"))]
    {
        assert!(Token::parse(&changed(name, value)).is_ok(), "{name}");
    }
}

#[test]
fn a_field_of_another_form_is_named() {
    for (field, value, form) in [
        ("keyslots", json!(["0", "1"]), "one key slot"),
        ("keyslots", json!(["32"]), "one key slot"),
        ("keyslots", json!([0]), "one key slot"),
        ("tpm2-pcrs", json!([24]), "an array of PCRs 0 to 23"),
        ("tpm2-pcrs", json!(["7"]), "an array of PCRs 0 to 23"),
        ("tpm2-pcr-bank", json!("md5"), "sha256 or sha384"),
        ("tpm2-policy-hash", json!("abc"), "64 hexadecimal digits"),
        ("tpm2-policy-hash", json!("0g".repeat(32)), "64 hexadecimal digits"),
        ("tpm2-policy-hash", json!("04".repeat(32)), ""),
        ("tpm2-pin", json!("no"), "true or false"),
        ("tpm2_pubkey", json!("AA=="), "an RSA key of 2048 to 4096 bits"),
        ("tpm2-blob", json!("!"), "base64 text"),
        ("tpm2-blob", json!("AAE="), "a private and a public part"),
        ("tpm2_srk", json!("AAE="), "a serialised key"),
    ] {
        let expected = match form {
            "" => "tpm2-blob of a systemd-tpm2 token is not a data object under tpm2-policy-hash alone"
                .to_owned(),
            form => format!("{field} of a systemd-tpm2 token is not {form}"),
        };
        assert_eq!(refusal(field, value), expected);
    }
    assert_eq!(refusal("tpm2-blob", Value::Null), "a systemd-tpm2 token without tpm2-blob");
}

#[test]
fn the_sealed_object_must_have_no_other_way_in() {
    let mut open = token();
    // userWithAuth: an empty password would be accepted instead of the policy.
    open.sealed.public[7] |= 0x40;
    let refused = Token::parse(&open.to_json()).unwrap_err().to_string();
    assert!(refused.ends_with("a data object under tpm2-policy-hash alone"), "{refused}");
    let mut seeded = token().sealed.to_bytes();
    seeded.extend_from_slice(&[0, 1, 0]);
    let refused = refusal("tpm2-blob", json!(STANDARD.encode(seeded)));
    assert_eq!(refused, "not supported: a key sealed away from its TPM (encrypted seed)");
}

#[test]
fn the_storage_key_must_be_persistent_and_bear_its_own_name() {
    let srk = Srk::parse(&srk_bytes(0x8100_0001)).unwrap();
    assert_eq!((srk.handle(), srk.to_bytes()), (0x8100_0001, srk_bytes(0x8100_0001)));
    let transient = Srk::parse(&srk_bytes(0x8000_0000)).unwrap_err().to_string();
    assert!(transient.ends_with("not a persistent key of the owner"), "{transient}");
    let imported = Srk::parse(&srk_with(0x8100_0001, 0x0003_0452)).unwrap_err().to_string();
    assert!(imported.ends_with("not a storage key that its TPM made and keeps"), "{imported}");
    let mut renamed = srk_bytes(0x8100_0001);
    renamed[10] ^= 1;
    let renamed = Srk::parse(&renamed).unwrap_err().to_string();
    assert!(renamed.ends_with("not a key with the name of its public area"), "{renamed}");
}

/// Tools and vendors make storage root keys whose names are of other algorithms.
#[test]
fn the_name_of_the_storage_key_may_be_of_other_algorithms() {
    let srk = srk_bytes(0x8100_0001);
    let named = |algorithm: u8, name: &[u8]| {
        let length = u8::try_from(name.len() + 2).unwrap();
        [&srk[..4], &[0, length, 0, algorithm], name, &srk[40..]].concat()
    };
    let public = &srk[46..];
    for bytes in [named(12, &Sha384::digest(public)), named(13, &Sha512::digest(public))] {
        assert_eq!(Srk::parse(&bytes).unwrap().to_bytes(), bytes);
    }
    for (bytes, form) in [
        (named(12, &Sha256::digest(public)), "a key with the name of its public area"),
        (named(18, &Sha256::digest(public)), "a key with a name by SHA-256, SHA-384 or SHA-512"),
        (named(0, &[])[..8].to_vec(), "a serialised key"),
    ] {
        let refused = Srk::parse(&bytes).unwrap_err().to_string();
        assert!(refused.ends_with(&format!("is not {form}")), "{refused}");
    }
}

#[test]
fn pcrs_are_a_set_of_at_least_one() {
    let pcrs = Pcrs::new([11, 7, 7]).unwrap();
    assert_eq!(pcrs.to_string(), "7+11");
    assert_eq!(pcrs.select(), [0x80, 0x08, 0]);
    assert_eq!(Pcrs::new([]).unwrap_err().to_string(), "a policy over no PCR protects nothing");
    assert_eq!(Pcrs::new([24]).unwrap_err().to_string(), "there is no PCR 24, a TPM has 0 to 23");
}

#[test]
fn a_policy_that_protects_nothing_is_refused() {
    let pcr7 = Pcrs::new([7]).unwrap();
    let pcrs = Pcrs::new([7, 15]).unwrap();
    let (zero, ones, real) = (vec![0; 32], vec![0xff; 32], vec![6; 32]);
    assert_eq!(protects(pcrs, Bank::Sha256, &[real.clone(), zero.clone()]), Ok(()));
    let refusal = |pcrs, bank, values: &[Vec<u8>]| protects(pcrs, bank, values).unwrap_err().to_string();
    let untouched = "nothing was measured into PCR 7 (sha256), so a policy over it protects nothing; \
                     choose others with volume.pcrs";
    assert_eq!(refusal(pcr7, Bank::Sha256, std::slice::from_ref(&zero)), untouched);
    assert_eq!(refusal(pcr7, Bank::Sha256, &[ones]), untouched);
    let no_bank = "the TPM has no sha384 bank of PCRs; turn it on in the firmware's setup";
    assert_eq!(refusal(pcr7, Bank::Sha384, &[]), no_bank);
    assert_eq!(refusal(pcrs, Bank::Sha384, std::slice::from_ref(&real)), no_bank);
    let unmeasured = Exposed::Untouched(pcr7, Bank::Sha256).of_signed().to_string();
    assert!(
        unmeasured.starts_with("nothing was measured into PCR 7 (sha256), so a signature"),
        "{unmeasured}"
    );
    let free = Pcrs::new([16, 23]).unwrap();
    let message = refusal(free, Bank::Sha256, &[real.clone(), real]);
    assert!(message.starts_with("any program can reset PCR 16+23"), "{message}");
}
