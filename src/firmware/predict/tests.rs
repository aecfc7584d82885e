use std::collections::BTreeMap;

use super::*;
use crate::firmware::samples::{change, log, log_of, made, value};
use crate::firmware::{Log, append, digest_of, entries, payload};
use crate::start::samples::{program, signed};
use crate::token::Bank;

const BANK: Bank = Bank::Sha256;

type Contents = BTreeMap<Variable, Vec<u8>>;

/// Returns all variables as this boot measured them.
fn contents(boot: &str) -> Contents {
    let (log, value) = (log(boot), value(boot, BANK));
    let measured = log.check(BANK, &value).unwrap();
    Variable::ALL.map(|variable| (variable, measured.content(variable).unwrap().to_vec())).into()
}

fn after(boot: &str, contents: &Contents) -> Result<Vec<u8>, Unpredictable> {
    log(boot).check(BANK, &value(boot, BANK)).unwrap().after(contents)
}

fn parts(contents: &Contents) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let part = |(variable, content): (&Variable, &Vec<u8>)| {
        let structure = variable.structure(content);
        (0x8000_0001, structure.clone(), structure)
    };
    contents.iter().map(part).collect()
}

#[test]
fn nothing_changes_where_nothing_is_staged() {
    for boot in ["first", "dbx", "db", "other-signer", "kek"] {
        assert_eq!(after(boot, &contents(boot)), Ok(value(boot, BANK)), "{boot}");
        assert_eq!(after(boot, &Contents::new()), Ok(value(boot, BANK)), "{boot}");
    }
}

/// The promise: the machine's next boot had the value that the boot before predicts.
#[test]
fn the_next_boot_has_the_predicted_value() {
    assert_eq!(after("first", &contents("dbx")), Ok(value("dbx", BANK)));
    assert_eq!(after("dbx", &contents("db")), Ok(value("db", BANK)));
    assert_eq!(after("first", &contents("db")), Ok(value("db", BANK)));
    let first = log("first");
    let in_384 = first.check(Bank::Sha384, &value("first", Bank::Sha384)).unwrap();
    assert_ne!(in_384.after(&contents("dbx")).unwrap(), value("first", Bank::Sha384));
}

#[test]
fn a_file_that_will_be_applied_is_as_good_as_what_it_leads_to() {
    let mut staged = contents("first");
    let dbx = append(&staged[&Variable::Dbx], payload(change(Variable::Dbx)).unwrap()).unwrap();
    staged.insert(Variable::Dbx, dbx);
    assert_eq!(after("first", &staged), Ok(value("dbx", BANK)));
}

#[test]
fn a_db_without_the_certificate_in_use_predicts_nothing() {
    let mut staged = contents("first");
    let (db, kek) = (staged[&Variable::Db].clone(), staged[&Variable::Kek].clone());
    staged.insert(Variable::Db, kek);
    let words = after("first", &staged).unwrap_err().to_string();
    assert!(words.starts_with("the new db lacks the certificate or hash that verified"), "{words}");
    staged.insert(Variable::Db, db[1..].to_vec());
    let words = after("first", &staged).unwrap_err().to_string();
    assert_eq!(words, "db: the signature database is not made of whole signature lists");
}

/// No slot is made for a boot in which signatures are not checked.
#[test]
fn secure_boot_that_is_off_or_will_be_predicts_nothing() {
    for boot in ["off", "setup"] {
        let words = after(boot, &contents("first")).unwrap_err().to_string();
        assert_eq!(words, "Secure Boot is off in this boot");
    }
    for (variable, content) in
        [(Variable::Pk, vec![]), (Variable::SecureBoot, vec![0]), (Variable::SecureBoot, vec![])]
    {
        let mut staged = contents("first");
        staged.insert(variable, content);
        let words = after("first", &staged).unwrap_err().to_string();
        assert_eq!(words, "the change switches Secure Boot off", "{variable}");
    }
}

#[test]
fn firmware_that_hashes_the_content_alone_is_followed() {
    let measured = |contents: &Contents| -> (Log, Vec<u8>) {
        let parts: Vec<_> = parts(contents);
        let parts = parts
            .into_iter()
            .zip(contents.values())
            .map(|((kind, data, _), content)| (kind, data, content.clone()));
        made(&parts.collect::<Vec<_>>())
    };
    let ((now, now_value), (_, next)) = (measured(&contents("first")), measured(&contents("dbx")));
    let now = now.check(BANK, &now_value).unwrap();
    assert!(now.secure_boot());
    assert_eq!(now.after(&contents("dbx")), Ok(next));
}

