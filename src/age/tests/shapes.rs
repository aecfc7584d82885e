//! Files with another shape than the specification's, but with valid codes, as a skilled attacker
//! writes them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::*;

const REST: Error = Error::Header("a line is unexpected");
const RECIPIENT: Error = Error::Header("a recipient is malformed");
const SHARE: Error = Error::Header("a recipient's share is malformed");
const CODE: Error = Error::Header("its code is malformed");

/// The key of somebody else.
const OTHER: &str = "AGE-SECRET-KEY-1PRPCMC578R8P4MPHPSUUSPZL756FZUJGEE7AUEMUW6DXE7CTXGZS2HPDVY";

/// Returns a file's header without its code, the file's key, and what follows.
fn parts() -> (String, Vec<u8>, Vec<u8>) {
    let (file_key, rest) = header::read(WRITTEN[0], &ours()).unwrap();
    let head = &WRITTEN[0][..WRITTEN[0].len() - rest.len()];
    let end = head.windows(4).position(|bytes| bytes == b"--- ").unwrap();
    (String::from_utf8(head[..end].to_vec()).unwrap(), file_key.to_vec(), rest.to_vec())
}

/// Returns a file with this header and a valid code.
fn file(head: &str, file_key: &[u8], rest: &[u8]) -> Vec<u8> {
    let covered = format!("{head}---");
    let code = mac(&*derived(b"", file_key, b"header")).chain_update(&covered).finalize().into_bytes();
    [format!("{covered} {}\n", STANDARD_NO_PAD.encode(code)).as_bytes(), rest].concat()
}

/// Returns the result after the last such piece of the header was replaced.
fn said(from: &str, to: &str) -> Result<Vec<u8>, Error> {
    let (mut head, file_key, rest) = parts();
    let start = head.rfind(from).unwrap();
    head.replace_range(start..start + from.len(), to);
    decrypt(&file(&head, &file_key, &rest), &ours()).map(|content| content.to_vec())
}

/// Returns the lines of the last recipient, which is ours: share and body.
fn last() -> (String, String) {
    let (head, ..) = parts();
    let mut lines = head.lines().rev().map(str::to_owned);
    let body = lines.next().unwrap();
    (lines.next().unwrap().split(' ').next_back().unwrap().to_owned(), body)
}

#[test]
fn recipients_of_other_kinds_are_passed_over() {
    let kept = Ok(b"kept\n".to_vec());
    let full = "A".repeat(64);
    for other in ["-> scrypt c2FsdA 18\nYWJj\n", "-> x-grease ~!\n\n", &format!("-> a\n{full}\n{full}\n\n")] {
        assert_eq!(said("v1\n", &format!("v1\n{other}")), kept, "{other}");
    }
}

#[test]
fn a_recipient_of_another_shape_is_refused() {
    let (share, body) = last();
    let long = "A".repeat(65);
    let short = STANDARD_NO_PAD.encode([1; 31]);
    let weak = STANDARD_NO_PAD.encode([0; 32]);
    for (from, to, expected) in [
        ("v1\n", "v2\n", Error::Header("the first line is unexpected")),
        ("v1\n", "v1\r\n", Error::Header("the first line is unexpected")),
        ("-> X25519 ", "-> ", Error::NoMatch(2)),
        ("-> ", "->", RECIPIENT),
        ("-> ", "->  ", RECIPIENT),
        ("-> ", "> ", REST),
        (&*share, &format!("{share}="), SHARE),
        (&share, &format!("{share} more"), Error::Header("a recipient has more than one share")),
        (&share, &short, SHARE),
        (&share, &weak, Error::Header("a recipient's share is a point that protects nothing")),
        (&share, &format!("{share}\r"), RECIPIENT),
        (&body, &format!("{body}="), RECIPIENT),
        (&body, &long, RECIPIENT),
        (&body, "", Error::Header("a recipient's key has another length")),
        (&body, "YWJj", Error::Header("a recipient's key has another length")),
        (&format!("{body}\n"), "", RECIPIENT),
    ] {
        assert_eq!(said(from, to), Err(expected), "{from:?} to {to:?}");
    }
}

