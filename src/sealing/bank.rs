//! Decides whether a bank of PCRs says anything about this boot. Some firmware leaves a bank turned
//! on, and measures nothing in it.

use crate::token::{Bank, Pcrs};
use crate::tpm::measure::{ENTER_INITRD, PHASES, alone};

/// The firmware measures into it in every boot, at least a separator (TCG PC Client Platform Firmware
/// Profile, "Measuring Boot Events").
const SECURE_BOOT: u8 = 7;

/// Returns whether these values show a bank in which nothing was measured before the initrd: PCR 7
/// is untouched, or PCR 11 has only what the initrd measured. Values are in the order of
/// [`Pcrs::iter`].
#[must_use]
pub fn is_dead(bank: Bank, pcrs: Pcrs, values: &[Vec<u8>]) -> bool {
    pcrs.iter().zip(values).any(|(pcr, value)| match pcr {
        SECURE_BOOT => *value == bank.zeros(),
        PHASES => *value == alone(ENTER_INITRD, bank),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(bank: Bank, pcr: u8, value: Vec<u8>) -> bool {
        is_dead(bank, Pcrs::one(pcr), &[value])
    }

    #[test]
    fn a_bank_that_only_the_initrd_uses_is_dead() {
        for bank in [Bank::Sha256, Bank::Sha384] {
            let measured = vec![6; bank.zeros().len()];
            assert!(dead(bank, 7, bank.zeros()));
            assert!(dead(bank, 11, alone(ENTER_INITRD, bank)));
            assert!(!dead(bank, 7, measured.clone()) && !dead(bank, 11, measured));
        }
        assert!(!dead(Bank::Sha256, 11, alone(ENTER_INITRD, Bank::Sha384)));
    }

    #[test]
    fn other_registers_may_be_untouched() {
        let pcrs = Pcrs::new([4, 7, 12]).unwrap();
        let zeros = Bank::Sha256.zeros();
        assert!(!is_dead(Bank::Sha256, pcrs, &[zeros.clone(), vec![6; 32], zeros.clone()]));
        assert!(is_dead(Bank::Sha256, pcrs, &[vec![6; 32], zeros, vec![6; 32]]));
        assert!(!is_dead(Bank::Sha256, pcrs, &[]));
    }
}
