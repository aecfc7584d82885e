//! Suggests the key that was meant, for one that does not exist.

use super::keys::{KEYS, members};
use crate::spelling;

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
    let same_name = || known().find(|known| last(known) == last(path));
    spelling::nearest(path, known()).or_else(same_name)
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
                "there is no such key; [volume] has filesystem, tpm, pcrs, pin, counter, secure_boot, recovery_key, escrow",
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
}
