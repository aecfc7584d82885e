//! Ranges of subordinate numbers, subuid(5): two names never share one.

use crate::etc::entries::Lines;
use crate::etc::place::Accounts;

/// The ranges that are given, each with its name.
pub(super) struct Ranges(Vec<(Vec<u8>, u64, u64)>);

impl Ranges {
    /// Returns the machine's ranges.
    pub(super) fn of(file: Accounts, mine: &Lines) -> Self {
        if !matches!(file, Accounts::Subuid | Accounts::Subgid) {
            return Self(Vec::new());
        }
        let ranges = mine
            .named()
            .filter_map(|(name, line)| read(line).map(|(start, end)| (name.to_vec(), start, end)));
        Self(ranges.collect())
    }

    /// Adds a range, unless somebody else has a part of it.
    pub(super) fn take(&mut self, name: &[u8], line: &[u8]) -> bool {
        let Some((start, end)) = read(line) else { return false };
        let is_free = |(other, from, to): &(Vec<u8>, u64, u64)| other == name || end <= *from || *to <= start;
        let is_free = self.0.iter().all(is_free);
        if is_free {
            self.0.push((name.to_vec(), start, end));
        }
        is_free
    }
}

/// Returns where a range starts and ends. `me:100000:65536`
fn read(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields =
        std::str::from_utf8(line).ok()?.split(':').skip(1).map(|field| field.trim().parse::<u32>());
    let (Some(Ok(start)), Some(Ok(count))) = (fields.next(), fields.next()) else { return None };
    Some((u64::from(start), u64::from(start) + u64::from(count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etc::place::Entries;

    #[test]
    fn a_range_is_given_once() {
        let mine = Lines::read(b"me:1000:500\n# a note\nbad:x:1\n", Entries::Named(b':'));
        let mut ranges = Ranges::of(Accounts::Subuid, &mine);
        for (name, line, taken) in [
            ("you", "you:1499:10", false),
            ("you", "you:500:501", false),
            ("you", "you:1500:10", true),
            ("she", "she:1505:1", false),
            ("me", "me:1400:50", true),
            ("she", "she:4294967295:4294967295", true),
            ("she", "she:5000", false),
        ] {
            assert_eq!(ranges.take(name.as_bytes(), line.as_bytes()), taken, "{line}");
        }
    }
}