#[test]
fn data_that_was_not_measured_predicts_nothing_about_its_variable() {
    let mut parts = parts(&contents("first"));
    parts[4].1 = Variable::Dbx.structure(b"another");
    let (log, value) = made(&parts);
    let measured = log.check(BANK, &value).unwrap();
    assert_eq!(measured.content(Variable::Dbx), None);
    // The variable's present content is what was measured, whatever the log says.
    assert_eq!(measured.after(&contents("first")), Ok(value.clone()));
    let words = measured.after(&contents("dbx")).unwrap_err().to_string();
    assert!(
        words.ends_with("what the firmware measured of dbx, so its next value can't be predicted"),
        "{words}"
    );
}

/// The firmware measures each entry once. Here two owners had added a certificate, and one entry is
/// left.
#[test]
fn two_authorities_that_become_one_are_measured_once() {
    let all = contents("first");
    let one = entries(&all[&Variable::Db]).unwrap()[0].signature().to_vec();
    let mut other = one.clone();
    other[0] ^= 1;
    let authority = |signature: &[u8]| {
        let structure = Variable::Db.structure(signature);
        (AUTHORITY, structure.clone(), structure)
    };
    let mut both = all.clone();
    let db = all[&Variable::Db].clone();
    let at = db.windows(one.len()).position(|bytes| bytes == one).unwrap();
    let mut list = db.clone();
    list[at..at + one.len()].copy_from_slice(&other);
    both.insert(Variable::Db, [db, list].concat());
    let (log, value) = made(&[parts(&both), vec![authority(&one), authority(&other)]].concat());
    let (_, left) = made(&[parts(&all), vec![authority(&one)]].concat());
    let measured = log.check(BANK, &value).unwrap();
    assert_eq!(measured.after(&all), Ok(left));
    assert_eq!(measured.after(&both), Ok(value.clone()));
}

/// The certificate that accepted what this boot started.
fn certificate(boot: &str) -> Vec<u8> {
    let (contents, log) = (contents(boot), log(boot));
    let accepted = log.check(BANK, &value(boot, BANK)).unwrap().accepted();
    let entries = entries(&contents[&Variable::Db]).unwrap();
    let of = |signature: &[u8]| digest_of(BANK, &[&Variable::Db.structure(signature)]);
    let mut found = entries.iter().filter(|entry| accepted.contains(&of(entry.signature())));
    found.next().unwrap().value().to_vec()
}

fn by(certificate: &[u8], content: &[u8]) -> Vec<u8> {
    signed(program(&[(".text", content)]), certificate)
}

