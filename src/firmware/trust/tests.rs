use super::*;
use crate::firmware::VARIABLE;
use crate::firmware::log::digest;
use crate::firmware::samples::{log, made, value};
use crate::token::Bank;

const BANK: Bank = Bank::Sha256;

fn trusts(now: &str, old: &[u8], claim: Claim<'_>) -> Result<(), Distrust> {
    log(now).check(BANK, &value(now, BANK)).unwrap().trusts(old, &claim)
}

fn content(boot: &str, variable: Variable) -> Vec<u8> {
    let (log, value) = (log(boot), value(boot, BANK));
    log.check(BANK, &value).unwrap().content(variable).unwrap().to_vec()
}

fn measured(boot: &str, variable: Variable) -> Vec<u8> {
    digest(BANK, &variable.structure(&content(boot, variable)))
}

/// Makes a boot with Secure Boot in this state, and with this `db`.
fn boot(on: u8, db: &[u8]) -> (crate::firmware::Log, Vec<u8>) {
    let contents = [(Variable::SecureBoot, vec![on]), (Variable::Db, db.to_vec())];
    let part = |(variable, content): (Variable, Vec<u8>)| {
        let structure = variable.structure(&content);
        (0x8000_0001, structure.clone(), structure)
    };
    made(&contents.map(part))
}

#[test]
fn a_boot_before_a_change_of_the_same_owners_is_believed() {
    let dbx = measured("first", Variable::Dbx);
    assert_eq!(trusts("dbx", &value("first", BANK), Claim { dbx: Some(&dbx), ..Claim::default() }), Ok(()));
    let db = content("first", Variable::Db);
    assert_eq!(trusts("db", &value("dbx", BANK), Claim { db: Some(&db), ..Claim::default() }), Ok(()));
    let both = Claim { db: Some(&db), dbx: Some(&dbx), ..Claim::default() };
    assert_eq!(trusts("db", &value("first", BANK), both), Ok(()));
    let kek = measured("db", Variable::Kek);
    assert_eq!(trusts("kek", &value("db", BANK), Claim { kek: Some(&kek), ..Claim::default() }), Ok(()));
    assert_eq!(trusts("kek", &value("kek", BANK), Claim::default()), Ok(()));
}

#[test]
fn a_claim_that_leads_elsewhere_proves_nothing() {
    let dbx = measured("dbx", Variable::Dbx);
    let wrong = trusts("dbx", &value("first", BANK), Claim { dbx: Some(&dbx), ..Claim::default() });
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "the announced earlier firmware keys do not give the earlier PCR 7"
    );
    assert_eq!(trusts("dbx", &value("first", BANK), Claim::default()), Err(Distrust::NotSo));
    // Another certificate verified what was started, which nobody claims.
    assert_eq!(trusts("other-signer", &value("db", BANK), Claim::default()), Err(Distrust::NotSo));
    let short = Claim { dbx: Some(&[]), ..Claim::default() };
    assert_eq!(trusts("dbx", &value("first", BANK), short), Err(Distrust::Unexplained(Variable::Dbx)));
}

/// The attacker enrols their own certificate, writes, and removes it again.
#[test]
fn a_boot_that_admitted_more_is_not_believed() {
    let more = content("db", Variable::Db);
    let taken_out = trusts("dbx", &value("db", BANK), Claim { db: Some(&more), ..Claim::default() });
    assert_eq!(
        taken_out.unwrap_err().to_string(),
        "the earlier db had a certificate or hash that the db of this boot does not have"
    );
    // A db that has only the attacker's certificate.
    let theirs = content("first", Variable::Kek);
    let (owners, now) = boot(1, &more);
    let (_, old) = boot(1, &theirs);
    let claim = Claim { db: Some(&theirs), ..Claim::default() };
    let refused = owners.check(BANK, &now).unwrap().trusts(&old, &claim);
    assert_eq!(refused, Err(Distrust::MoreWereAdmitted));
    // The same certificate, added by another owner, is another entry.
    let mut other = more.clone();
    other[28] ^= 1;
    let (_, old) = boot(1, &other);
    let claim = Claim { db: Some(&other), ..Claim::default() };
    assert_eq!(owners.check(BANK, &now).unwrap().trusts(&old, &claim), Err(Distrust::MoreWereAdmitted));
    // Bytes that are not a database could have allowed anything.
    let (_, old) = boot(1, b"rubbish");
    let claim = Claim { db: Some(b"rubbish"), ..Claim::default() };
    let refused = owners.check(BANK, &now).unwrap().trusts(&old, &claim);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "db: the signature database is not made of whole signature lists"
    );
}

