//! Which bytes of a file a request wants: the header `Range` (RFC 9110, section 14).

use std::ops::Range;

/// The bytes that a request wants of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All of them.
    Whole,
    /// These, at least one.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Outside,
}

/// Reads the header for a file of this many bytes. A header that is wrong, of another unit, or asks for several ranges is
/// ignored, as the standard allows: the client gets the whole file, and knows by the status.
#[must_use]
pub fn wanted(header: &str, length: u64) -> Wanted {
    one(header).map_or(Wanted::Whole, |(first, last)| match (first, last) {
        (Some(first), _) if first >= length => Wanted::Outside,
        (Some(first), last) => Wanted::Part(first..last.map_or(length, |last| after(last, length))),
        (None, Some(0)) => Wanted::Outside,
        // No range says "the last bytes of nothing".
        (None, Some(_)) if length == 0 => Wanted::Whole,
        (None, count) => Wanted::Part(length.saturating_sub(count.unwrap_or(length))..length),
    })
}

/// Returns the two numbers of a single range, of which one may be missing.
fn one(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    let found = (number(first)?, number(last)?);
    let is_right = match found {
        (Some(first), Some(last)) => first <= last,
        (None, None) => false,
        _ => true,
    };
    (unit.eq_ignore_ascii_case("bytes") && is_right).then_some(found)
}

/// A number with more digits than we can count is behind the end of each file.
fn number(text: &str) -> Option<Option<u64>> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

fn after(last: u64, length: u64) -> u64 {
    last.saturating_add(1).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("BYTES=2-5", 2..6),
            ("bytes=2-", 2..10),
            ("bytes=9-9", 9..10),
            ("bytes=2-10", 2..10),
            ("bytes=2-99999999999999999999999", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-11", 0..10),
        ] {
            assert_eq!(wanted(header, 10), Wanted::Part(part), "{header}");
        }
    }

    #[test]
    fn bytes_that_the_file_does_not_have_are_outside() {
        for header in ["bytes=10-", "bytes=10-11", "bytes=18446744073709551615-", "bytes=-0"] {
            assert_eq!(wanted(header, 10), Wanted::Outside, "{header}");
        }
        assert_eq!((wanted("bytes=0-", 0), wanted("bytes=-1", 0)), (Wanted::Outside, Wanted::Whole));
    }

    #[test]
    fn what_is_wrong_or_several_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=0-1,3-4",
            "bytes=0-1,",
            "blocks=0-1",
            "bytes=0--1",
        ] {
            assert_eq!(wanted(header, 10), Wanted::Whole, "{header}");
        }
    }
}
