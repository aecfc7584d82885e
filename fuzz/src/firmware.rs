//! The event log of the firmware, the variables of Secure Boot, and files that change them.

use std::collections::BTreeMap;

use pattern::firmware::{Claim, Log, Unpredictable, Variable, append, entries, payload};
use pattern::token::Bank;
use sha2::{Digest as _, Sha256};

/// Takes a log; or a file that changes a variable; or two databases, after the first one's length; or the events of a log, each
/// with its kind and the length of its data: their digests are made right, since the fuzzer would not get past them.
///
/// # Panics
/// When a database grows by what it has, or a log is believed that was not measured.
pub fn firmware(input: &[u8]) {
    if let Ok(log) = Log::parse(input) {
        check(&log, Bank::Sha256, &[0; 32]);
        check(&log, Bank::Sha384, &[0; 48]);
    }
    if let Ok(lists) = payload(input) {
        assert!(entries(lists).is_ok() && input.ends_with(lists));
    }
    if let Some((first, rest)) = sized(input) {
        databases(first, rest);
    }
    let (log, value) = made(input);
    let log = Log::parse(&log).expect("what was made is a log");
    check(&log, Bank::Sha256, &value);
}

fn check(log: &Log, bank: Bank, value: &[u8]) {
    assert!(log.check(bank, &value[1..]).is_err());
    let Ok(measured) = log.check(bank, value) else { return };
    let on = measured.secure_boot();
    let unchanged = measured.after(&BTreeMap::new());
    assert_eq!(unchanged, if on { Ok(value.to_vec()) } else { Err(Unpredictable::Off) });
    assert_eq!(measured.trusts(value, &Claim::default()).is_ok(), on);
    let off = BTreeMap::from([(Variable::SecureBoot, vec![0])]);
    assert!(measured.after(&off).is_err());
    for variable in Variable::ALL {
        let Some(content) = measured.content(variable) else { continue };
        let same = BTreeMap::from([(variable, content.to_vec())]);
        assert!(measured.after(&same).is_err() || measured.after(&same) == unchanged, "{variable}");
        let _new = measured.after(&BTreeMap::from([(variable, value.to_vec())]));
    }
    let claim = Claim { db: Some(value), kek: Some(value), dbx: Some(value), accepted: None };
    assert!(measured.trusts(value, &claim).is_err());
}

fn databases(old: &[u8], new: &[u8]) {
    let Ok(sum) = append(old, new) else { return };
    assert!(sum.starts_with(old));
    assert_eq!(append(&sum, new).as_ref(), Ok(&sum), "what is there is added again");
    let [old, new, sum] =
        [old, new, &sum].map(|database| entries(database).expect("what was appended is whole"));
    assert!(old.iter().chain(&new).all(|entry| sum.contains(entry)));
    assert!(sum.len() <= old.len() + new.len());
}

/// A log of PCR 7 in the bank of SHA-256, and its value.
fn made(mut input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let spec = [&b"Spec ID Event03\0"[..], &[0; 8], &[1, 0, 0, 0, 0x0b, 0, 32, 0, 0]].concat();
    let mut log = [&[0; 4][..], &[3, 0, 0, 0], &[0; 20], &[spec.len() as u8, 0, 0, 0], &spec].concat();
    let mut value = vec![0; 32];
    while let Some((kind, rest)) = input.split_first() {
        let Some((data, rest)) = sized(rest) else { break };
        let kind = [0x8000_0001_u32, 0x8000_00e0, 4, 3][usize::from(kind % 4)];
        let digest = Sha256::digest(data);
        let head = [7, kind, 1].map(u32::to_le_bytes).concat();
        log.extend([&head[..], &[0x0b, 0], &digest, &(data.len() as u32).to_le_bytes(), data].concat());
        if kind != 3 {
            value = Sha256::new().chain_update(&value).chain_update(digest).finalize().to_vec();
        }
        input = rest;
    }
    (log, value)
}

/// Bytes after their length, and the rest.
fn sized(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}
