use sha2::{Digest as _, Sha256};

use super::*;
use crate::token::{Pin, PublicKey, Sealed, Signed, Srk, samples};

/// Returns any register of this machine, which stays as it is.
fn read(bank: Bank, pcr: u8) -> Result<Later, String> {
    match bank {
        Bank::Sha256 => Ok(later(&[pcr; 32], &[])),
        Bank::Sha384 => Err("the kernel does not show it".to_owned()),
    }
}

fn later(value: &[u8], with: &[&str]) -> Later {
    let with = with.iter().map(|with| (*with).to_owned()).collect();
    Later { value: value.to_vec(), with, without: Vec::new() }
}

fn srk() -> Srk {
    let mut public = [5; 90];
    public[4..8].copy_from_slice(&0x0003_0472_u32.to_be_bytes());
    let name = Sha256::digest(public);
    let head = [&0x8100_0001_u32.to_be_bytes()[..], &[0, 34, 0, 11]].concat();
    Srk::parse(&[&head[..], &name, &[0, 0, 0, 1, 0, 90], &public].concat()).unwrap()
}

fn token(signed: Option<Signed>, pcrs: &[u64]) -> Tpm2Token {
    let literal = Pcrs::new(pcrs.iter().copied()).ok();
    let sealed = Sealed { private: Vec::new(), public: Vec::new() };
    let (bank, pin) = (Bank::Sha256, None);
    let mut token = Tpm2Token {
        keyslot: 0,
        signed,
        literal,
        bank,
        counted: None,
        pin,
        policy: [0; 32],
        sealed,
        srk: srk(),
    };
    let values = literal.into_iter().flat_map(Pcrs::iter).map(|pcr| read(bank, pcr).unwrap().value);
    token.policy = token.policy_for(&values.collect::<Vec<_>>());
    token
}

/// Returns a volume that is bound to the present values of these registers.
fn bound(pcrs: &[u64]) -> Locks {
    Locks { tokens: vec![token(None, pcrs)], ..Locks::default() }
}

/// Returns a volume that is bound to a key, and to these registers.
fn bound_to_key(pcrs: &[u64]) -> Locks {
    let signed = Signed { key: PublicKey::parse(samples::PEM).unwrap(), pcrs: Pcrs::new([11]).unwrap() };
    Locks { tokens: vec![token(Some(signed), pcrs)], ..Locks::default() }
}

fn verdict(locks: &Locks, predict: impl Fn(Bank, u8) -> Result<Later, String>) -> Verdict {
    super::verdict(locks, Staged { signatures: None, is_another: true, added: Added::Other }, predict)
}

#[test]
fn registers_that_will_be_as_they_are_open() {
    for pcrs in [&[7][..], &[0, 2, 7], &[1, 4, 12, 14, 15]] {
        let verdict = verdict(&bound(pcrs), read);
        assert!(matches!(verdict, Verdict::Opens(_)), "{pcrs:?}: {verdict:?}");
    }
}

#[test]
fn registers_that_each_version_changes_and_nobody_predicts_ask() {
    let Verdict::Asks(reason) = verdict(&bound(&[7, 9]), read) else { panic!() };
    assert_eq!(reason, "it is bound to PCR 9, which has another value with each version");
    // Of a plain restart nothing is said.
    let doubt = |_, pcr| Err(format!("PCR {pcr} is not predicted"));
    let same = Staged { signatures: None, is_another: false, added: Added::Other };
    assert_eq!(
        super::verdict(&bound(&[9]), same, doubt),
        Verdict::Unclear("PCR 9 is not predicted".to_owned())
    );
}

#[test]
fn what_will_be_measured_otherwise_is_named() {
    let added = |_, pcr| {
        Ok(if pcr == 12 { later(&[1; 32], &["/loader/credentials/a.cred"]) } else { later(&[pcr; 32], &[]) })
    };
    let Verdict::Asks(reason) = verdict(&bound(&[7, 12]), added) else { panic!() };
    assert_eq!(reason, "PCR 12 (sha256) will be made with /loader/credentials/a.cred");
}

#[test]
fn a_volume_that_would_not_open_now_will_not_open_then() {
    let changed = |bank, pcr| read(bank, pcr + 1);
    let Verdict::Asks(reason) = verdict(&bound(&[7]), changed) else { panic!() };
    assert_eq!(reason, "PCR 7 (sha256) changed since the volume was bound to it, whatever version starts");
    let none = Locks { unusable: vec!["token 3: a PIN".to_owned()], ..Locks::default() };
    assert_eq!(verdict(&none, read), Verdict::Asks("token 3: a PIN".to_owned()));
    let Verdict::Asks(reason) = verdict(&Locks::default(), read) else { panic!() };
    assert_eq!(reason, "the volume has no TPM token");
}

