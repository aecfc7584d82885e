//! What a person can open a volume with, so that nobody is asked for what does not exist.

use std::fmt;

use super::OtherSlot;

/// Types of tokens whose key slots only a device or a server opens, and what it is. The key of any
/// other slot may be one that a person can type.
const DEVICES: [(&str, &str); 3] = [
    ("systemd-fido2", "a FIDO2 security key"),
    ("systemd-pkcs11", "a smart card"),
    ("clevis", "what clevis asks"),
];

/// The ways to open a volume without its TPM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    recovery: bool,
    passphrase: bool,
    /// Key slots that only a device opens, in words.
    devices: Vec<String>,
}

impl Entry {
    /// Sorts the key slots that are not the TPM's.
    pub(crate) fn new<'a>(recovery: bool, others: impl Iterator<Item = &'a OtherSlot>) -> Self {
        let mut entry = Self { recovery, passphrase: false, devices: Vec::new() };
        for slot in others {
            match DEVICES.iter().find(|(kind, _)| slot.tokens.iter().any(|token| token == kind)) {
                Some((_, device)) => entry.devices.push(format!("keyslot {} needs {device}", slot.keyslot)),
                None => entry.passphrase = true,
            }
        }
        entry
    }

    /// Returns what to ask a person for, or `None` if nothing that can be typed opens the volume.
    #[must_use]
    pub fn asked(&self) -> Option<&'static str> {
        match (self.recovery, self.passphrase) {
            (true, true) => Some("Recovery key or passphrase"),
            (true, false) => Some("Recovery key"),
            (false, true) => Some("Passphrase"),
            (false, false) => None,
        }
    }
}

/// Says why nobody is asked.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has no recovery key and no passphrase, so nobody is asked")?;
        if !self.devices.is_empty() {
            write!(f, " ({}, which the boot does not support)", self.devices.join("; "))?;
        }
        f.write_str(
            "; nothing was changed. Undo what changed, such as firmware settings, and restart. If the TPM was cleared, \
             nothing opens the volume any more",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(recovery: bool, slots: &[&[&str]]) -> Entry {
        let slots = (0..).zip(slots).map(|(keyslot, tokens)| OtherSlot {
            keyslot,
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
        });
        Entry::new(recovery, slots.collect::<Vec<_>>().iter())
    }

    #[test]
    fn people_are_asked_for_what_exists() {
        assert_eq!(entry(true, &[]).asked(), Some("Recovery key"));
        assert_eq!(entry(true, &[&[]]).asked(), Some("Recovery key or passphrase"));
        assert_eq!(entry(false, &[&[]]).asked(), Some("Passphrase"));
        // A passphrase may have a note, such as that of the kernel's keyring.
        assert_eq!(entry(false, &[&["luks2-keyring"]]).asked(), Some("Passphrase"));
        assert_eq!(entry(true, &[&["systemd-fido2"]]).asked(), Some("Recovery key"));
        for device in ["systemd-fido2", "systemd-pkcs11", "clevis"] {
            assert_eq!(entry(false, &[&[device]]).asked(), None);
        }
        assert_eq!(entry(false, &[]).asked(), None);
    }

    #[test]
    fn where_nobody_is_asked_the_devices_are_named() {
        let none = entry(false, &[]).to_string();
        assert!(
            none.starts_with("it has no recovery key and no passphrase, so nobody is asked; nothing was"),
            "{none}"
        );
        let devices = entry(false, &[&["systemd-fido2"], &["clevis"]]).to_string();
        let words = "nobody is asked (keyslot 0 needs a FIDO2 security key; keyslot 1 needs what clevis asks, which the boot \
                     does not support); nothing was changed";
        assert!(devices.contains(words), "{devices}");
    }
}