fn started(
    boot: &str,
    contents: &Contents,
    before: &[&[u8]],
    after: &[&[u8]],
) -> Result<Vec<u8>, Unpredictable> {
    let programs =
        |all: &[&'static [u8]]| all.iter().map(|bytes| Program { path: "/x.efi", bytes }).collect::<Vec<_>>();
    let leak =
        |all: &[&[u8]]| all.iter().map(|bytes| &*bytes.to_vec().leak()).collect::<Vec<&'static [u8]>>();
    let (before, after) = (programs(&leak(before)), programs(&leak(after)));
    let before = Started { programs: &before, complete: true };
    log(boot).check(BANK, &value(boot, BANK)).unwrap().after_start(contents, before, &after)
}

/// The promise: a kernel image that another certificate of `db` accepts gives the value that the real machine had.
#[test]
fn a_kernel_image_by_another_signer_is_predicted() {
    let (one, other) = (certificate("db"), certificate("other-signer"));
    let (old, same, new) = (by(&one, b"1"), by(&one, b"2"), by(&other, b"3"));
    let now = contents("db");
    let next = |before: &[&[u8]], after: &[&[u8]]| started("db", &now, before, after);
    assert_eq!(next(&[&old], &[&same]), Ok(value("db", BANK)));
    assert_eq!(next(&[&old], &[&new]), Ok(value("other-signer", BANK)));
    // Both, as where the boot loader is still the old one.
    let both = next(&[&old], &[&old, &new]).unwrap();
    assert!(both != value("db", BANK) && both != value("other-signer", BANK));
    let refused = next(&[&old], &[&program(&[(".text", b"unsigned")])]).unwrap_err();
    assert_eq!(refused.to_string(), "nothing in db accepts /x.efi: the firmware will refuse to start it");
    let unclear = next(&[&old], &[&by(b"another certificate", b"4")]).unwrap_err();
    assert!(
        unclear.to_string().starts_with("/x.efi is signed with a certificate that is not itself in db"),
        "{unclear}"
    );
    // The file was replaced since, so what it was accepted by is only known because nothing else can have been.
    let log = log("db");
    let value_now = value("db", BANK);
    let measured = log.check(BANK, &value_now).unwrap();
    let after = [Program { path: "/x.efi", bytes: &new }];
    let unknown = measured.after_start(&now, Started { programs: &[], complete: false }, &after);
    assert_eq!(unknown, Ok(value("other-signer", BANK)));
    // The boot loader lies there as it was, and explains that event.
    let (loader, loaded) =
        (Program { path: "/loader.efi", bytes: &old }, Program { path: "/x.efi", bytes: &new });
    let before = Started { programs: &[loader], complete: false };
    assert_eq!(measured.after_start(&now, before, &[loader, loaded]), Ok(both));
}

/// No card has firmware, so what nothing else explains accepted the program that was replaced, and goes with it.
#[test]
fn a_kernel_image_that_was_signed_again_in_its_place_is_predicted() {
    let db = contents("other-signer")[&Variable::Db].clone();
    let entries = entries(&db).unwrap();
    let parts = |accepted: &[usize]| {
        let content = BTreeMap::from([(Variable::SecureBoot, vec![1]), (Variable::Db, db.clone())]);
        let of = |place: &usize| {
            let structure = Variable::Db.structure(entries[*place].signature());
            (AUTHORITY, structure.clone(), structure)
        };
        made(&[parts(&content), accepted.iter().map(of).collect()].concat())
    };
    let (by_one, by_other) = (by(entries[0].value(), b"1"), by(entries[1].value(), b"2"));
    let (loader, image) = (Program { path: "/l", bytes: &by_one }, Program { path: "/x", bytes: &by_one });
    let other = Program { path: "/x", bytes: &by_other };
    let next = |log: &(Log, Vec<u8>), before: &[Program<'_>], after: &[Program<'_>]| {
        let before = Started { programs: before, complete: false };
        log.0.check(BANK, &log.1).unwrap().after_start(&BTreeMap::new(), before, after)
    };
    let (both, one) = (parts(&[0, 1]), parts(&[0]));
    assert_eq!(next(&both, &[loader], &[loader, image]), Ok(one.1.clone()));
    assert_eq!(next(&one, &[loader], &[loader, other]), Ok(both.1));
}

#[test]
fn with_firmware_on_a_card_it_is_not_clear_what_a_certificate_accepted() {
    let now = contents("first");
    let db = now[&Variable::Db].clone();
    let signature = entries(&db).unwrap()[0].signature().to_vec();
    let measured = |pcr, kind, data: Vec<u8>| (pcr, kind, data.clone(), digest_of(BANK, &[&data]));
    let structure =
        |variable: Variable, content: &[u8]| measured(7, 0x8000_0001, variable.structure(content));
    let keys = [structure(Variable::SecureBoot, &[1]), structure(Variable::Db, &db)];
    let accepted = measured(7, AUTHORITY, Variable::Db.structure(&signature));
    let card = measured(2, 0x8000_0004, b"a driver".to_vec());
    let other = by(entries(&db).unwrap()[1].value(), b"x");
    let next = |events: &[(u32, u32, Vec<u8>, Vec<u8>)]| {
        let log = log_of(events);
        let digests = log.digests(7, BANK).unwrap();
        let value = replay(BANK, digests.iter().map(Vec::as_slice));
        let after = [Program { path: "/x", bytes: &other }];
        log.check(BANK, &value).unwrap().after_start(
            &BTreeMap::new(),
            Started { programs: &[], complete: false },
            &after,
        )
    };
    let all = [keys.to_vec(), vec![accepted]].concat();
    assert!(next(&all).is_ok());
    assert_eq!(next(&[vec![card], all].concat()), Err(Unpredictable::Others));
}
