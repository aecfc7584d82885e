//! Logs of real firmware, and logs made for a test.

use super::log::{digest, replay};
use super::{Log, Variable};
use crate::token::Bank;

const VALUES: &str = include_str!("../../tests/fixtures/firmware/pcr7");

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/firmware/", $name))
    };
}

/// Returns the log of a boot, by the name of its file.
pub(super) fn bytes(name: &str) -> &'static [u8] {
    match name {
        "first" => fixture!("first.log"),
        "dbx" => fixture!("dbx.log"),
        "db" => fixture!("db.log"),
        "other-signer" => fixture!("other-signer.log"),
        "kek" => fixture!("kek.log"),
        "off" => fixture!("off.log"),
        "setup" => fixture!("setup.log"),
        other => panic!("no log of {other}"),
    }
}

pub(super) fn log(name: &str) -> Log {
    Log::parse(bytes(name)).unwrap()
}

/// Returns the file that was written to this variable between two boots.
pub(super) fn change(variable: Variable) -> &'static [u8] {
    match variable {
        Variable::Dbx => fixture!("dbx.auth"),
        Variable::Db => fixture!("db.auth"),
        Variable::Kek => fixture!("kek.auth"),
        other => panic!("no change of {other}"),
    }
}

/// Returns PCR 7 in that boot.
pub(super) fn value(name: &str, bank: Bank) -> Vec<u8> {
    let prefix = format!("{name} {} ", bank.name());
    let digits = VALUES.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
    crate::hex::decode(digits).unwrap()
}

/// Returns a log of PCR 7 with these events and its value. The digests are made over the third part
/// of each.
pub(super) fn made(events: &[(u32, Vec<u8>, Vec<u8>)]) -> (Log, Vec<u8>) {
    let bank = Bank::Sha256;
    let digests: Vec<_> = events.iter().map(|(.., hashed)| digest(bank, hashed)).collect();
    let events =
        events.iter().zip(&digests).map(|((kind, data, _), digest)| (7, *kind, data.clone(), digest.clone()));
    (log_of(&events.collect::<Vec<_>>()), replay(bank, digests.iter().map(Vec::as_slice)))
}

/// Returns a log with these events: the register, the kind, the data and the digest of each.
pub(crate) fn log_of(events: &[(u32, u32, Vec<u8>, Vec<u8>)]) -> Log {
    let spec = [&b"Spec ID Event03\0"[..], &[0; 8], &[1, 0, 0, 0, 0x0b, 0, 32, 0, 0]].concat();
    let size = |data: &[u8]| (data.len() as u32).to_le_bytes();
    let mut bytes = [&[0; 4][..], &[3, 0, 0, 0], &[0; 20], &size(&spec), &spec].concat();
    for (pcr, kind, data, digest) in events {
        let head = [*pcr, *kind, 1].map(u32::to_le_bytes).concat();
        bytes.extend([&head[..], &[0x0b, 0], digest, &size(data), data].concat());
    }
    Log::parse(&bytes).unwrap()
}
