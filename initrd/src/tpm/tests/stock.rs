//! Tokens that systemd made, with the TPM that it made them with.

use pattern::token::Signatures;

use super::*;
use crate::tpm::TpmError;
use crate::tpm::tests::signed::image_digests;

const TPM: &[u8] = include_bytes!("systemd-257/tpm2-00.permall");
const SIGNATURES: &str = include_str!("systemd-257/signatures.json");
const SIGNED: &str = include_str!("systemd-257/signed.json");
const BOTH: &str = include_str!("systemd-257/signed-and-literal.json");
const PIN: &str = include_str!("systemd-257/with-pin.json");

fn parse(text: &str) -> Tpm2Token {
    let Token::Tpm2(token) = Token::parse(text).unwrap() else { panic!("another token") };
    *token
}

#[test]
fn tokens_of_systemd_257_open() {
    let mut swtpm = Swtpm::start("stock");
    swtpm.replace_by(TPM);
    swtpm.extend(7);
    for digest in image_digests(b"a kernel") {
        swtpm.tool(&format!("tpm2_pcrextend 11:sha256={digest}"));
    }
    let signatures = Signatures::parse(SIGNATURES).unwrap();
    let unseal = |text: &str, pin| {
        let presented = Presented { signatures: Some(&signatures), pin };
        Tpm::unseal(&swtpm.tcti(), &parse(text), presented).map(|secret| secret.len())
    };
    assert_eq!(unseal(SIGNED, None).unwrap(), 32);
    assert_eq!(unseal(BOTH, None).unwrap(), 32);
    assert_eq!(unseal(PIN, Some("1234")).unwrap(), 32);
    assert!(matches!(unseal(PIN, Some("4321")), Err(TpmError::WrongPin(Some(_)))));
    swtpm.extend(7);
    assert_eq!(unseal(SIGNED, None).unwrap(), 32);
    assert!(matches!(unseal(BOTH, None), Err(TpmError::WrongPcr(..))));
}

#[test]
fn tokens_are_written_as_systemd_257_does() {
    for text in [SIGNED, BOTH, PIN] {
        let ours: serde_json::Value = serde_json::from_str(&parse(text).to_json()).unwrap();
        let mut theirs: serde_json::Value = serde_json::from_str(text).unwrap();
        // This field only matters for tokens without tpm2_srk.
        let _ecc = theirs.as_object_mut().unwrap().remove("tpm2-primary-alg");
        assert_eq!(ours, theirs);
    }
}
