use std::collections::BTreeMap;

use super::*;
use crate::firmware::samples::{change, log, made, value};
use crate::firmware::{Log, append, payload};
use crate::token::Bank;

const BANK: Bank = Bank::Sha256;

type Contents = BTreeMap<Variable, Vec<u8>>;

/// All variables as this boot measured them.
fn contents(boot: &str) -> Contents {
    let (log, value) = (log(boot), value(boot, BANK));
    let measured = log.check(BANK, &value).unwrap();
    Variable::ALL.map(|variable| (variable, measured.content(variable).unwrap().to_vec())).into()
}

fn after(boot: &str, contents: &Contents, signer: Option<Signer<'_>>) -> Result<Vec<u8>, Unpredictable> {
    log(boot).check(BANK, &value(boot, BANK)).unwrap().after(contents, signer)
}

/// The n-th certificate in the `db` of a boot.
fn certificate(boot: &str, index: usize) -> Vec<u8> {
    entries(&contents(boot)[&Variable::Db]).unwrap()[index].value().to_vec()
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
        assert_eq!(after(boot, &contents(boot), None), Ok(value(boot, BANK)), "{boot}");
        assert_eq!(after(boot, &Contents::new(), None), Ok(value(boot, BANK)), "{boot}");
    }
}

/// The promise: the next boot of the machine had the value that the boot before predicts.
#[test]
fn the_next_boot_has_the_predicted_value() {
    assert_eq!(after("first", &contents("dbx"), None), Ok(value("dbx", BANK)));
    assert_eq!(after("dbx", &contents("db"), None), Ok(value("db", BANK)));
    assert_eq!(after("first", &contents("db"), None), Ok(value("db", BANK)));
    let first = log("first");
    let in_384 = first.check(Bank::Sha384, &value("first", Bank::Sha384)).unwrap();
    assert_ne!(in_384.after(&contents("dbx"), None).unwrap(), value("first", Bank::Sha384));
}

#[test]
fn a_file_that_will_be_applied_is_as_good_as_what_it_leads_to() {
    let mut staged = contents("first");
    let dbx = append(&staged[&Variable::Dbx], payload(change(Variable::Dbx)).unwrap()).unwrap();
    let _old = staged.insert(Variable::Dbx, dbx);
    assert_eq!(after("first", &staged, None), Ok(value("dbx", BANK)));
}

#[test]
fn another_certificate_may_verify_the_next_boot() {
    let (old, new) = (certificate("db", 0), certificate("db", 1));
    let signer = Signer { old: &old, new: &new };
    assert_eq!(after("db", &Contents::new(), Some(signer)), Ok(value("other-signer", BANK)));
    assert_eq!(after("dbx", &contents("db"), Some(signer)), Ok(value("other-signer", BANK)));
    let wrong = Signer { old: &new, new: &old };
    assert_eq!(after("db", &Contents::new(), Some(wrong)), Err(Unpredictable::NotTheSigner));
    let unknown = Signer { old: &old, new: b"nobody" };
    assert_eq!(after("db", &Contents::new(), Some(unknown)), Err(Unpredictable::Removed));
}

#[test]
fn a_db_without_the_certificate_in_use_predicts_nothing() {
    let mut staged = contents("first");
    let (db, kek) = (staged[&Variable::Db].clone(), staged[&Variable::Kek].clone());
    let _old = staged.insert(Variable::Db, kek);
    let words = after("first", &staged, None).unwrap_err().to_string();
    assert!(words.starts_with("the new db lacks the certificate or hash that verified"), "{words}");
    let _old = staged.insert(Variable::Db, db[1..].to_vec());
    let words = after("first", &staged, None).unwrap_err().to_string();
    assert_eq!(words, "db: the signature database is not made of whole signature lists");
}

/// No slot is made for a boot in which nobody checks signatures.
#[test]
fn secure_boot_that_is_off_or_will_be_predicts_nothing() {
    for boot in ["off", "setup"] {
        let words = after(boot, &contents("first"), None).unwrap_err().to_string();
        assert_eq!(words, "Secure Boot is off in this boot");
    }
    for (variable, content) in
        [(Variable::Pk, vec![]), (Variable::SecureBoot, vec![0]), (Variable::SecureBoot, vec![])]
    {
        let mut staged = contents("first");
        let _old = staged.insert(variable, content);
        let words = after("first", &staged, None).unwrap_err().to_string();
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
    assert_eq!(now.after(&contents("dbx"), None), Ok(next));
}

#[test]
fn data_that_was_not_measured_predicts_nothing_about_its_variable() {
    let mut parts = parts(&contents("first"));
    parts[4].1 = Variable::Dbx.structure(b"another");
    let (log, value) = made(&parts);
    let measured = log.check(BANK, &value).unwrap();
    assert_eq!(measured.content(Variable::Dbx), None);
    // What is in the variable now is what was measured, whatever the log says.
    assert_eq!(measured.after(&contents("first"), None), Ok(value.clone()));
    let words = measured.after(&contents("dbx"), None).unwrap_err().to_string();
    assert!(
        words.ends_with("what the firmware measured of dbx, so its next value can't be predicted"),
        "{words}"
    );
}

/// The firmware measures each entry once: two that become one are measured once.
#[test]
fn two_authorities_that_become_one_are_measured_once() {
    let all = contents("db");
    let signature = |index: usize| entries(&all[&Variable::Db]).unwrap()[index].signature().to_vec();
    let authority = |index| {
        let structure = Variable::Db.structure(&signature(index));
        (AUTHORITY, structure.clone(), structure)
    };
    let (log, value) = made(&[parts(&all), vec![authority(0), authority(1)]].concat());
    let (_, one) = made(&[parts(&all), vec![authority(1)]].concat());
    let (old, new) = (certificate("db", 0), certificate("db", 1));
    let measured = log.check(BANK, &value).unwrap();
    assert_eq!(measured.after(&Contents::new(), Some(Signer { old: &old, new: &new })), Ok(one));
    assert_eq!(measured.after(&all, None), Ok(value.clone()));
}
