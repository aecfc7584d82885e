//! Extends the TPM's PCRs: with the initrd's phases, with the volume that is opened, and at the end
//! of the initrd, so that nobody gets the key any more.
//!
//! The TPM unseals the volume's key only while PCR 15 is untouched. PCR 15 is extended as soon as
//! the volume's key is known. In boots that open no volume, `pattern-latch` extends it before the
//! system or an emergency shell starts.

mod record;

use anyhow::{Context as _, Result};
use pattern::tpm::measure::{ENTER_INITRD, IDENTITY, LEAVE_INITRD, Measurement, PHASES, said};
use pattern_machine::registers::{self, banks};
use pattern_machine::tpm_device;

use crate::tpm::Tcti;
use record::Record;

/// Makes sure that nobody gets the volume's key any more in this boot. Returns what was done, in
/// words. `debug` is the image's option.
///
/// # Errors
/// When there is a TPM, and it can't be extended.
pub(crate) fn lock(tcti: &Tcti, debug: bool) -> Result<String> {
    if !is_reachable(debug)? {
        return Ok("nothing to lock".to_owned());
    }
    phase(tcti, ENTER_INITRD)?;
    let mut done = Vec::new();
    if is_untouched(IDENTITY)? {
        extend(tcti, &Measurement::no_volume(&banks()?))?;
        done.push("locked the volume's key");
    }
    if phase(tcti, LEAVE_INITRD)? {
        done.push("ended the initrd's phase");
    }
    Ok(if done.is_empty() { "all is locked".to_owned() } else { done.join(", ") })
}

/// Measures that the initrd has begun, unless systemd did. Does nothing without a TPM. It runs
/// before any key is asked for, so that nobody types a key in a boot that can't go on.
///
/// # Errors
/// When the TPM fails, or can't be reached.
pub(crate) fn enter(tcti: &Tcti, debug: bool) -> Result<()> {
    if is_reachable(debug)? {
        phase(tcti, ENTER_INITRD)?;
    }
    Ok(())
}

/// Measures the volume that is about to be opened. From here on the TPM gives nobody its key in
/// this boot.
///
/// # Errors
/// When the TPM fails.
pub(crate) fn volume(tcti: &Tcti, name: &str, uuid: &str, key: &[u8]) -> Result<()> {
    if !tpm_device::exists() {
        return Ok(());
    }
    extend(tcti, &Measurement::volume(name, uuid, key, &banks()?))
}

/// Returns whether there is a TPM to lock. If the kernel does not show the machine's TPM, this
/// fails. An image with `debug = true` goes on then, because root is logged in there anyway.
fn is_reachable(debug: bool) -> Result<bool> {
    tpm_device::signs().tpm().or_else(|hidden| {
        if !debug {
            return Err(hidden.into());
        }
        log::warn!("{hidden}; this image has debug = true and goes on");
        Ok(false)
    })
}

/// Measures a phase once. Returns whether it did so now. Without a measured kernel there are no
/// phases, because PCR 11 then says nothing about the image.
fn phase(tcti: &Tcti, word: &str) -> Result<bool> {
    // systemd may have measured the phase. A second extension would lead to a value that nobody
    // signed.
    if !tpm_device::was_measured() || said(&record::read()?, PHASES, word) {
        return Ok(false);
    }
    extend(tcti, &Measurement::phase(word, &banks()?))?;
    Ok(true)
}

/// Extends a register and records it. The record is locked before, so that no other program comes
/// between the two.
fn extend(tcti: &Tcti, measurement: &Measurement) -> Result<()> {
    let record = Record::open();
    let extended = tcti.ask(|tpm| tpm.extend(measurement));
    extended.with_context(|| format!("measuring {:?}", measurement.text))?;
    // As with systemd, the record is for information. The register is what counts.
    if let Err(error) = record.and_then(|record| record.write(measurement)) {
        log::warn!("recording what was measured: {error:#}");
    }
    Ok(())
}

/// Returns whether a PCR is untouched in any bank.
fn is_untouched(pcr: u8) -> Result<bool> {
    for bank in banks()? {
        if registers::is_zero(bank, pcr)? {
            return Ok(true);
        }
    }
    Ok(false)
}
