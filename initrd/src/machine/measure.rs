//! What the initrd measures: its phases, the volume it opened, and at its end that no key is to be had any more.
//!
//! PCR 15 must be untouched for the volume's key to be unsealed. It is extended as soon as the volume is open, and by
//! `pattern-latch` in boots that open none: before the system starts, and before an emergency shell.

mod record;

use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::tpm::latch::Signs;
use pattern::tpm::measure::{ENTER_INITRD, IDENTITY, LEAVE_INITRD, Measurement, PHASES, said};

use crate::context::Context;
use crate::machine::registers::{self, banks};
use crate::machine::tpm::{self, Tcti, Tpm};
use record::Record;

/// Set by systemd-stub when it measured the kernel image (UAPI.5 "UKI", systemd-stub(7)).
const STUB: &str = "/sys/firmware/efi/efivars/StubPcrKernelImage-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// There when the firmware has a TPM 2.0 (TCG ACPI Specification, "TPM2 Table").
const TABLE: &str = "/sys/firmware/acpi/tables/TPM2";

/// Makes sure that nothing after this gets the volume's key in this boot; returns what was done, in words. It needs no
/// configuration: a boot may end in an emergency because there is none.
///
/// # Errors
/// When there is a TPM, and it can't be told.
pub(crate) fn lock() -> Result<String> {
    if !is_reachable()? {
        return Ok("nothing to lock".to_owned());
    }
    enter()?;
    let mut tpm = Tpm::connect(&Tcti::default())?;
    let mut done = Vec::new();
    if is_untouched(IDENTITY)? {
        extend(&mut tpm, &Measurement::no_volume(&banks()?))?;
        done.push("locked the volume's key");
    }
    if phase(&mut tpm, LEAVE_INITRD)? {
        done.push("ended the initrd's phase");
    }
    Ok(if done.is_empty() { "all is locked".to_owned() } else { done.join(", ") })
}

/// Measures that the initrd has begun, unless systemd did. Without a TPM there is nothing to do. It comes before any key is
/// asked for: nobody types one in a boot that can't go on.
///
/// # Errors
/// When the TPM fails, or can't be reached.
pub(crate) fn enter() -> Result<()> {
    if is_reachable()? {
        phase(&mut Tpm::connect(&Tcti::default())?, ENTER_INITRD)?;
    }
    Ok(())
}

/// Measures the volume that is about to be opened: from here on the TPM gives its key to nobody in this boot.
///
/// # Errors
/// When the TPM fails.
pub(crate) fn volume(name: &str, uuid: &str, key: &[u8]) -> Result<()> {
    if !has_tpm() {
        return Ok(());
    }
    let mut tpm = Tpm::connect(&Tcti::default())?;
    extend(&mut tpm, &Measurement::volume(name, uuid, key, &banks()?))
}

/// Whether there is a TPM to lock. An image with `debug = true` goes on without one that the kernel does not show: root is
/// logged in there anyway.
fn is_reachable() -> Result<bool> {
    let there = |path: &str| Path::new(path).exists();
    let signs = Signs { device: has_tpm(), measured: there(STUB), listed: there(TABLE) };
    signs.tpm().or_else(|hidden| {
        // What can't be read allows nothing.
        let debug = Context::gather(Path::new("/")).is_ok_and(|context| context.config.debug);
        if !debug {
            return Err(hidden.into());
        }
        log::warn!("{hidden}; this image has debug = true and goes on");
        Ok(false)
    })
}

/// Whether there is a TPM to talk to: one in failure mode, or with half an update, has no such device.
pub(crate) fn has_tpm() -> bool {
    Path::new(tpm::DEVICE).exists()
}

/// Measures a phase once; answers whether this was the time. Registers that nobody has begun tell nothing, so without a
/// measured kernel there are no phases.
fn phase(tpm: &mut Tpm, word: &str) -> Result<bool> {
    if !Path::new(STUB).exists() || said(&record::read()?, PHASES, word) {
        return Ok(false);
    }
    extend(tpm, &Measurement::phase(word, &banks()?))?;
    Ok(true)
}

/// The log is held before the register is extended: nobody comes between the two.
fn extend(tpm: &mut Tpm, measurement: &Measurement) -> Result<()> {
    let record = Record::open();
    tpm.extend(measurement).with_context(|| {
        let text = &measurement.text;
        format!("measuring {text:?}; a TPM that is broken can be turned off in the firmware's setup, and the recovery key entered")
    })?;
    // As with systemd, the log is for those who want to know; the register is what counts.
    if let Err(error) = record.and_then(|record| record.write(measurement)) {
        log::warn!("recording what was measured: {error:#}");
    }
    Ok(())
}

/// Whether a bank has a PCR that nothing was measured into.
fn is_untouched(pcr: u8) -> Result<bool> {
    for bank in banks()? {
        if registers::is_zero(bank, pcr)? {
            return Ok(true);
        }
    }
    Ok(false)
}
