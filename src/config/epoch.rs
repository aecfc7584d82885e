//! The epoch of an image: a machine that kept a version of one epoch no longer gives its volume to
//! lower ones.
//!
//! Each epoch has its own key that signs PCR 11. An image is signed with the key of its epoch and
//! with that of the epoch before, so it opens what the version before sealed. In the first boot
//! that is not a trial it writes the TPM's record of the volume again, and seals the volume's key
//! again, both for the key of its own epoch. An image of the epoch before has no signature by that
//! key.

/// The highest number. The lowest is 0.
pub const HIGHEST: u32 = i32::MAX as u32;

/// Returns the epoch before, among those that have a key. An image of this epoch is signed for it,
/// too.
#[must_use]
pub fn before(epoch: u32, keys: impl IntoIterator<Item = u32>) -> Option<u32> {
    keys.into_iter().filter(|key| *key < epoch).max()
}

/// Returns the name of the private key that signs PCR 11 for an epoch, in a folder of keys.
#[must_use]
pub fn private_key(epoch: u32) -> String {
    file(epoch, "private")
}

/// Returns the name of its public half.
#[must_use]
pub fn public_key(epoch: u32) -> String {
    file(epoch, "public")
}

fn file(epoch: u32, half: &str) -> String {
    if epoch == 0 { format!("pcr-{half}.pem") } else { format!("pcr-epoch-{epoch}-{half}.pem") }
}

/// Returns the epoch of a file that [`private_key`] names.
#[must_use]
pub fn of_private_key(name: &str) -> Option<u32> {
    let number = name.strip_prefix("pcr-epoch-").and_then(|rest| rest.strip_suffix("-private.pem"));
    let epoch = number.map_or(Some(0), |number| number.parse().ok())?;
    (epoch <= HIGHEST && private_key(epoch) == name).then_some(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_before_is_the_nearest_that_has_a_key() {
        assert_eq!(before(0, [0, 1]), None);
        assert_eq!(before(2, [0, 1, 2, 3]), Some(1));
        assert_eq!(before(7, [0, 2, 9]), Some(2));
        assert_eq!(before(7, []), None);
    }

    #[test]
    fn a_key_is_found_by_its_name_and_by_no_other() {
        for epoch in [0, 1, 12, HIGHEST] {
            assert_eq!(of_private_key(&private_key(epoch)), Some(epoch));
        }
        assert_eq!(
            (private_key(0), public_key(3)),
            ("pcr-private.pem".into(), "pcr-epoch-3-public.pem".into())
        );
        for other in
            ["pcr-epoch-0-private.pem", "pcr-epoch-01-private.pem", "pcr-debug-private.pem", "pcr-public.pem"]
        {
            assert_eq!(of_private_key(other), None, "{other}");
        }
    }
}
