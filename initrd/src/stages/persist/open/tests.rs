use std::cell::RefCell;

use pattern::token::{Bank, Binding, Pcrs};
use pattern_machine::random;

use super::*;
use crate::stages::persist::open::token::with_pin;
use crate::tpm::TpmError;
use crate::volume::luks::Draft;
use crate::volume::luks::tests::machine;
use crate::volume::place::recognised;
use crate::volume::samples::{config, means};

/// Returns the result and the questions, for these answers. Only `1234` is right.
fn entered(answers: &[&str]) -> (Result<(u32, Zeroizing<String>)>, Vec<String>) {
    entered_instead_of(Some("Recovery key"), answers)
}

fn entered_instead_of(
    other: Option<&'static str>,
    answers: &[&str],
) -> (Result<(u32, Zeroizing<String>)>, Vec<String>) {
    let questions = RefCell::new(Vec::new());
    let ask = |question: &str| {
        questions.borrow_mut().push(question.to_owned());
        Ok(Zeroizing::new(answers[questions.borrow().len() - 1].to_owned()))
    };
    let secret = with_pin((Path::new("/dev/vda3"), other), ask, |pin| match pin {
        "1234" => Ok(7),
        "!@#456" => Ok(8),
        "locked" => Err(TpmError::Lockout),
        _ => Err(TpmError::WrongPin(Some(3))),
    });
    (secret, questions.into_inner())
}

#[test]
fn a_wrong_pin_is_asked_for_again() {
    let (secret, questions) = entered(&["12", "1234"]);
    assert_eq!(secret.unwrap().0, 7);
    assert_eq!(questions[0], "PIN for /dev/vda3 (empty for the recovery key):");
    assert!(questions[1].starts_with("the PIN is wrong; after 3 more wrong ones"), "{questions:?}");
}

/// The initrd's console has the layout of the United States.
#[test]
fn digits_with_shift_are_the_pin_and_so_is_what_was_chosen_before() {
    let (french, _) = entered(&["!@#$"]);
    let (value, pin) = french.unwrap();
    assert_eq!((value, pin.as_str()), (7, "1234"));
    let (older, questions) = entered(&["!@#456"]);
    let (value, pin) = older.unwrap();
    assert_eq!((value, pin.as_str(), questions.len()), (8, "!@#456", 1));
}

#[test]
fn nobody_is_sent_to_a_key_that_does_not_exist() {
    let (_, questions) = entered_instead_of(None, &["1234"]);
    assert_eq!(questions, ["PIN for /dev/vda3:"]);
    let (_, questions) = entered_instead_of(Some("Passphrase"), &["1234"]);
    assert_eq!(questions, ["PIN for /dev/vda3 (empty for the passphrase):"]);
}

#[test]
fn several_tpm_slots_are_tried_in_turn() {
    let (other, _) = machine("open-other");
    let (swtpm, device) = machine("open-in-turn");
    let mut draft = Draft::new(&device, 32 << 20, random::uuid().unwrap()).unwrap();
    let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
    let changed = Binding::new(Bank::Sha256, None, Pcrs::new([8]).ok());
    swtpm.extend(8);
    // A token of another TPM, one of a register that changes, a good one, and one that is no longer
    // needed.
    for (slot, (swtpm, binding)) in
        [(&other, &binding), (&swtpm, &changed), (&swtpm, &binding), (&swtpm, &binding)].iter().enumerate()
    {
        let (secret, slot) = ([slot as u8; 32], slot as u32);
        let token = swtpm.connect().seal(&secret, binding, None, slot).unwrap();
        draft.add_sealed(&token, &secret).unwrap();
    }
    draft.write(&device).unwrap();
    let mut volume = Volume::load(&device).unwrap();
    swtpm.extend(8);
    let (_, mut locks) = recognised(&device).unwrap();
    let config = config(false);
    let tcti = swtpm.tcti();
    let means = means(&config, &tcti);
    let (given, reasons) = by_any_token(&mut volume, (&device, None), &locks, &means);
    let by_slot = volume.unlock_sealed(&locks.tokens[2], &[2; 32]).unwrap();
    let given = given.unwrap();
    let By::Token(token) = given.by else { panic!("not by a token") };
    assert_eq!((given.key.as_bytes(), token.keyslot), (by_slot.as_bytes(), 2));
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].starts_with("the TPM was cleared"), "{reasons:?}");
    assert!(reasons[1].starts_with("PCR 8 (sha256) changed"), "{reasons:?}");
    locks.tokens.truncate(2);
    assert!(by_any_token(&mut volume, (&device, None), &locks, &means).0.is_none());
}

#[test]
fn without_a_right_pin_the_recovery_key_is_left() {
    assert_eq!(entered(&["12", ""]).0.unwrap_err().to_string(), "no PIN was entered");
    assert!(entered(&["locked"]).0.unwrap_err().to_string().starts_with("the TPM is locked out"));
}

/// A machine that nobody watches tries again after a fault of its TPM. For every other reason
/// somebody has to come.
#[test]
fn after_a_fault_of_the_tpm_the_question_ends() {
    let (swtpm, device) = machine("open-fault");
    let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
    let token = swtpm.connect().seal(&[1; 32], &binding, None, 0).unwrap();
    let mut draft = Draft::new(&device, 32 << 20, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&token, &[1; 32]).unwrap();
    draft.write(&device).unwrap();
    let mut volume = Volume::load(&device).unwrap();
    let (header, locks) = recognised(&device).unwrap();
    let config = config(false);
    let mut question = |tcti: &crate::tpm::Tcti| {
        let means = means(&config, tcti);
        let boot = means.boot;
        let opening = Opening {
            device: &device,
            header: &header,
            locks: &locks,
            config: &config,
            boot,
            means: Ok(means),
        };
        let (given, reasons) = by_any_token(&mut volume, (&device, None), &locks, &means);
        assert!(given.is_none());
        opening.question(&reasons.join("; "), "Recovery key")
    };
    let (seconds, words) = question(&swtpm.losing(0).0);
    assert_eq!(seconds, 600);
    let end = " The machine tries again if nobody answers in 10 minutes. Recovery key for ";
    assert!(words.contains("the TPM does not answer (") && words.contains(end), "{words}");
    swtpm.extend(7);
    let (seconds, words) = question(&swtpm.tcti());
    assert_eq!(seconds, 0);
    assert!(words.contains("PCR 7 (sha256) changed") && !words.contains("tries again"), "{words}");
}
