use super::*;
use crate::firmware::Variable;
use crate::firmware::samples::{change, log, value};
use crate::token::Bank;

fn content(boot: &str, variable: Variable) -> Vec<u8> {
    let log = log(boot);
    let value = value(boot, Bank::Sha256);
    log.check(Bank::Sha256, &value).unwrap().content(variable).unwrap().to_vec()
}

/// Returns a list of one kind with these values, which have the same length.
fn list(kind: u8, values: &[&[u8]]) -> Vec<u8> {
    let size = 16 + values[0].len() as u32;
    let sizes = [28 + size * values.len() as u32, 0, size].map(u32::to_le_bytes).concat();
    let values = values.iter().map(|value| [&[9; 16][..], value].concat());
    [&[kind; 16][..], &sizes, &values.collect::<Vec<_>>().concat()].concat()
}

#[test]
fn an_append_gives_what_the_firmware_made_of_it() {
    let steps = [
        (Variable::Dbx, "first", "dbx"),
        (Variable::Db, "dbx", "db"),
        (Variable::Kek, "other-signer", "kek"),
    ];
    for (variable, before, after) in steps {
        let new = payload(change(variable)).unwrap();
        let appended = append(&content(before, variable), new).unwrap();
        assert!(appended == content(after, variable), "{variable}");
        assert!(append(&appended, new).unwrap() == appended, "{variable} a second time");
    }
}

#[test]
fn what_is_there_already_is_left_out_of_its_list() {
    let old = list(1, &[b"a", b"b"]);
    assert_eq!(append(&old, &list(1, &[b"b", b"c"])).unwrap(), [old.clone(), list(1, &[b"c"])].concat());
    // An entry of another kind or length is another entry.
    assert_eq!(append(&old, &list(2, &[b"a"])).unwrap(), [old.clone(), list(2, &[b"a"])].concat());
    assert_eq!(append(&[], &old).unwrap(), old);
    assert_eq!(append(&old, &[]).unwrap(), old);
}

#[test]
fn what_is_not_made_of_whole_lists_is_refused() {
    let good = list(1, &[b"a", b"b"]);
    assert_eq!(entries(&good).unwrap().len(), 2);
    for length in 1..good.len() {
        assert_eq!(entries(&good[..length]), Err(DatabaseError::Malformed), "{length}");
    }
    for (place, byte) in [(16, 61), (16, 0), (19, 0xff), (20, 1), (24, 0), (24, 16), (24, 18)] {
        let mut bad = good.clone();
        bad[place] = byte;
        assert_eq!(entries(&bad), Err(DatabaseError::Malformed), "{place} {byte}");
    }
    assert_eq!(entries(&vec![0; (1 << 20) + 1]), Err(DatabaseError::TooLarge));
    let words = "the signature database is not made of whole signature lists";
    assert_eq!(append(&good, b"x").unwrap_err().to_string(), words);
}

#[test]
fn only_a_signed_change_has_a_payload() {
    let file = change(Variable::Dbx);
    assert_eq!(entries(payload(file).unwrap()).unwrap().len(), 3);
    let words =
        "the file is not a signed change of a variable (EFI_VARIABLE_AUTHENTICATION_2 and signature lists)";
    for bad in [&file[1..], &file[..39], b"", &list(1, &[b"a"])] {
        assert_eq!(payload(bad).unwrap_err().to_string(), words);
    }
    assert_eq!(payload(&file[..file.len() - 1]), Err(DatabaseError::Malformed));
}
