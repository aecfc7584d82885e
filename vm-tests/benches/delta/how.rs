//! Ways to fetch an update.

use std::str::FromStr;

/// Which files of a release are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The packed blocks, and the whole kernel image.
    Blocks,
    /// The patch, and what it has no piece for.
    Patch,
}

impl How {
    pub const ALL: [Self; 2] = [Self::Blocks, Self::Patch];

    pub fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Patch => "patch",
        }
    }
}

impl FromStr for How {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|how| how.name() == name);
        found.ok_or_else(|| format!("{name} is neither blocks nor patch"))
    }
}
