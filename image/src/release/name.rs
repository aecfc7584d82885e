//! Parses the names of a release's files: `ID_VERSION.raw`, `ID_VERSION_UUID_BYTES.usr.raw.xz`, and
//! so on.

use pattern::delta::{index, patch};
use pattern::update::release::Part;

use super::compression::Compression;

/// The end of the name of the list of what an image is made of: SPDX, as JSON.
pub(crate) const SBOM: &str = ".spdx.json";

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The whole disk.
    Image,
    /// The unified kernel image. It is not compressed, because firmware starts it directly.
    Uki,
    /// A partition.
    Part(Part),
    /// The list of what the image is made of. Machines don't read it.
    Sbom,
    /// What machines fetch parts of, and its index: the end of its name.
    Delta(&'static str),
}

/// The ends of the names of what machines fetch parts of. An index comes before the end that it has in common.
const DELTAS: [&str; 4] = [index::BLOCKS, index::INDEX, patch::INDEX, patch::PATCH];

impl Kind {
    /// What each version has.
    pub(super) const NEEDED: [Self; 4] =
        [Self::Image, Self::Uki, Self::Part(Part::Usr), Self::Part(Part::Verity)];

    /// All kinds. Partitions come first, because their names also end like an image's.
    fn all() -> impl Iterator<Item = Self> {
        Self::NEEDED.into_iter().rev().chain([Self::Sbom]).chain(DELTAS.map(Self::Delta))
    }

    /// Returns whether files are compressed. Firmware starts a UKI directly, and people read a list.
    pub(super) fn is_packed(self) -> bool {
        matches!(self, Self::Image | Self::Part(_))
    }

    /// Returns the end of the file name before compression.
    pub(super) fn suffix(self) -> String {
        match self {
            Self::Image => ".raw".to_owned(),
            Self::Uki => ".efi".to_owned(),
            Self::Part(part) => format!(".{}.raw", part.name()),
            Self::Sbom => SBOM.to_owned(),
            Self::Delta(end) => end.to_owned(),
        }
    }
}

/// A parsed file name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name<'a> {
    /// `ID_VERSION`
    pub(crate) base: &'a str,
    pub(crate) kind: Kind,
    pub(crate) compression: Compression,
}

impl Name<'_> {
    /// Returns whether `pattern build` writes such a file. Everything else is made for a release.
    pub(crate) fn is_built(&self) -> bool {
        self.compression == Compression::None && !matches!(self.kind, Kind::Delta(_))
    }
}

/// Parses a name. Returns `None` if it is not a name in a release.
pub(crate) fn parse(name: &str) -> Option<Name<'_>> {
    let compression = Compression::of(name);
    let name = name.strip_suffix(compression.suffix())?;
    // Partitions come first, because their names also end like an image's.
    let (base, kind) = Kind::all().find_map(|kind| Some((base(name, kind)?, kind)))?;
    // What is packed piece by piece is not packed once more.
    if matches!(kind, Kind::Delta(_)) && compression != Compression::None {
        return None;
    }
    Some(Name { base, kind, compression })
}

/// Returns `ID_VERSION`, if this is the name of such a file. IDs, versions and UUIDs have no '_'.
fn base(name: &str, kind: Kind) -> Option<&str> {
    let stem = name.strip_suffix(&kind.suffix())?;
    let base = match kind {
        Kind::Image | Kind::Uki | Kind::Sbom | Kind::Delta(index::BLOCKS | index::INDEX) => stem,
        Kind::Delta(_) => stem.rsplit_once('_').filter(|(_, old)| !old.is_empty())?.0,
        Kind::Part(part) => {
            let _size = part.bytes(name)?;
            let (rest, _bytes) = stem.rsplit_once('_')?;
            let (base, uuid) = rest.rsplit_once('_')?;
            (!uuid.is_empty()).then_some(base)?
        }
    };
    let (id, version) = base.split_once('_')?;
    (!id.is_empty() && !version.is_empty() && !version.contains('_')).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let (usr, verity) = (Kind::Part(Part::Usr), Kind::Part(Part::Verity));
        let cases = [
            ("demo_0.0.1.raw", "demo_0.0.1", Kind::Image, Compression::None),
            ("demo_0.0.1.raw.xz", "demo_0.0.1", Kind::Image, Compression::Xz),
            ("demo_0.0.1.efi", "demo_0.0.1", Kind::Uki, Compression::None),
            ("demo_0.0.1.spdx.json", "demo_0.0.1", Kind::Sbom, Compression::None),
            ("demo_0.0.1_06ab_9.usr.raw.gz", "demo_0.0.1", usr, Compression::Gz),
            ("demo_0.0.1_06ab_9.verity.raw", "demo_0.0.1", verity, Compression::None),
            ("demo_0.0.1.usr.blocks", "demo_0.0.1", Kind::Delta(".usr.blocks"), Compression::None),
            ("demo_0.0.1.usr.index", "demo_0.0.1", Kind::Delta(".usr.index"), Compression::None),
            ("demo_0.0.2_0.0.1.patch", "demo_0.0.2", Kind::Delta(".patch"), Compression::None),
            ("demo_0.0.2_0.0.1.patch.index", "demo_0.0.2", Kind::Delta(".patch.index"), Compression::None),
            ("a.b_1.usr.raw", "a.b_1.usr", Kind::Image, Compression::None),
        ];
        for (name, base, kind, compression) in cases {
            assert_eq!(parse(name), Some(Name { base, kind, compression }), "{name}");
        }
        assert_eq!(parse(&Part::Usr.file_name("x_1", "0f3b-22", 4096)).unwrap().base, "x_1");
    }

    #[test]
    fn other_names_are_nothing() {
        let others =
            ["", "SHA256SUMS", "demo.raw", "_1.raw", "demo_.efi", "a_b_c.raw", "a_1.raw.zst", "a_1.iso"];
        let parts = ["a_1_06ab.usr.raw", "a_1_06ab_x.usr.raw", "a_1__9.usr.raw", "a_1_b_06ab_9.usr.raw"];
        let deltas = ["a_1.usr.blocks.xz", "a_1.patch", "a_1_.patch", "a_1_2_3.patch", "a.usr.index"];
        for name in others.into_iter().chain(parts).chain(deltas) {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
