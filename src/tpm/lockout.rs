//! Decides what to do about the TPM's lockout password. Anyone who has it can make the TPM forget
//! wrong PINs, or accept more of them. While none is set, anybody can. So a machine with a PIN sets
//! one, and keeps it inside the volume.

mod order;

pub use order::{Order, Refusal, Session, begin};

/// Bytes of a password: the most that a TPM with SHA-256 digests accepts.
pub const BYTES: usize = 32;

/// How a TPM treats wrong tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// After this many wrong tries it accepts none any more.
    pub tries: u32,
    /// After this many seconds without a wrong try it forgets one.
    pub forgets: u32,
    /// After a wrong lockout password it accepts none for this many seconds.
    pub pause: u32,
}

/// The limits of Ubuntu (`maxTries`, `recoveryTime`, `lockoutRecovery` in
/// github.com/canonical/secboot, `tpm2/provisioning.go`). systemd keeps the maker's, and Windows
/// has 32 tries, too. Of a million PINs, 32 at once and 12 a day are few.
pub const LIMITS: Limits = Limits { tries: 32, forgets: 2 * 60 * 60, pause: 24 * 60 * 60 };

/// The state of the TPM's lockout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Whether it has a lockout password.
    pub set: bool,
    /// How many wrong tries it remembers.
    pub wrong: u32,
}

/// What to do, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Draw a password, and write it to the volume. It is on the disk before the TPM learns it,
    /// because nobody could undo a password that is lost.
    Write,
    /// Set the TPM's limits.
    Limit,
    /// Set the TPM's password.
    Set,
    /// Make the TPM forget the wrong tries.
    Forget,
}

/// Decides for an open volume with a PIN. `kept` says whether the volume has a password. `certain`
/// says whether to check with the TPM that it is the right password even if nothing else needs it.
/// Returns `None` if the TPM has a password that the volume does not have.
#[must_use]
pub fn steps(state: State, kept: bool, certain: bool) -> Option<Vec<Step>> {
    let mut steps = match (state.set, kept) {
        (true, false) => return None,
        (true, true) => Vec::new(),
        (false, true) => vec![Step::Limit, Step::Set],
        (false, false) => vec![Step::Write, Step::Limit, Step::Set],
    };
    if state.wrong > 0 || certain {
        steps.push(Step::Forget);
    }
    Some(steps)
}

/// Makes a password of random bytes, with seven random bits in each. A TPM removes zeros at the end
/// of a password, and tpm2-tools stop at a zero or a line end.
pub fn make_password(bytes: &mut [u8; BYTES]) {
    bytes.iter_mut().for_each(|byte| *byte |= 0x80);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_written_before_the_tpm_learns_it_and_each_cut_is_made_good() {
        let (set, unset) = (State { set: true, wrong: 0 }, State { set: false, wrong: 0 });
        let steps = |state, kept| super::steps(state, kept, false);
        assert_eq!(steps(unset, false), Some(vec![Step::Write, Step::Limit, Step::Set]));
        assert_eq!(steps(unset, true), Some(vec![Step::Limit, Step::Set]));
        assert_eq!(steps(set, true), Some(vec![]));
    }

    #[test]
    fn wrong_tries_are_forgotten_once_the_password_is_set() {
        let steps = |set, wrong, kept, certain| super::steps(State { set, wrong }, kept, certain);
        assert_eq!(steps(true, 1, true, false), Some(vec![Step::Forget]));
        assert_eq!(steps(true, 0, true, true), Some(vec![Step::Forget]));
        assert_eq!(steps(false, 3, true, false), Some(vec![Step::Limit, Step::Set, Step::Forget]));
    }

    #[test]
    fn a_password_of_somebody_else_is_left_alone() {
        for (wrong, certain) in [(0, false), (5, false), (0, true)] {
            assert_eq!(steps(State { set: true, wrong }, false, certain), None);
        }
    }

    #[test]
    fn a_password_has_nothing_that_a_tool_takes_away() {
        for byte in [0, b'\n', b'\r', 0x7f, 0x80, 0xff] {
            let mut password = [byte; BYTES];
            make_password(&mut password);
            assert_eq!(password, [byte | 0x80; BYTES]);
        }
    }
}
