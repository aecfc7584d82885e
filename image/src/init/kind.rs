//! What a new image is for.

use clap::ValueEnum;

/// The kinds of images.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A console, and SSH
    Server,
    /// A screen with GNOME
    Desktop,
    /// One task, and nobody who logs in
    Appliance,
}

impl Kind {
    /// Returns the kind with its article.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Server => "a server",
            Self::Desktop => "a desktop",
            Self::Appliance => "an appliance",
        }
    }
}
