//! The packets of an OpenPGP file (RFC 9580, section 4.2).

/// Tags of packets with secret keys (RFC 9580, section 5).
pub(super) const SECRET: [u8; 2] = [5, 7];
/// The tag of a packet with a primary public key.
pub(super) const PUBLIC: u8 = 6;

/// Returns the tags of all packets, and whether the bytes are nothing but whole packets.
pub(super) fn tags(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut tags = Vec::new();
    while let [first, rest @ ..] = bytes {
        let Some(tag) = tag(*first) else { return (tags, false) };
        tags.push(tag);
        let content = length(*first, rest).and_then(|(length, rest)| rest.get(length..));
        let Some(after) = content else { return (tags, false) };
        bytes = after;
    }
    (tags, true)
}

fn tag(first: u8) -> Option<u8> {
    match first {
        0xc0.. => Some(first & 0x3f),
        0x80.. => Some((first >> 2) & 0xf),
        _ => None,
    }
}

/// Returns the length of a packet's content, and what follows the length. Packets without a length
/// at their start have no keys.
fn length(first: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    match (first, rest) {
        (0xc0.., [one @ ..192, rest @ ..]) => Some((usize::from(*one), rest)),
        (0xc0.., [one @ 192..224, two, rest @ ..]) => {
            Some(((usize::from(*one) - 192) * 256 + usize::from(*two) + 192, rest))
        }
        (0xc0.., [255, rest @ ..]) => number(rest, 4),
        (0x80..0xc0, _) if first & 3 < 3 => number(rest, 1 << (first & 3)),
        _ => None,
    }
}

fn number(bytes: &[u8], count: usize) -> Option<(usize, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(count)?;
    Some((digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_length_is_read() {
        let packet = |head: &[u8], length: usize| [head, &vec![0; length]].concat();
        let all = [
            packet(b"\x98\x03", 3),
            packet(b"\x99\x01\x00", 256),
            packet(b"\x9a\0\0\x01\x02", 258),
            packet(b"\xc6\x05", 5),
            packet(b"\xc6\xc1\x02", 450),
            packet(b"\xc6\xff\0\0\0\x07", 7),
            packet(b"\xc5\x01", 1),
        ];
        assert_eq!(tags(&all.concat()), (vec![6, 6, 6, 6, 6, 6, 5], true));
        for one in all {
            assert!(!tags(&one[..one.len() - 1]).1, "{one:?}");
        }
    }

    #[test]
    fn what_is_not_packets_is_not_whole() {
        for bytes in [&b"text"[..], b"\x9b\x01", b"\xc6\xe0\x01", b"\xc6", b"\x98\x01\0text"] {
            assert!(!tags(bytes).1, "{bytes:?}");
        }
        assert_eq!(tags(b""), (Vec::new(), true));
    }
}