/// The attacker switches Secure Boot off, boots their own system, writes, and switches it on again.
#[test]
fn a_boot_without_secure_boot_is_not_believed() {
    let dbx = measured("off", Variable::Dbx);
    let claim = Claim { db: Some(&content("off", Variable::Db)), dbx: Some(&dbx), ..Claim::default() };
    assert_eq!(trusts("kek", &value("off", BANK), claim), Err(Distrust::NotSo));
    assert_eq!(trusts("kek", &value("setup", BANK), Claim::default()), Err(Distrust::NotSo));
    let db = content("first", Variable::Db);
    let ((owners, now), (_, old)) = (boot(1, &db), boot(0, &db));
    assert_eq!(owners.check(BANK, &now).unwrap().trusts(&old, &Claim::default()), Err(Distrust::NotSo));
}

#[test]
fn a_boot_without_secure_boot_believes_nothing() {
    let words = trusts("off", &value("off", BANK), Claim::default()).unwrap_err().to_string();
    assert_eq!(words, "Secure Boot is off in this boot");
}

#[test]
fn a_variable_that_was_measured_twice_or_never_can_not_be_claimed() {
    let db = content("first", Variable::Db);
    let structure = |variable: Variable, content: &[u8]| {
        let structure = variable.structure(content);
        (0x8000_0001, structure.clone(), structure)
    };
    let on = structure(Variable::SecureBoot, &[1]);
    let twice = [on.clone(), structure(Variable::Db, &db), structure(Variable::Db, &db)];
    for parts in [&twice[..], &[on]] {
        let (log, value) = made(parts);
        let claim = Claim { db: Some(&db), ..Claim::default() };
        let refused = log.check(BANK, &value).unwrap().trusts(&value, &claim);
        assert_eq!(refused, Err(Distrust::Unexplained(Variable::Db)));
    }
    let (log, value) = made(&[structure(Variable::SecureBoot, &[1])]);
    let claim = Claim { dbx: Some(&[0; 32]), ..Claim::default() };
    assert_eq!(
        log.check(BANK, &value).unwrap().trusts(&value, &claim),
        Err(Distrust::Unexplained(Variable::Dbx))
    );
}

/// An attacker can't have something of their choice measured in place of another variable.
#[test]
fn a_digest_of_firmware_that_hashes_the_content_alone_is_bound_to_its_place() {
    let db = content("first", Variable::Db);
    let event =
        |variable: Variable, content: &[u8]| (0x8000_0001, variable.structure(content), content.to_vec());
    let (now, value) =
        made(&[event(Variable::SecureBoot, &[1]), event(Variable::Db, &db), event(Variable::Dbx, &db)]);
    let (_, old) =
        made(&[event(Variable::SecureBoot, &[0]), event(Variable::Db, &db), event(Variable::Dbx, &[1])]);
    let dbx = digest(BANK, &[1]);
    let refused =
        now.check(BANK, &value).unwrap().trusts(&old, &Claim { dbx: Some(&dbx), ..Claim::default() });
    assert_eq!(refused, Err(Distrust::NotSo));
}