#[test]
fn one_way_in_is_enough_and_a_doubt_is_none() {
    let mut locks = bound(&[9]);
    assert!(matches!(verdict(&locks, read), Verdict::Asks(_)));
    locks.tokens.extend(bound(&[7]).tokens);
    assert!(matches!(verdict(&locks, read), Verdict::Opens(_)));
    let doubt = |_, _| Err("the event log is not understood".to_owned());
    let Verdict::Unclear(reason) = verdict(&locks, doubt) else { panic!() };
    assert!(reason.ends_with("; the event log is not understood"), "{reason}");
}

/// The sample's signature is for one value of PCR 11.
fn signed_value(bank: Bank, pcr: u8) -> Result<Later, String> {
    if pcr == 11 { Ok(later(&crate::hex::decode(samples::PCR_11).unwrap(), &[])) } else { read(bank, pcr) }
}

#[test]
fn a_signature_by_the_same_key_opens() {
    let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
    let others = Signatures::parse(&samples::SIGNATURES.replace("\"6e", "\"00")).unwrap();
    let verdict = |locks: &Locks, signatures| {
        super::verdict(locks, Staged { signatures, is_another: true, added: Added::Other }, signed_value)
    };
    let Verdict::Opens(reason) = verdict(&bound_to_key(&[]), Some(&signatures)) else { panic!() };
    assert_eq!(reason, "the new version has a signature for PCR 11 (sha256) by the key that it is bound to");
    let Verdict::Asks(reason) = verdict(&bound_to_key(&[]), Some(&others)) else { panic!() };
    let other = "the new version's signature for PCR 11 (sha256) is not by the key that it is bound to: \
         its image.epoch is lower than this version's, or its keys are not those of this version";
    assert_eq!(reason, other);
    let Verdict::Asks(reason) = verdict(&bound_to_key(&[]), None) else { panic!() };
    assert_eq!(reason, "the new version has no signature for PCR 11 (sha256)");
    let mut pin = bound_to_key(&[0, 15]);
    pin.tokens[0].pin = Some(Pin { salt: None });
    assert!(matches!(verdict(&pin, Some(&signatures)), Verdict::Asks(_)));
    pin.tokens[0].policy = pin.tokens[0].policy_for(&[vec![0; 32], vec![15; 32]]);
    let Verdict::Opens(reason) = verdict(&pin, Some(&signatures)) else { panic!() };
    assert!(
        reason.ends_with("; PCR 0+15 will have the values that it is bound to; it asks for the PIN"),
        "{reason}"
    );
}

/// A kernel image of which a section was changed after it was signed.
#[test]
fn a_signature_for_another_value_of_the_image_asks() {
    let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
    let staged = Staged { signatures: Some(&signatures), is_another: true, added: Added::Other };
    let Verdict::Asks(reason) = super::verdict(&bound_to_key(&[]), staged, read) else { panic!() };
    assert_eq!(
        reason,
        "no signature of the new version is for the value that it gives PCR 11 (sha256): its file is damaged"
    );
}

/// The owner is told what to type, where typing it helps.
#[test]
fn what_can_be_announced_is_advised() {
    const SLOT: &str = include_str!("../../../tests/fixtures/firmware/ahead.json");
    let changed = |changed: u8| {
        move |_, pcr: u8| Ok(if pcr == changed { later(&[1; 32], &["x"]) } else { later(&[pcr; 32], &[]) })
    };
    let reason = |pcr: u8, added: Added, slots: Vec<Ahead>| {
        let locks = Locks { ahead: slots, ..bound(&[7, 12, 13]) };
        let staged = Staged { signatures: None, is_another: true, added };
        let Verdict::Asks(reason) = super::verdict(&locks, staged, changed(pcr)) else { panic!() };
        reason
    };
    let slots = || vec![Ahead::parse(SLOT).unwrap()];
    let advice =
        |option: &str| format!("; to have it open all the same, run: pattern rebind --ahead{option}");
    for (pcr, added, option) in [
        (7, Added::Nothing, Some("")),
        (7, Added::Listed, Some("")),
        (7, Added::Other, Some("")),
        (12, Added::Nothing, Some("")),
        (12, Added::Listed, Some(" --additions")),
        (12, Added::Other, None),
        (13, Added::Listed, None),
    ] {
        let said = format!("PCR {pcr} (sha256) will be made with x");
        assert_eq!(reason(pcr, added, Vec::new()), said);
        assert_eq!(reason(pcr, added, slots()), format!("{said}{}", option.map(advice).unwrap_or_default()));
    }
}
