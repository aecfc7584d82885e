//! A TPM that stops answering in the middle.

use super::*;

/// As after a power cut, except that the program knows. Also where the TPM did what it was told, and
/// only the answer is lost.
#[test]
fn an_answer_that_is_lost_anywhere_leaves_a_key_that_opens() {
    let mut machine = Machine::new("lost-answer", true);
    for number in 0.. {
        let ((tcti, heard), config) = (machine.swtpm.losing(number), config(true));
        let sealer = Sealer { means: means(&config, &tcti), pin: None };
        let volume = Candidate { device: &machine.device, uuid: &machine.uuid, key: &machine.key };
        let replaced = sealer.replace(&volume, true, |binding| binding, |_| true);
        drop(tcti);
        machine.swtpm.restart();
        machine.swtpm.extend(7);
        machine.boot();
        assert_eq!(machine.tokens().len(), 1, "command {number}");
        if heard.lock().unwrap().codes.len() <= number {
            return replaced.map(drop).unwrap();
        }
        if let Err(error) = replaced {
            assert!(
                format!("{error:#}").contains("the TPM does not answer ("),
                "command {number}: {error:#}"
            );
        }
    }
}
