//! What a server has of a version, by its signed list: `SHA256SUMS`, in the format of sha256sum(1).

use std::collections::BTreeMap;

use super::index::{BLOCKS, INDEX, Index};
use super::{Hash, patch};
use crate::hex;
use crate::update::release::Part;

/// The signed list. `SHA256SUMS.gpg` is its signature.
pub const LIST: &str = "SHA256SUMS";

/// A file of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// Its SHA-256.
    pub sum: Hash,
}

/// A patch of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patched {
    /// The index.
    pub index: Listed,
    /// The name of the file with the pieces.
    pub pieces: String,
}

/// The files of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The name of `/usr` as systemd-sysupdate reads it, without the suffix of what is packed.
    pub usr: String,
    /// The same of the hash tree.
    pub verity: String,
    /// The root hash that both names have.
    pub root: Hash,
    /// The kernel image.
    pub kernel: Listed,
    /// The index of the packed blocks.
    pub index: Listed,
    /// The name of the packed blocks.
    pub blocks: String,
    /// The patch from the running version, if the list has one.
    pub patch: Option<Patched>,
}

impl Offer {
    /// Finds a version in a list. `new` and `running` are `ID_VERSION`.
    ///
    /// # Errors
    /// When the list is not one, or lacks something of the version that an update by blocks needs.
    pub fn find(list: &str, new: &str, running: &str) -> Result<Self, String> {
        let sums = sums(list)?;
        let listed = |name: String| match sums.get(name.as_str()) {
            Some(sum) => Ok(Listed { name, sum: *sum }),
            None => Err(format!("the server has no {name}")),
        };
        let part = |part: Part| {
            let end = format!(".{}.raw", part.name());
            let stem = sums.keys().find_map(|name| {
                let (stem, _packed) = name.split_once(&end)?;
                stem.strip_prefix(new)?.starts_with('_').then_some(stem)
            });
            let stem = stem.ok_or_else(|| format!("the server has no {new}*{end}"))?;
            let uuid = stem.rsplit('_').nth(1).unwrap_or_default();
            Ok::<_, String>((format!("{stem}{end}"), uuid))
        };
        let ((usr, usr_uuid), (verity, verity_uuid)) = (part(Part::Usr)?, part(Part::Verity)?);
        // sysupdate.d(5) gives the partitions these UUIDs, and the kernel command line finds both by the root hash.
        let root = hex::decode(&format!("{usr_uuid}{verity_uuid}")).and_then(|root| root.try_into().ok());
        let index = listed(format!("{new}{INDEX}"))?;
        let blocks = listed(format!("{new}{BLOCKS}"))?.name;
        let pieces = listed(patch::name(new, running, patch::PATCH));
        let patched = pieces.and_then(|pieces| {
            let index = listed(patch::name(new, running, patch::INDEX))?;
            Ok(Patched { index, pieces: pieces.name })
        });
        Ok(Self {
            root: root.ok_or_else(|| format!("the names {usr} and {verity} do not tell a root hash"))?,
            kernel: listed(format!("{new}.efi"))?,
            usr,
            verity,
            index,
            blocks,
            patch: patched.ok(),
        })
    }

    /// Returns the list of the same version with the partitions as systemd-sysupdate writes them.
    #[must_use]
    pub fn unpacked(&self, index: &Index) -> String {
        let lines = [
            (&index.verity.sum, &self.verity),
            (&index.usr.sum, &self.usr),
            (&self.kernel.sum, &self.kernel.name),
        ];
        lines.map(|(sum, name)| format!("{}  {name}\n", hex::encode(sum))).concat()
    }
}

/// Reads a list. As systemd-sysupdate does, it refuses a name that is not one name.
fn sums(list: &str) -> Result<BTreeMap<&str, Hash>, String> {
    let mut sums = BTreeMap::new();
    for (number, line) in (1..).zip(list.lines()) {
        let read = || {
            let (sum, name) = line.split_at_checked(64)?;
            let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
            let is_name = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
            Some((name, hex::decode(sum)?.try_into().ok()?)).filter(|_| is_name)
        };
        let (name, sum) = read().ok_or_else(|| format!("line {number} of {LIST} is not a sum and a name"))?;
        if sums.insert(name, sum).is_some() {
            return Err(format!("line {number} of {LIST} names {name} once more"));
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> String {
        names.iter().map(|name| format!("{}  {name}\n", "0f".repeat(32))).collect()
    }

    fn names() -> Vec<String> {
        let (usr, verity) = ("aa".repeat(16), "bb".repeat(16));
        let more =
            ["d_2.efi", "d_2.usr.index", "d_2.usr.blocks", "d_2_1.patch", "d_2_1.patch.index", "d_1.efi"];
        let parts = [format!("d_2_{usr}_8192.usr.raw.xz"), format!("d_2_{verity}_9000.verity.raw.gz")];
        parts.into_iter().chain(more.map(str::to_owned)).collect()
    }

    fn found(names: &[String], running: &str) -> Result<Offer, String> {
        Offer::find(&list(&names.iter().map(String::as_str).collect::<Vec<_>>()), "d_2", running)
    }

    #[test]
    fn a_version_is_found_by_the_names_of_its_files() {
        let offer = found(&names(), "d_1").unwrap();
        assert_eq!(offer.usr, format!("d_2_{}_8192.usr.raw", "aa".repeat(16)));
        assert_eq!((offer.root[0], offer.root[31]), (0xaa, 0xbb));
        assert_eq!(offer.patch.unwrap().index.name, "d_2_1.patch.index");
        assert_eq!(found(&names(), "d_0").unwrap().patch, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (index, says) in [
            (0, "the server has no d_2*.usr.raw"),
            (2, "the server has no d_2.efi"),
            (3, "the server has no d_2.usr.index"),
            (4, "the server has no d_2.usr.blocks"),
        ] {
            let mut names = names();
            names.remove(index);
            assert_eq!(found(&names, "d_1").unwrap_err(), says);
        }
        let mut names = names();
        names[0] = "d_2_aa_8192.usr.raw".to_owned();
        assert!(found(&names, "d_1").unwrap_err().ends_with("do not tell a root hash"));
        // A version whose name begins with the other one's is another version.
        assert!(Offer::find(&list(&["d_22_a_1.usr.raw"]), "d_2", "d_1").is_err());
    }

    #[test]
    fn a_list_that_is_not_one_is_refused() {
        for text in ["x\n", "0f  d_2.efi\n"] {
            assert_eq!(sums(text).unwrap_err(), "line 1 of SHA256SUMS is not a sum and a name");
        }
        for name in ["../d", "a/b", ".hidden", ""] {
            assert!(sums(&list(&[name])).is_err(), "{name:?}");
        }
        assert!(sums(&list(&["a", "a"])).unwrap_err().ends_with("names a once more"));
    }
}