/// What the boot before an announced change leaves for the boot after it is enough. It is only a
/// claim.
#[test]
fn the_boot_after_an_announced_change_believes_the_one_before() {
    let all = |boot: &str| Variable::ALL.map(|variable| (variable, content(boot, variable)));
    for (before, after) in [("first", "dbx"), ("dbx", "db"), ("first", "db")] {
        let (log_before, value_before) = (log(before), value(before, BANK));
        let (log_after, value_after) = (log(after), value(after, BANK));
        let now = log_after.check(BANK, &value_after).unwrap();
        let earlier = log_before.check(BANK, &value_before).unwrap().earlier(&all(after).into());
        assert_eq!(earlier.value, value_before);
        assert_eq!(now.trusts_earlier(&earlier), Ok(()), "{before} {after}");
        let longer = Earlier { db: earlier.db.map(|length| length + 1), ..earlier.clone() };
        assert!(now.trusts_earlier(&longer).is_err());
        let beyond = Earlier { db: Some(usize::MAX), ..earlier.clone() };
        assert_eq!(now.trusts_earlier(&beyond), Err(Distrust::NotSo));
        let off = Earlier { value: value("off", BANK), ..earlier };
        assert_eq!(now.trusts_earlier(&off), Err(Distrust::NotSo));
    }
}

/// A boot with an add-on writes no record, so after the next change the records are still those of the boot before it.
#[test]
fn a_change_after_a_boot_that_settled_nothing_still_finds_the_records_of_the_one_before() {
    let all = |boot: &str| Variable::ALL.map(|variable| (variable, content(boot, variable)));
    let earlier = |before: &str, after: &str| {
        let (log, value) = (log(before), value(before, BANK));
        log.check(BANK, &value).unwrap().earlier(&all(after).into())
    };
    let (log, last) = (log("db"), value("db", BANK));
    let now = log.check(BANK, &last).unwrap();
    let chained = earlier("dbx", "db").since(&earlier("first", "dbx"));
    assert_eq!(chained.value, value("first", BANK));
    assert_eq!(now.trusts_earlier(&chained), Ok(()));
    // With what the boot in between had, the value would not be explained.
    let between = Earlier { value: value("first", BANK), dbx: earlier("dbx", "db").dbx, ..chained };
    assert_eq!(now.trusts_earlier(&between), Err(Distrust::NotSo));
}

/// The promise: what was written before another certificate accepted the kernel image can be trusted after it.
#[test]
fn a_boot_with_another_signer_trusts_the_one_before() {
    let (before, after) = (log("db"), log("other-signer"));
    let (old, now) = (value("db", BANK), value("other-signer", BANK));
    let accepted = before.check(BANK, &old).unwrap().accepted();
    let trusts = |accepted: &[Vec<u8>]| {
        let claim = Claim { accepted: Some(accepted), ..Claim::default() };
        after.check(BANK, &now).unwrap().trusts(&old, &claim)
    };
    assert_eq!(trusts(&accepted), Ok(()));
    assert_eq!(trusts(&[]), Err(Distrust::NotSo));
    let none = after.check(BANK, &now).unwrap().trusts(&old, &Claim::default());
    assert_eq!(none, Err(Distrust::NotSo));
    // Accepted by something that is not in the db of this boot.
    let (log, value) = made(&[
        (VARIABLE, Variable::SecureBoot.structure(&[1]), Variable::SecureBoot.structure(&[1])),
        (AUTHORITY, b"now".to_vec(), b"now".to_vec()),
    ]);
    let (_, other) = made(&[
        (VARIABLE, Variable::SecureBoot.structure(&[1]), Variable::SecureBoot.structure(&[1])),
        (AUTHORITY, b"x".to_vec(), b"then".to_vec()),
    ]);
    let accepted = [digest(BANK, b"then")];
    let claim = Claim { accepted: Some(&accepted), ..Claim::default() };
    assert_eq!(log.check(BANK, &value).unwrap().trusts(&other, &claim), Err(Distrust::OthersWereAccepted));
}
