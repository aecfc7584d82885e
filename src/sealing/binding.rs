//! Decides what the volume's key, and the TPM's record of the volume, are bound to.
//!
//! An image with `debug = false` is always bound to the state and the keys of Secure Boot (PCR 7):
//! with Secure Boot off, anyone can extend PCR 11 with the signed values. It is also bound to PCR
//! 12, so that nothing was added, and to PCR 15, so that nothing was opened yet in this boot.
//! `volume.pcrs` adds registers. It removes none of these.

use crate::config::Config;
use crate::token::{ADDED, Bank, Binding, Pcrs, PublicKey, SPENT, Tpm2Token};

/// The Secure Boot state, its keys, and the key that verified what was started (UAPI.7, "Linux TPM
/// PCR Registry").
const SECURE_BOOT: Pcrs = Pcrs::one(7);

/// Returns the binding of the volume's key. `image` is the key that signed PCR 11 of this image, if
/// it was signed.
#[must_use]
pub fn of_the_key(config: &Config, image: Option<&PublicKey>, bank: Bank) -> Binding {
    bound(config, image, bank, config.volume.pcrs)
}

/// Returns the binding of the TPM's records of the volume. It is the key's, with one exception: for
/// a signed image, the registers that `volume.pcrs` adds are left out. If they change, a person has
/// to enter a key, and the volume is still recognised.
#[must_use]
pub fn of_the_record(config: &Config, image: Option<&PublicKey>, bank: Bank) -> Binding {
    let more = if image.is_some() { None } else { config.volume.pcrs };
    bound(config, image, bank, more)
}

fn bound(config: &Config, image: Option<&PublicKey>, bank: Bank, more: Option<Pcrs>) -> Binding {
    let binding = Binding::new(bank, image.cloned(), more);
    if config.debug {
        return until_opened(binding);
    }
    Binding { untouched: Some(Pcrs::one(ADDED) | Pcrs::one(SPENT)), ..binding }.and_kept(SECURE_BOOT)
}

/// Returns the binding for an owner who accepts what was added to the kernel image in this boot:
/// PCR 12 with its present value.
#[must_use]
pub fn with_additions(binding: Binding) -> Binding {
    until_opened(binding).and_kept(Pcrs::one(ADDED))
}

/// Returns a binding for boots in which PCR 12 has this value. If something was added, and the binding forbids additions, that value
/// is bound in their place.
#[must_use]
pub fn where_added(binding: Binding, value: &[u8]) -> Binding {
    let forbids = binding.untouched.is_some_and(|pcrs| pcrs.iter().any(|pcr| pcr == ADDED));
    let is_added = value.iter().any(|byte| *byte != 0);
    if forbids && is_added { with_additions(binding) } else { binding }
}

/// Returns the binding of the key in versions before 0.2. A signed image was not bound to PCR 7,
/// and it was bound to PCR 12 only if `volume.pcrs` was not set.
#[must_use]
pub fn of_an_earlier_key(config: &Config, image: Option<&PublicKey>, bank: Bank) -> Binding {
    let kept = config.volume.pcrs;
    let binding = until_opened(Binding::new(bank, image.cloned(), kept));
    if kept.is_none() && !config.debug { binding.and_kept(Pcrs::one(ADDED)) } else { binding }
}

/// Returns the binding of the record in those versions.
#[must_use]
pub fn of_an_earlier_record(config: &Config, image: Option<&PublicKey>, bank: Bank) -> Binding {
    let kept = if image.is_some() { None } else { config.volume.pcrs };
    until_opened(Binding::new(bank, image.cloned(), kept))
}

/// Returns whether a token has the registers and the key of a binding, whatever the registers'
/// values.
#[must_use]
pub fn has(token: &Tpm2Token, binding: &Binding) -> bool {
    token.bank == binding.bank && token.signed == binding.signed && token.literal == binding.literal()
}

fn until_opened(binding: Binding) -> Binding {
    Binding { untouched: Some(Pcrs::one(SPENT)), ..binding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;
    use crate::token::samples;

    /// Returns whether PCR 11 is signed, and the registers that are bound to their present values
    /// and to zero.
    fn parts(binding: &Binding) -> (bool, String, String) {
        let text = |pcrs: Option<Pcrs>| pcrs.map(|pcrs| pcrs.to_string()).unwrap_or_default();
        (binding.signed.is_some(), text(binding.kept), text(binding.untouched))
    }

    fn expect(binding: &Binding, signed: bool, kept: &str, untouched: &str) {
        assert_eq!(parts(binding), (signed, kept.to_owned(), untouched.to_owned()));
    }

    #[test]
    fn an_image_for_use_always_has_7_12_and_15() {
        let key = PublicKey::parse(samples::PEM).unwrap();
        for (pcrs, kept) in
            [("", "7"), ("pcrs = [7]", "7"), ("pcrs = [0, 4]", "0+4+7"), ("pcrs = [12]", "7+12")]
        {
            for image in [None, Some(&key)] {
                let config = config(false, pcrs);
                let binding = of_the_key(&config, image, Bank::Sha256);
                expect(&binding, image.is_some(), kept, "12+15");
                let record = of_the_record(&config, image, Bank::Sha256);
                expect(&record, image.is_some(), if image.is_some() { "7" } else { kept }, "12+15");
            }
        }
    }

    #[test]
    fn an_image_for_debugging_is_bound_as_it_says() {
        let key = PublicKey::parse(samples::PEM).unwrap();
        let of = |pcrs, image| of_the_key(&config(true, pcrs), image, Bank::Sha256);
        expect(&of("", Some(&key)), true, "", "15");
        expect(&of("pcrs = [4]", Some(&key)), true, "4", "15");
        expect(&of("", None), false, "7", "15");
    }

    #[test]
    fn a_boot_with_additions_is_bound_to_them_where_none_would_be_allowed() {
        let key = PublicKey::parse(samples::PEM).unwrap();
        let of = |debug, value: &[u8]| {
            where_added(of_the_key(&config(debug, ""), Some(&key), Bank::Sha256), value)
        };
        expect(&of(false, &[0; 32]), true, "7", "12+15");
        expect(&of(false, &[1; 32]), true, "7+12", "15");
        expect(&of(true, &[1; 32]), true, "", "15");
    }

    #[test]
    fn a_token_of_an_earlier_version_is_recognised() {
        let key = PublicKey::parse(samples::PEM).unwrap();
        let config = config(false, "");
        let earlier = of_an_earlier_key(&config, Some(&key), Bank::Sha256);
        expect(&earlier, true, "12", "15");
        expect(&of_an_earlier_record(&config, Some(&key), Bank::Sha256), true, "", "15");
        let now = of_the_key(&config, Some(&key), Bank::Sha256);
        assert_ne!(earlier.literal(), now.literal());
    }
}