#[test]
fn a_code_of_another_shape_is_refused() {
    let (head, file_key, rest) = parts();
    let whole = String::from_utf8_lossy(&file(&head, &file_key, b"")).into_owned();
    let code = whole.trim_end().rsplit(' ').next().unwrap().to_owned();
    for (to, expected) in [
        ("AAAA".to_owned(), CODE),
        (format!("{code}="), CODE),
        (format!(" {code}"), CODE),
        (format!("{code} "), CODE),
        (STANDARD_NO_PAD.encode([0; 32]), Error::Changed),
    ] {
        let changed = [whole.replace(&code, &to).as_bytes(), &rest].concat();
        assert_eq!(decrypt(&changed, &ours()).map(drop), Err(expected), "{to}");
    }
    let none = whole.replace(&format!(" {code}"), "");
    assert_eq!(decrypt(&[none.as_bytes(), &rest].concat(), &ours()).map(drop), Err(REST));
}

#[test]
fn content_of_another_shape_is_refused() {
    let (head, file_key, rest) = parts();
    let nonce = &rest[..16];
    let sealed = |lengths: &[usize]| {
        let key = derived(nonce, &file_key, b"payload");
        let mut content = nonce.to_vec();
        lengths.iter().for_each(|length| stream::seal(&key, &vec![1; *length], &mut content).unwrap());
        decrypt(&file(&head, &file_key, &content), &ours()).map(|content| content.len())
    };
    assert_eq!(sealed(&[5]), Ok(5));
    assert_eq!(sealed(&[0]), Ok(0));
    for lengths in [&[][..], &[5, 5], &[65536, 0], &[65536, 65536]] {
        assert_eq!(sealed(lengths), Err(Error::Content), "{lengths:?}");
    }
    let short = file(&head, &file_key, &nonce[..15]);
    assert_eq!(decrypt(&short, &ours()).map(drop), Err(Error::Header("it ends too early")));
}

#[test]
fn a_file_for_others_says_for_how_many() {
    let other = Identity::parse_file(OTHER).ok().unwrap();
    let said = |file: &[u8]| decrypt(file, &other).unwrap_err().to_string();
    let two = "it is encrypted to 2 recipients, and this is the secret key of another one";
    assert_eq!(said(WRITTEN[0]), two);
    let (head, file_key, rest) = parts();
    let second = head.rfind("-> ").unwrap();
    let first = head.find("-> ").unwrap();
    let one = [&head[..first], &head[second..]].concat();
    let expected = "it is encrypted to one recipient, and this is the secret key of another one";
    assert_eq!(said(&file(&one, &file_key, &rest)), expected);
}

#[test]
fn armor_of_another_shape_is_refused() {
    let text = String::from_utf8(WRITTEN[1].to_vec()).unwrap();
    let read = |text: &str| decrypt(text.as_bytes(), &ours()).map(|content| content.to_vec());
    let kept = Ok(b"kept\n".to_vec());
    for same in [text.replace('\n', "\r\n"), format!("\n \n{text}\n\n"), text.trim_end().to_owned()] {
        assert_eq!(read(&same), kept, "{same}");
    }
    let lines: Vec<&str> = text.lines().collect();
    let first = lines[1];
    let last = lines[lines.len() - 2];
    for (from, to) in [
        ("-----END AGE ENCRYPTED FILE-----", String::new()),
        ("-----END AGE", "-----END PGP".to_owned()),
        ("-----BEGIN AGE", "-----BEGIN PGP".to_owned()),
        ("-----BEGIN AGE ENCRYPTED FILE-----", "-----BEGIN AGE ENCRYPTED FILE-----\nComment: x\n".to_owned()),
        (first, format!("{first}AAAA")),
        (first, first[4..].to_owned()),
        (first, format!(" {first}")),
        (first, format!("{first}\n")),
        (first, first.replacen('Y', "*", 1)),
        (last, format!("{last}\n=olFc")),
        (last, last.trim_end_matches('=').to_owned() + "\n="),
    ] {
        assert_eq!(read(&text.replacen(from, &to, 1)), Err(Error::Armor), "{from} to {to}");
    }
    let unpadded = STANDARD.encode(WRITTEN[0]);
    assert!(matches!(read(&unpadded), Err(Error::Header(_))));
}
