use super::*;

const KEY: [u8; 64] = [7; 64];

fn read_back(tokens: &[&str]) -> Said {
    let tokens: Vec<Value> = tokens.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    said(tokens.iter(), &KEY, "uuid")
}

#[test]
fn a_generation_is_believed_to_the_volumes_key_alone() {
    let right = token(&KEY, "uuid", 17);
    assert_eq!(read_back(&[r#"{"type":"systemd-recovery","keyslots":["0"]}"#, &right]), Said::Generation(17));
    assert_eq!(read_back(&[r#"{"type":"systemd-recovery","keyslots":["0"]}"#, "{}"]), Said::Nothing);
    for forged in [
        &token(&[8; 64], "uuid", 17),
        &token(&KEY, "other", 17),
        &right.replace("17", "18"),
        &right.replace("\"17\"", "17"),
        &right.replace("\"17\"", "\"-17\""),
        &right.replace("mac", "mack"),
        r#"{"type":"pattern-generation","keyslots":[],"generation":"17","mac":""}"#,
        r#"{"type":"pattern-generation"}"#,
    ] {
        assert_eq!(read_back(&[forged]), Said::Forged, "{forged}");
    }
    assert_eq!(read_back(&[&right, &right]), Said::Forged);
}

#[test]
fn an_old_copy_is_refused_with_both_numbers() {
    let refusal = |said, count| steps(said, count).unwrap_err().to_string();
    let old = "its header says generation 5, and the TPM has counted to 9";
    assert_eq!(refusal(Said::Generation(5), 9), old);
    let before = "its header says nothing of its generation, and the TPM has counted to 9";
    assert_eq!(refusal(Said::Nothing, 9), before);
    let forged =
        "what its header says of its generation was not written with its key, and the TPM has counted to 9";
    assert_eq!(refusal(Said::Forged, 9), forged);
    for said in [8, 11, 0, u64::MAX] {
        assert!(steps(Said::Generation(said), 9).is_err(), "{said}");
    }
    // No overflow ends a boot.
    assert!(steps(Said::Generation(u64::MAX), u64::MAX).is_err());
    assert!(steps(Said::Generation(u64::MAX), u64::MAX - 1).is_err());
}

/// A disk and a TPM. Each step changes one of them.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Machine {
    generation: u64,
    count: u64,
}

impl Machine {
    /// Boots once, and is cut after this many steps. Returns whether it was cut.
    fn boot(&mut self, left: usize) -> Result<bool, Old> {
        let steps = steps(Said::Generation(self.generation), self.count)?;
        for step in steps.iter().take(left) {
            match step {
                Step::Count => self.count += 1,
                Step::Write(generation) => self.generation = *generation,
            }
        }
        Ok(left < steps.len())
    }
}

/// Every sequence of power cuts in four boots. Each boot opens the newest copy. No disk from before
/// a complete boot opens after that boot, whatever was cut before or since.
#[test]
fn no_power_cut_locks_out_and_none_lets_an_old_copy_in() {
    let mut tried = 0;
    for cuts in 0..4_usize.pow(4) {
        let mut machine = Machine { generation: 5, count: 5 };
        let mut disks = Vec::new();
        for boot in 0..4 {
            // A copy of the disk can be made at any time.
            disks.push(machine.generation);
            let cut = machine.boot(cuts / 4_usize.pow(boot) % 4).unwrap();
            let whole = if cut { 0 } else { disks.len() };
            for old in &disks[..whole] {
                let replayed = Machine { generation: *old, ..machine };
                assert!(replayed.clone().boot(0).is_err(), "{cuts}: {replayed:?}");
                tried += 1;
            }
        }
        assert_eq!(machine.boot(9), Ok(false), "{cuts}");
        assert_eq!(machine.generation, machine.count);
    }
    assert!(tried > 500, "{tried}");
}
