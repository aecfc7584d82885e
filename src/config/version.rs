//! Compares versions like systemd-boot and systemd-sysupdate do (UAPI.10, "Version Format
//! Specification").

use std::cmp::Ordering;

/// Longest version: GPT names have 36 UTF-16 units, and `verity-` takes 7 of them (UEFI, "GPT
/// Partition Entry").
pub const LONGEST: usize = 29;

/// Returns whether a text is a valid version of an image (`image.version`).
#[must_use]
pub fn is_version(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    text.len() <= LONGEST && text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Compares two versions.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one.as_bytes(), other.as_bytes());
    loop {
        (a, b) = (skip_other(a), skip_other(b));
        // Compared before the end of the text: a pre-release is older than its release.
        if let Some(order) = separator(&mut a, &mut b, b'~') {
            return order;
        }
        if a.is_empty() || b.is_empty() {
            return a.len().min(1).cmp(&b.len().min(1));
        }
        for mark in *b"-^." {
            if let Some(order) = separator(&mut a, &mut b, mark) {
                return order;
            }
        }
        let digits = starts_with(a, u8::is_ascii_digit) || starts_with(b, u8::is_ascii_digit);
        let same = if digits { numbers(&mut a, &mut b) } else { letters(&mut a, &mut b) };
        if same != Ordering::Equal {
            return same;
        }
    }
}

fn starts_with(text: &[u8], is: fn(&u8) -> bool) -> bool {
    text.first().is_some_and(is)
}

/// Skips characters outside the format. They separate components, and have no other meaning.
fn skip_other(text: &[u8]) -> &[u8] {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"~-^.".contains(byte);
    text.get(text.iter().position(known).unwrap_or(text.len())..).unwrap_or_default()
}

/// Compares at a mark: a version with the mark is older than one without. If both have it, it is
/// skipped.
fn separator(a: &mut &[u8], b: &mut &[u8], mark: u8) -> Option<Ordering> {
    match (a.strip_prefix(&[mark]), b.strip_prefix(&[mark])) {
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(rest_a), Some(rest_b)) => {
            (*a, *b) = (rest_a, rest_b);
            None
        }
        (None, None) => None,
    }
}

fn take<'t>(text: &mut &'t [u8], is: fn(&u8) -> bool) -> &'t [u8] {
    let end = text.iter().position(|byte| !is(byte)).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    *text = rest;
    head
}

/// Compares by value, without limit. No digits are older than some.
fn numbers(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    let (one, other) = (take(a, u8::is_ascii_digit), take(b, u8::is_ascii_digit));
    let value = |digits: &[u8]| {
        let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
        digits.get(start..).unwrap_or_default().to_vec()
    };
    let (left, right) = (value(one), value(other));
    let any = (!one.is_empty()).cmp(&!other.is_empty());
    any.then(left.len().cmp(&right.len())).then(left.cmp(&right))
}

fn letters(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    take(a, u8::is_ascii_alphabetic).cmp(take(b, u8::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // Each version is older than the next.
        let rising = [
            "122.1",
            "123~rc1-1",
            "123",
            "123-a",
            "123-a.1",
            "123-1",
            "123-1.1",
            "123^post1",
            "123.a-1",
            "123.1-1",
            "123a-1",
            "124-1",
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn numbers_are_numbers() {
        for (older, newer) in [("0.0.9", "0.0.10"), ("1.9", "1.10"), ("", "0"), ("1", "1.0"), ("1a", "1b")] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
        }
        for (one, same) in [("007", "7"), ("1.0", "1.0"), ("1_2", "1+2"), ("", "")] {
            assert_eq!(compare(one, same), Ordering::Equal, "{one} {same}");
        }
    }
}
