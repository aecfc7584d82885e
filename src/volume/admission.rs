//! Decides whether a volume whose key is known may be used, and what comes next.
//!
//! A key opens a volume, but it does not say who made the volume. So the TPM's records are asked
//! before anything of the volume is used ([`crate::record::identity`]):
//!
//! | the records say | key from a token | from the slot for an announced change | from a person |
//! | --- | --- | --- | --- |
//! | it is this machine's | use, settle | use, settle | use |
//! | the same, by a record of versions before 0.2 | use, settle | use | use |
//! | nothing | ask a person | ask a person | use, record |
//! | it is another volume, or an old copy | refuse | refuse | refuse |
//! | the TPM failed | ask a person | ask a person | use |
//!
//! To settle and to record write to the TPM and to the header. A boot that may not record only uses
//! the volume. So does a boot on trial: the version before has to recognise the volume, too.

/// What the TPM's records say of a volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// The volume is the machine's.
    Given,
    /// The volume is the machine's, by the record of a version of pattern before 0.2.
    Earlier,
    /// The TPM can't tell, for this reason.
    Missing(&'static str),
    /// The volume is not the machine's, or not the newest copy, for this reason.
    Against(String),
    /// The TPM failed.
    Failed(String),
}

/// Who gave the volume's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Giver {
    /// The TPM, for a token of the header.
    Token,
    /// The TPM, for the slot for an announced change of firmware keys.
    Announced,
    /// A person.
    Person,
}

/// What the boot may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Whether it may write records: nothing was added to the kernel image, `/usr` is whole, and
    /// Secure Boot is as the image requires.
    pub record: bool,
    /// Whether this version is on trial.
    pub on_trial: bool,
}

/// What comes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Use the volume, and write nothing.
    Use,
    /// Use the volume, and bring its tokens and the TPM's record up to date.
    UseAndSettle,
    /// Use the volume, and record it in the TPM: a person vouched for it.
    UseAndRecord,
    /// Ask a person for a key, for this reason.
    Ask(String),
    /// Do not use the volume, and ask nobody, for this reason.
    Refuse(String),
}

/// Decides about a volume whose key is known.
#[must_use]
pub fn admit(giver: Giver, proof: &Proof, allowed: Allowed) -> Next {
    let writes = allowed.record && !allowed.on_trial;
    match (giver, proof) {
        // Whoever put another volume there knows a key of it. So a key changes nothing.
        (_, Proof::Against(reason)) => Next::Refuse(reason.clone()),
        (Giver::Person, Proof::Missing(_)) if writes => Next::UseAndRecord,
        (Giver::Person, _) => Next::Use,
        (Giver::Token, Proof::Given | Proof::Earlier) | (Giver::Announced, Proof::Given) if writes => {
            Next::UseAndSettle
        }
        (_, Proof::Given | Proof::Earlier) => Next::Use,
        (_, Proof::Missing(reason)) => Next::Ask((*reason).to_owned()),
        (_, Proof::Failed(reason)) => Next::Ask(reason.clone()),
    }
}

/// Decides about a volume that the TPM does not open, for these reasons. Returns the reason to ask
/// a person with. Without a reason the TPM is not expected to open the volume.
///
/// # Errors
/// During a trial nobody is asked: the version before is started instead. But where the TPM is not expected to open the volume,
/// that version would ask, too.
pub fn without_tpm(reasons: &[String], allowed: Allowed) -> Result<String, String> {
    let reasons = reasons.join("; ");
    if !allowed.on_trial || reasons.is_empty() {
        return Ok(reasons);
    }
    Err(format!(
        "the TPM does not open it: {reasons}; this version is on trial, so nobody is asked for the recovery key"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: Allowed = Allowed { record: true, on_trial: false };

    fn ask() -> Next {
        Next::Ask("why".to_owned())
    }

    /// The table in this module's head.
    #[test]
    fn each_row_has_its_decision() {
        let refuse = || Next::Refuse("why".to_owned());
        let why = || "why".to_owned();
        for (proof, token, announced, person) in [
            (Proof::Given, Next::UseAndSettle, Next::UseAndSettle, Next::Use),
            (Proof::Earlier, Next::UseAndSettle, Next::Use, Next::Use),
            (Proof::Missing("why"), ask(), ask(), Next::UseAndRecord),
            (Proof::Against(why()), refuse(), refuse(), refuse()),
            (Proof::Failed(why()), ask(), ask(), Next::Use),
        ] {
            let decide = |giver| admit(giver, &proof, RECORDS);
            assert_eq!(decide(Giver::Token), token, "{proof:?}");
            assert_eq!(decide(Giver::Announced), announced, "{proof:?}");
            assert_eq!(decide(Giver::Person), person, "{proof:?}");
        }
    }

    /// Something was added to the kernel image, `/usr` is damaged, Secure Boot is off, or the
    /// version is on trial: whoever arranged that must not leave a record.
    #[test]
    fn a_boot_that_may_not_record_decides_the_same_and_writes_nothing() {
        let proofs = [
            Proof::Given,
            Proof::Earlier,
            Proof::Missing("a"),
            Proof::Against("b".into()),
            Proof::Failed("c".into()),
        ];
        for (record, on_trial) in [(false, false), (true, true), (false, true)] {
            for giver in [Giver::Token, Giver::Announced, Giver::Person] {
                for proof in &proofs {
                    let expected = match admit(giver, proof, RECORDS) {
                        Next::UseAndSettle | Next::UseAndRecord => Next::Use,
                        other => other,
                    };
                    let decided = admit(giver, proof, Allowed { record, on_trial });
                    assert_eq!(decided, expected, "{giver:?} {proof:?} {record} {on_trial}");
                }
            }
        }
    }

    #[test]
    fn nobody_is_asked_during_a_trial() {
        let reasons = ["PCR 7 changed".to_owned(), "no PIN was entered".to_owned()];
        assert_eq!(without_tpm(&reasons, RECORDS).unwrap(), "PCR 7 changed; no PIN was entered");
        let reason = without_tpm(&reasons, Allowed { on_trial: true, ..RECORDS }).unwrap_err();
        assert!(reason.contains("PCR 7 changed; no PIN was entered; this version is on trial"), "{reason}");
    }

    /// Or no update of a machine without a TPM could be kept.
    #[test]
    fn a_passphrase_is_asked_for_during_a_trial() {
        assert_eq!(without_tpm(&[], Allowed { on_trial: true, ..RECORDS }).unwrap(), "");
    }
}
