//! A register of a later start, and how it differs from this boot's.

/// A register of a later start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Later {
    /// Its value when the initrd asks the TPM.
    pub value: Vec<u8>,
    /// What is measured that was not measured in this boot.
    pub with: Vec<String>,
    /// What was measured in this boot, and is not any more.
    pub without: Vec<String>,
}

impl Later {
    pub(super) fn same(value: Vec<u8>) -> Self {
        Self { value, with: Vec::new(), without: Vec::new() }
    }

    /// Says what is measured otherwise than in this boot.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let (with, without) = (self.with.join(", "), self.without.join(", "));
        match (with.is_empty(), without.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!("with {with}")),
            (true, false) => Some(format!("without {without}")),
            (false, false) => Some(format!("with {with}, and without {without}")),
        }
    }
}
