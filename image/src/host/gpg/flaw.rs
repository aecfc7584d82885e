//! Why a signature does not verify, by what gpg says in English.

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// The file is not the one that was signed, or the signature is damaged.
    Changed,
    /// The key that signed is not known.
    OtherKey,
}

/// What gpg says, and what it means.
const SAID: [(&str, Flaw); 5] = [
    ("Can't check signature: No public key", Flaw::OtherKey),
    ("BAD signature from ", Flaw::Changed),
    // The second file, or both, may be empty or something else.
    ("the signature could not be verified", Flaw::Changed),
    ("no valid OpenPGP data found", Flaw::Changed),
    ("verify signatures failed", Flaw::Changed),
];

impl Flaw {
    /// Returns what is wrong with the signature, if that is why gpg failed.
    pub(crate) fn of(error: &anyhow::Error) -> Option<Self> {
        let said = error.root_cause().to_string();
        SAID.iter().find(|(words, _)| said.contains(words)).map(|(_, flaw)| *flaw)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn damage_is_told_from_another_key() {
        let made = "gpg said: exit status: 1: gpg: Signature made Fri Nov 27; gpg: using EDDSA key 1C52; ";
        for (said, flaw) in [
            ("gpg: BAD signature from \"x\" [unknown]", Some(Flaw::Changed)),
            (
                "gpg: no valid OpenPGP data found.; gpg: the signature could not be verified.",
                Some(Flaw::Changed),
            ),
            (
                "gpg: [don't know]: invalid packet (ctb=67); gpg: no signature found; gpg: the signature could not be verified.",
                Some(Flaw::Changed),
            ),
            ("gpg: verify signatures failed: Unknown system error", Some(Flaw::Changed)),
            ("gpg: Can't check signature: No public key", Some(Flaw::OtherKey)),
            ("gpg: Fatal: h/trustdb.gpg: invalid trustdb", None),
        ] {
            let error = anyhow!("{made}{said}").context("verifying x");
            assert_eq!(Flaw::of(&error), flaw, "{said}");
        }
    }
}
