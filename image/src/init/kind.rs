//! What a new image is for.

/// The kinds of images.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A machine with a console and SSH.
    Server,
    /// A machine with a screen.
    Desktop,
    /// A machine with one task, which nobody logs in to.
    Appliance,
}

impl Kind {
    /// All kinds. The first one is the default.
    pub const ALL: [Self; 3] = [Self::Server, Self::Desktop, Self::Appliance];

    /// Returns the name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Desktop => "desktop",
            Self::Appliance => "appliance",
        }
    }

    /// Parses a name.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("must be server, desktop or appliance, not {text:?}"))
    }

    /// Returns the kind with its article.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Server => "a server",
            Self::Desktop => "a desktop",
            Self::Appliance => "an appliance",
        }
    }
}
