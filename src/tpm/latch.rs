//! Decides by the signs of kernel and firmware whether there is a TPM to lock.

use std::fmt;

/// What is visible of a TPM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signs {
    /// The kernel has a device for it.
    pub device: bool,
    /// systemd-stub measured the kernel image into it.
    pub measured: bool,
    /// The firmware lists it in the ACPI table `TPM2`.
    pub listed: bool,
}

/// The firmware has a TPM that the kernel does not show. A driver may bind it later, and it would
/// then be unlocked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hidden {
    measured: bool,
}

impl Signs {
    /// Returns whether there is a TPM to lock.
    ///
    /// # Errors
    /// When there is one that can't be reached.
    pub fn tpm(self) -> Result<bool, Hidden> {
        let Self { device, measured, listed } = self;
        if !device && (measured || listed) { Err(Hidden { measured }) } else { Ok(device) }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.measured {
            "the boot loader measured the kernel into a TPM"
        } else {
            "the firmware lists a TPM (ACPI table TPM2)"
        };
        write!(
            f,
            "{sign}, but the kernel has no device for it (/dev/tpmrm0): the volume's key can't be locked, and the running system \
             could ask for it; restart, and if that does not help, turn the TPM off in the firmware's setup, restart and enter \
             the recovery key"
        )
    }
}

impl std::error::Error for Hidden {}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(device: bool, measured: bool, listed: bool) -> Signs {
        Signs { device, measured, listed }
    }

    #[test]
    fn a_tpm_that_the_kernel_shows_is_locked() {
        for (measured, listed) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(signs(true, measured, listed).tpm(), Ok(true));
        }
    }

    #[test]
    fn a_machine_without_any_sign_of_one_has_nothing_to_lock() {
        assert_eq!(signs(false, false, false).tpm(), Ok(false));
    }

    #[test]
    fn a_tpm_that_only_the_firmware_shows_is_an_error_with_the_way_out() {
        for (measured, listed, sign) in [
            (true, false, "the boot loader measured the kernel into a TPM, but"),
            (true, true, "the boot loader measured the kernel into a TPM, but"),
            (false, true, "the firmware lists a TPM (ACPI table TPM2), but"),
        ] {
            let words = signs(false, measured, listed).tpm().unwrap_err().to_string();
            assert!(words.starts_with(sign), "{words}");
            assert!(
                words.ends_with(
                    "turn the TPM off in the firmware's setup, restart and enter the recovery key"
                ),
                "{words}"
            );
        }
    }
}
