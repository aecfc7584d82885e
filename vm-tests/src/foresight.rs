//! What a machine predicts of its next start, to be compared with what comes.

use std::collections::BTreeMap;

use pattern::hex;
use pattern::tpm::measure::LEAVE_INITRD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Guest;

/// Of the kernel image. It goes on changing in the running system.
const PHASES: u8 = 11;
/// What is measured into it after the initrd asked the TPM, in this order. Not all of it may be there when a shell is.
const LATER: [&str; 3] = [LEAVE_INITRD, "sysinit", "ready"];
/// Extended when the volume is opened.
const IDENTITY: u8 = 15;

/// The answer of `pattern check-update --json`.
pub struct Foresight {
    /// All of it.
    pub answer: Value,
}

impl Foresight {
    /// Asks a machine.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn ask(guest: &mut Guest) -> Self {
        let said = guest.run("pattern check-update --json").text;
        let answer = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        Self { answer }
    }

    /// Returns the registers that are predicted, and why the others are not.
    ///
    /// # Panics
    /// When the answer has none.
    #[must_use]
    pub fn registers(&self) -> BTreeMap<u8, Result<Vec<u8>, String>> {
        let registers = self.answer["registers"].as_object().unwrap_or_else(|| panic!("{}", self.answer));
        let one = |(pcr, later): (&String, &Value)| {
            let value = later["value"].as_str().and_then(hex::decode);
            (pcr.parse().expect("a number"), value.ok_or_else(|| later["unclear"].to_string()))
        };
        registers.iter().map(one).collect()
    }

    /// Compares the prediction with the registers of the start that followed. Returns those that are as predicted, and a sentence for
    /// each that is not.
    pub fn compare(&self, guest: &mut Guest) -> (Vec<u8>, Vec<String>) {
        let (mut same, mut other) = (Vec::new(), Vec::new());
        let predicted = self.registers().into_iter().filter(|(pcr, _)| *pcr != IDENTITY);
        for (pcr, value) in predicted.filter_map(|(pcr, value)| Some((pcr, value.ok()?))) {
            let shown = guest.must(&format!("cat /sys/class/tpm/tpm0/pcr-sha256/{pcr}"));
            let is = |value: &[u8]| hex::decode(&shown).is_some_and(|shown| shown == value);
            let phases = if pcr == PHASES { LATER.len() } else { 0 };
            let after = |phases: usize| LATER.iter().take(phases).fold(value.clone(), extended);
            if (0..=phases).any(|phases| is(&after(phases))) {
                same.push(pcr);
            } else {
                other.push(format!("PCR {pcr} was predicted as {}, and is {shown}", hex::encode(&value)));
            }
        }
        (same, other)
    }
}

fn extended(value: Vec<u8>, phase: &&str) -> Vec<u8> {
    Sha256::digest([&value[..], &Sha256::digest(phase.as_bytes())].concat()).to_vec()
}
