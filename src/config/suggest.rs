//! Suggests the key that was meant, for one that does not exist.

use super::keys::{KEYS, members};

/// Returns the message for an unknown key: the nearest known one, or the names in its section.
pub(super) fn unknown(path: &str) -> String {
    if let Some(near) = nearest(path) {
        return format!("there is no such key; did you mean {near}?");
    }
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    match members(section) {
        names if names.is_empty() => {
            format!("there is no such key; the sections are {}", members("").join(", "))
        }
        names if section.is_empty() => {
            format!("there is no such key; the top level has {}", names.join(", "))
        }
        names => format!("there is no such key; [{section}] has {}", names.join(", ")),
    }
}

/// Returns the known key or section that this one probably means: mistyped, or right but in the
/// wrong section.
fn nearest(path: &str) -> Option<&'static str> {
    let near = known().map(|known| (distance(path, known), known)).min();
    if let Some((steps, known)) = near
        && steps <= 2
        && steps < last(path).chars().count()
    {
        return Some(known);
    }
    known().find(|known| last(known) == last(path))
}

/// Returns the paths of all keys and all sections.
fn known() -> impl Iterator<Item = &'static str> {
    KEYS.iter().flat_map(|key| {
        let sections = key.path.match_indices('.').filter_map(|(at, _)| key.path.get(..at));
        sections.chain([key.path])
    })
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Returns Levenshtein's distance: letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (done, letter) in a.chars().enumerate() {
        let mut left = done + 1;
        let mut next = vec![left];
        for ((diagonal, above), other) in row.iter().zip(row.iter().skip(1)).zip(b.chars()) {
            left = (diagonal + usize::from(letter != other)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_lead_to_the_key_that_was_meant() {
        let cases = [
            ("image.idd", "image.id"),
            ("images", "image"),
            ("partitions.size", "partitions.sizes"),
            ("partitions.persist.ect", "partitions.persist.etc"),
            ("volume.file_system", "volume.filesystem"),
            ("persist", "partitions.persist"),
            ("image.url", "image.updates.url"),
            ("recovery_key", "volume.recovery_key"),
        ];
        for (written, meant) in cases {
            assert_eq!(nearest(written), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_key_near_to_nothing_gets_the_list_of_its_section() {
        let cases = [
            (
                "volume.cipher",
                "there is no such key; [volume] has filesystem, pcrs, pin, counter, secure_boot, recovery_key, escrow",
            ),
            (
                "x",
                "there is no such key; the top level has debug, image, partitions, userspace, volume, verity, boot",
            ),
            (
                "network.dns",
                "there is no such key; the sections are debug, image, partitions, userspace, volume, verity, boot",
            ),
        ];
        for (written, message) in cases {
            assert_eq!(unknown(written), message, "{written}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        let cases = [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("etc", "ect", 2), ("é", "e", 1)];
        for (a, b, steps) in cases {
            assert_eq!((distance(a, b), distance(b, a)), (steps, steps), "{a:?} {b:?}");
        }
    }
}
