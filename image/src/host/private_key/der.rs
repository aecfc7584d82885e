//! Private keys in DER, by their structure (X.690): those of PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC 1 (RFC 5915).

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// What a key is encrypted with begins so (RFC 8018; RFC 7292, appendix C).
const BY_PASSPHRASE: [&[u8]; 2] =
    [b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"];

/// Most values in a sequence of a key.
const MOST: usize = 16;

/// A tag, and the content.
type Value<'a> = (u8, &'a [u8]);

/// Returns whether values are there, and nothing else, of which one is a private key. The curve may stand before it.
pub(super) fn is_private(bytes: &[u8]) -> bool {
    values(bytes).is_some_and(|all| all.iter().any(|(tag, inner)| *tag == SEQUENCE && is_key(inner)))
}

fn is_key(inner: &[u8]) -> bool {
    match values(inner).unwrap_or_default().as_slice() {
        // PKCS#8: a version, an algorithm, the key.
        [(INTEGER, [0 | 1]), (SEQUENCE, algorithm), (OCTETS, key), ..] => {
            !key.is_empty() && object(algorithm).is_some()
        }
        // The same, encrypted.
        [(SEQUENCE, algorithm), (OCTETS, key)] => {
            let is_known = |object: &[u8]| BY_PASSPHRASE.iter().any(|start| object.starts_with(start));
            !key.is_empty() && object(algorithm).is_some_and(is_known)
        }
        // SEC 1: a version, the key, and the curve.
        [(INTEGER, [1]), (OCTETS, key), rest @ ..] => {
            key.len() >= 16 && rest.iter().all(|(tag, _)| [0xa0, 0xa1].contains(tag))
        }
        // PKCS#1, and the older form of DSA: numbers, of which the first is the version.
        all @ [(INTEGER, [0 | 1]), ..] => {
            [6, 9].contains(&all.len()) && all.iter().all(|(tag, _)| *tag == INTEGER)
        }
        _ => false,
    }
}

/// Returns the object that something begins with.
fn object(bytes: &[u8]) -> Option<&[u8]> {
    let values = values(bytes)?;
    values.first().filter(|(tag, _)| *tag == OBJECT).map(|(_, content)| *content)
}

/// Returns values that stand one after the other, if that is all. There are not many in a key.
fn values(mut bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut all = Vec::new();
    while !bytes.is_empty() && all.len() < MOST {
        let [tag, length, rest @ ..] = bytes else { return None };
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
                (digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        all.push((*tag, content));
        bytes = rest;
    }
    bytes.is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = match u8::try_from(length) {
            Ok(short @ 0..=0x7f) => vec![tag, short],
            _ => vec![tag, 0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()],
        };
        [&head, content].concat()
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        value(SEQUENCE, &parts.concat())
    }

    #[test]
    fn keys_are_told_from_other_values() {
        let number = |bytes: &[u8]| value(INTEGER, bytes);
        let ed25519 = sequence(&[value(OBJECT, b"\x2b\x65\x70")]);
        let pbes2 = sequence(&[value(OBJECT, b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"), sequence(&[])]);
        let key = value(OCTETS, &[7; 200]);
        let rsa = |count: usize| sequence(&[vec![number(&[0])], vec![number(&[9; 128]); count - 1]].concat());
        for private in [
            sequence(&[number(&[0]), ed25519.clone(), key.clone()]),
            sequence(&[number(&[1]), ed25519.clone(), key.clone(), value(0x81, &[3; 33])]),
            sequence(&[pbes2.clone(), key.clone()]),
            sequence(&[number(&[1]), value(OCTETS, &[7; 32]), value(0xa0, b"\x06\x01\x2b")]),
            [value(OBJECT, b"\x2a\x86"), sequence(&[number(&[1]), value(OCTETS, &[7; 32])])].concat(),
            rsa(9),
            rsa(6),
        ] {
            assert!(is_private(&private), "{private:x?}");
            assert!(
                !is_private(&private[..private.len() - 1]) && !is_private(&[&private[..], b"x"].concat())
            );
        }
        for other in [
            vec![],
            // A public key, a digest, a signature, numbers.
            sequence(&[ed25519.clone(), value(0x03, &[0; 33])]),
            sequence(&[ed25519, key.clone()]),
            sequence(&[number(&[9; 32]), number(&[9; 32])]),
            rsa(2),
            sequence(&[number(&[2]), key.clone()]),
            key,
            b"text".to_vec(),
        ] {
            assert!(!is_private(&other), "{other:x?}");
        }
    }
}
