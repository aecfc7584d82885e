//! Which version a kept `/var` was brought to. Its paths change one after the other, so a power cut can leave it
//! between versions.

use super::super::mark::{Mark, Unknown};

/// The versions that paths of `/var` are of. One, unless it is on its way: then the first is where it began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks(Vec<Mark>);

/// Each was cut by another one. More are a sign of damage.
const MOST: usize = 8;

impl Marks {
    /// Takes that of a `/var` that is of one version.
    #[must_use]
    pub fn at(mark: Mark) -> Self {
        Self(vec![mark])
    }

    /// Reads what [`bytes`](Self::bytes) wrote, and nothing else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let marks: Option<Vec<Mark>> = bytes.split(|byte| *byte == b'\n').map(Mark::parse).collect();
        marks.filter(|marks| marks.len() <= MOST).map(Self)
    }

    /// Returns what the extended attribute has.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().map(Mark::bytes).collect::<Vec<_>>().join(&b'\n')
    }

    /// Returns the versions, the one where it began first.
    pub fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.0.iter()
    }

    /// Adds the version that it is on its way to.
    #[must_use]
    pub fn towards(mut self, running: &Mark) -> Self {
        if !self.0.iter().any(|mark| mark.id() == running.id()) {
            self.0.push(running.clone());
        }
        self
    }

    /// Returns where it began, in words.
    #[must_use]
    pub fn began(&self) -> String {
        self.0.first().map(Mark::to_string).unwrap_or_default()
    }

    fn is_at(&self, running: &Mark) -> bool {
        matches!(&*self.0, [only] if only.id() == running.id())
    }
}

/// What a kept `/var` is to be compared with before it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Before {
    /// With nothing: it was brought to the running version before.
    Nothing,
    /// With the running version itself, which it was filled from in this boot.
    Running,
    /// The image's own that it came from is not known.
    Unknown(Unknown),
    /// With what is kept of these versions.
    Kept(Marks),
}

/// Decides by the mark that was found. `is_new`: whether `/var` was made in this boot.
#[must_use]
pub fn before(found: Option<&[u8]>, running: &Mark, is_new: bool) -> Before {
    match (found.map(Marks::parse), is_new) {
        (None, true) => Before::Running,
        (None, false) => Before::Unknown(Unknown::Unmarked),
        (Some(None), _) => Before::Unknown(Unknown::Misread),
        (Some(Some(marks)), _) if marks.is_at(running) => Before::Nothing,
        (Some(Some(marks)), _) => Before::Kept(marks),
    }
}
