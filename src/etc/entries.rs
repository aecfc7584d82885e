//! Files whose lines are entries with names, or a list: merged entry by entry.

use std::collections::BTreeMap;

use super::conflict::Reason;
use super::place::Entries;
use super::{Choice, choose};

/// What a line is known by, and how many lines before it are known by the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key<'a> {
    /// The name of an entry.
    Entry(&'a [u8], usize),
    /// A line that is not an entry, such as a comment.
    Line(&'a [u8], usize),
}

/// The lines of a text, each by its key.
pub(super) struct Lines<'a> {
    order: Vec<Key<'a>>,
    by_key: BTreeMap<Key<'a>, &'a [u8]>,
}

impl<'a> Lines<'a> {
    pub(super) fn read(text: &'a [u8], entries: Entries) -> Self {
        let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
        let mut lines = Self { order: Vec::new(), by_key: BTreeMap::new() };
        for line in split(text) {
            let first = key(line, entries);
            let count = seen.entry(first).or_insert(0);
            let key = match first {
                Key::Entry(name, _) => Key::Entry(name, *count),
                Key::Line(line, _) => Key::Line(line, *count),
            };
            *count += 1;
            lines.order.push(key);
            lines.by_key.insert(key, line);
        }
        lines
    }

    pub(super) fn get(&self, key: &Key) -> Option<&'a [u8]> {
        self.by_key.get(key).copied()
    }

    /// Returns its keys in order, and then those that only the other has.
    pub(super) fn keys_with<'b>(&'b self, other: &'b Self) -> impl Iterator<Item = Key<'a>> {
        let others = other.order.iter().filter(|key| !self.by_key.contains_key(*key));
        self.order.iter().chain(others).copied()
    }

    /// Returns the lines of the entries: names and whole lines.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.order.iter().filter_map(|key| match key {
            Key::Entry(name, _) => self.get(key).map(|line| (*name, line)),
            Key::Line(..) => None,
        })
    }
}

fn key(line: &[u8], entries: Entries) -> Key<'_> {
    let Entries::Named(separator) = entries else { return Key::Line(line, 0) };
    let end = line.iter().position(|byte| *byte == separator).unwrap_or(0);
    match line.get(..end).unwrap_or_default().trim_ascii() {
        [] | [b'#', ..] => Key::Line(line, 0),
        name => Key::Entry(name, 0),
    }
}

/// Returns the lines of a text. The last may have no line end.
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    // An empty text has no line.
    text.split(|byte| *byte == b'\n').take(if text.is_empty() { 0 } else { usize::MAX })
}

/// Makes a text of lines: the machine's or the image's own one if it has these lines.
pub(super) fn join(lines: &[Vec<u8>], mine: &[u8], new: &[u8]) -> Vec<u8> {
    let has_them = |text: &&[u8]| split(text).eq(lines.iter().map(Vec::as_slice));
    match [mine, new].into_iter().find(has_them) {
        Some(text) => text.to_vec(),
        None => lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect(),
    }
}

/// Merges a text that both sides changed. What the image adds comes last.
pub(super) fn merge(entries: Entries, base: &[u8], mine: &[u8], new: &[u8]) -> (Vec<u8>, Vec<Reason>) {
    let [base, my, image] = [base, mine, new].map(|text| Lines::read(text, entries));
    let (mut lines, mut conflicts) = (Vec::new(), Vec::new());
    for key in my.keys_with(&image) {
        let line = match choose(&base.get(&key), &my.get(&key), &image.get(&key)) {
            Choice::Image => image.get(&key).filter(|line| !line.is_empty() || my.get(&key).is_some()),
            Choice::Mine => my.get(&key),
            Choice::Both => {
                if let Key::Entry(name, _) = key {
                    conflicts.push(Reason::Entry(name.to_vec()));
                }
                my.get(&key)
            }
        };
        lines.extend(line.map(<[u8]>::to_vec));
    }
    (join(&lines, mine, new), conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(entries: Entries, [base, mine, new]: [&str; 3]) -> (String, Vec<Reason>) {
        let (text, conflicts) = merge(entries, base.as_bytes(), mine.as_bytes(), new.as_bytes());
        (String::from_utf8(text).unwrap(), conflicts)
    }

    #[test]
    fn entries_are_taken_from_the_side_that_changed_them() {
        let base = "# Name services\npasswd: files\ngroup: files\nhosts: files dns\nnetworks: files\n";
        let mine =
            "# Name services\npasswd: files winbind\ngroup: files\nhosts: files mdns dns\nsudoers: ldap";
        let new = "# Name services of 2\npasswd: files\ngroup: files systemd\nhosts: files resolve\nnetworks: files\nnew: x\n";
        let text = "passwd: files winbind\ngroup: files systemd\nhosts: files mdns dns\nsudoers: ldap\n# Name services of 2\nnew: x\n";
        let conflicts = vec![Reason::Entry(b"hosts".to_vec())];
        assert_eq!(merged(Entries::Named(b':'), [base, mine, new]), (text.to_owned(), conflicts));
    }

    #[test]
    fn a_list_has_what_either_added_and_neither_removed() {
        let base = "/bin/sh\n/bin/bash\n/bin/rbash\n";
        let mine = "/bin/sh\n/bin/bash\n/bin/rbash\n/usr/bin/fish\n";
        let new = "/bin/sh\n\n/bin/bash\n/usr/bin/zsh\n";
        let text = "/bin/sh\n/bin/bash\n/usr/bin/fish\n/usr/bin/zsh\n";
        assert_eq!(merged(Entries::Whole, [base, mine, new]), (text.to_owned(), vec![]));
    }

    #[test]
    fn a_text_that_has_all_lines_already_stays_byte_by_byte() {
        assert_eq!(merged(Entries::Whole, ["a\n", "a\nb", "a\nb\n"]).0, "a\nb");
        assert_eq!(merged(Entries::Whole, ["", "a", ""]).0, "a");
        assert_eq!(merged(Entries::Whole, ["a\na\n", "a\na\nb\n", "a\n"]).0, "a\nb\n");
    }
}
