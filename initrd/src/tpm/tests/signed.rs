//! Tokens with a signed part, with a PIN, and with both. `systemd-measure` makes the signatures.

use std::fs;
use std::process::Command;

use pattern::record::nv::Index;
use pattern::token::{Counted, PublicKey, Signatures};

use super::*;
use crate::tpm::{NewPin, Nv};

/// What ukify runs when an image is built.
const MEASURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../image/mkosi/ukify/systemd-measure");
pub(crate) const KERNEL: &[u8] = b"a kernel";
pub(crate) const PHASE: &str = "enter-initrd";
const SIX_DIGITS: &str = "271828";

/// A software TPM whose PCR 11 is as systemd-stub and `enter-initrd` leave it, and what the image
/// brings.
pub(super) struct Started {
    pub(super) swtpm: Swtpm,
    pub(super) key: PublicKey,
    pub(super) signatures: Signatures,
}

impl Started {
    /// Starts an image that is signed for the initrd alone.
    pub(super) fn new(name: &str) -> Self {
        Self::signed_for(name, &[PHASE])
    }

    fn signed_for(name: &str, phases: &[&str]) -> Self {
        let swtpm = measured(name);
        let key = make_key(&swtpm, "key");
        let signatures = Signatures::parse(&sign(&swtpm, "key", phases)).unwrap();
        let started = Self { swtpm, key, signatures };
        started.extend_11(&image_digests(KERNEL));
        started
    }

    pub(super) fn extend_11(&self, digests: &[String]) {
        for digest in digests {
            self.swtpm.tool(&format!("tpm2_pcrextend 11:sha256={digest}"));
        }
    }

    /// Measures a word, as systemd-pcrphase does.
    fn phase(&self, word: &str) {
        self.extend_11(&[sha256(word.as_bytes())]);
    }

    fn binding(&self, kept: Option<Pcrs>) -> Binding {
        Binding::new(Bank::Sha256, Some(self.key.clone()), kept)
    }

    fn seal(&self, binding: &Binding, pin: Option<&str>) -> Tpm2Token {
        let pin = pin.map(|text| NewPin { text, salt: [3; 32] });
        let token = self.swtpm.connect().seal(&SECRET, binding, pin.as_ref(), 0).unwrap();
        let Token::Tpm2(read) = Token::parse(&token.to_json()).unwrap() else { panic!("another token") };
        assert_eq!(*read, token);
        token
    }

    fn unseal(&self, token: &Tpm2Token, pin: Option<&str>) -> Result<Zeroizing<Vec<u8>>> {
        let presented = Presented { signatures: Some(&self.signatures), pin };
        Tpm::unseal(&self.swtpm.tcti(), token, presented)
    }

    fn opens(&self, token: &Tpm2Token, pin: Option<&str>) -> bool {
        matches!(self.unseal(token, pin), Ok(secret) if *secret == SECRET)
    }

    fn refusal(&self, token: &Tpm2Token, pin: Option<&str>) -> String {
        self.unseal(token, pin).unwrap_err().to_string()
    }

    /// Returns the commands that unsealing takes.
    fn commands(&self, token: &Tpm2Token, pin: Option<&str>) -> Vec<String> {
        self.swtpm.tcti();
        let (tcti, heard) = self.swtpm.observed();
        let presented = Presented { signatures: Some(&self.signatures), pin };
        assert_eq!(*Tpm::unseal(&tcti, token, presented).unwrap(), SECRET);
        heard.lock().unwrap().names()
    }
}

pub(crate) fn make_key(swtpm: &Swtpm, name: &str) -> PublicKey {
    swtpm.tool(&format!("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {name}"));
    swtpm.tool(&format!("openssl pkey -in {name} -pubout -out {name}.pub"));
    PublicKey::parse(&fs::read_to_string(swtpm.folder().join(format!("{name}.pub"))).unwrap()).unwrap()
}

/// Signs for a kernel image of a few bytes, in the SHA-256 bank.
pub(crate) fn sign(swtpm: &Swtpm, key: &str, phases: &[&str]) -> String {
    sign_in(swtpm, key, phases, &[Bank::Sha256])
}

/// Signs in these banks.
pub(crate) fn sign_in(swtpm: &Swtpm, key: &str, phases: &[&str], banks: &[Bank]) -> String {
    fs::write(swtpm.folder().join("linux"), KERNEL).unwrap();
    let mut command = Command::new(MEASURE);
    command.args(["sign", "--linux=linux", "--json=short"]);
    command.args(banks.iter().map(|bank| format!("--bank={}", bank.name())));
    command.arg(format!("--private-key={key}")).arg(format!("--public-key={key}.pub"));
    command.args(phases.iter().map(|phase| format!("--phase={phase}")));
    command.arg(format!("--tpm2-device=swtpm:path={}/tpm", swtpm.folder().display()));
    let output = command.current_dir(swtpm.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what systemd-stub extends PCR 11 with for an image that is only a kernel: the name of
/// each section with its zero byte, then its content. After that comes the word of the phase.
pub(crate) fn image_digests(kernel: &[u8]) -> [String; 3] {
    [&b".linux\0"[..], kernel, PHASE.as_bytes()].map(sha256)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    pattern::hex::encode(&Sha256::digest(bytes))
}

#[test]
fn a_signed_token_opens_while_pcr_11_has_a_signed_value() {
    let started = Started::new("signed");
    let token = started.seal(&started.binding(None), None);
    assert_eq!(token.literal, None);
    assert!(started.opens(&token, None));
    started.swtpm.extend(7);
    assert!(started.opens(&token, None));
    started.phase("leave-initrd");
    let other = "PCR 11 (sha256) has a value without a signature: \
                 this is another image, or a later phase of the boot, than the ones that were signed";
    assert_eq!(started.refusal(&token, None), other);
}

#[test]
fn with_several_signatures_the_one_for_this_phase_is_taken() {
    let started = Started::signed_for("phases", &[PHASE, "enter-initrd:leave-initrd"]);
    let token = started.seal(&started.binding(None), None);
    assert!(started.opens(&token, None));
    started.phase("leave-initrd");
    assert!(started.opens(&token, None));
    started.phase("sysinit");
    let refused = started.refusal(&token, None);
    assert!(refused.starts_with("PCR 11 (sha256) has a value without a signature"), "{refused}");
}

#[test]
fn literal_pcrs_are_a_second_factor() {
    let started = Started::new("second");
    let mut binding = started.binding(Some(pcr7()));
    binding.untouched = Pcrs::new([15]).ok();
    let token = started.seal(&binding, None);
    assert_eq!(token.literal, Pcrs::new([7, 15]).ok());
    assert!(started.opens(&token, None));
    started.swtpm.extend(15);
    let spent = "PCR 15 (sha256) was extended since power-on, and the volume opens only before that; \
                 restart the machine";
    assert_eq!(started.refusal(&token, None), spent);
    // As for another enrolment in the running system: the register differs from its value in the
    // initrd.
    let later = started.seal(&binding, None);
    assert_eq!(later.policy, token.policy);
    started.swtpm.extend(7);
    let refused = started.refusal(&token, None);
    assert!(refused.starts_with("PCR 7+15 (sha256) changed since"), "{refused}");
}

#[test]
fn signatures_that_do_not_help_are_told_apart() {
    let mut started = Started::new("others");
    let token = started.seal(&started.binding(None), None);
    let none = unseal(&started.swtpm, &token).unwrap_err().to_string();
    assert_eq!(none, "this image brought no signatures, and the volume asks for one for PCR 11 (sha256)");

    let good = started.signatures.clone();
    let other = make_key(&started.swtpm, "other");
    let by_other = sign(&started.swtpm, "other", &[PHASE]);
    started.signatures = Signatures::parse(&by_other).unwrap();
    let refused = "no signature for PCR 11 (sha256) in this image is by the key that the volume is bound to: \
        a version with a higher image.epoch was kept since, or this image is signed by somebody else";
    assert_eq!(started.refusal(&token, None), refused);

    // The other key's signature, under the fingerprint of the right key.
    let hex = |key: &PublicKey| pattern::hex::encode(&key.fingerprint());
    let forged = by_other.replace(&hex(&other), &hex(&started.key));
    started.signatures = Signatures::parse(&forged).unwrap();
    assert_eq!(started.refusal(&token, None), "the signature for PCR 11 (sha256) in this image is not valid");
    started.signatures = good;
    assert!(started.opens(&token, None));
}

#[test]
fn a_pcr_that_nothing_was_measured_into_needs_no_signature() {
    let started = Started::new("unmeasured");
    let mut swtpm = started.swtpm;
    swtpm.restart();
    let binding = Binding::new(Bank::Sha256, Some(started.key), None);
    let refused = swtpm.connect().seal(&SECRET, &binding, None, 0).unwrap_err().to_string();
    assert!(refused.starts_with("nothing was measured into PCR 11 (sha256), so a signature"), "{refused}");
}

#[test]
fn a_pin_is_right_wrong_or_tried_too_often() {
    let started = Started::new("pin");
    let token = started.seal(&started.binding(None), Some(SIX_DIGITS));
    assert!(started.opens(&token, Some(SIX_DIGITS)));
    assert_eq!(started.refusal(&token, None), "it asks for a PIN");
    started.swtpm.tool("tpm2_dictionarylockout -s -n 3 -t 1000 -l 1000");
    for left in [2, 1] {
        let wrong =
            format!("the PIN is wrong; after {left} more wrong ones the TPM is locked out for a while");
        assert_eq!(started.refusal(&token, Some("six")), wrong);
    }
    assert!(started.opens(&token, Some(SIX_DIGITS)));
    for pin in ["six", SIX_DIGITS] {
        let locked = started.refusal(&token, Some(pin));
        assert!(locked.starts_with("the TPM is locked out after too many wrong tries"), "{locked}");
    }
    // A token without a PIN can't be guessed, so the lockout does not apply.
    assert!(started.opens(&started.seal(&started.binding(None), None), None));
}

/// Anyone who can write the header could put a storage root key of their own there, and listen.
/// They could then read the session in which the PIN is used, and try PINs on the recording,
/// without the TPM and its count.
#[test]
fn nobody_is_asked_for_a_pin_when_the_token_names_another_storage_root_key() {
    let started = Started::new("forged");
    let attacker = measured("forged-by");
    let token = started.seal(&started.binding(Some(pcr7())), Some(SIX_DIGITS));
    let mut forged = token.clone();
    forged.srk = seal(&attacker, pcr7(), Bank::Sha256).srk;
    assert_eq!(Token::parse(&forged.to_json()), Ok(Token::Tpm2(Box::new(forged.clone()))));

    started.swtpm.tcti();
    let (tcti, heard) = started.swtpm.observed();
    let ask = |token: &Tpm2Token| {
        let presented = Presented { signatures: Some(&started.signatures), pin: None };
        let refused = Tpm::unseal(&tcti, token, presented).unwrap_err().to_string();
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        (refused, heard.names())
    };
    let another = "the TPM was cleared and set up again, or is another one: \
                   the storage root key at 0x81000001 has another name than when the volume was made";
    let one_command = vec!["ReadPublic".to_owned()];
    assert_eq!(ask(&forged), (another.to_owned(), one_command.clone()));
    assert_eq!(ask(&token), ("it asks for a PIN".to_owned(), one_command));
    assert!(started.opens(&token, Some(SIX_DIGITS)));
    started.swtpm.tool("tpm2_clear -c p");
    let cleared = "the TPM was cleared, or is another one: it has no storage root key at 0x81000001";
    assert_eq!(ask(&token).0, cleared);
}

#[test]
fn a_wrong_pin_is_told_apart_from_changed_pcrs() {
    let started = Started::new("apart");
    let token = started.seal(&started.binding(Some(pcr7())), Some(SIX_DIGITS));
    let literal = started.seal(&kept(pcr7(), Bank::Sha256), Some(SIX_DIGITS));
    assert!(started.opens(&token, Some(SIX_DIGITS)) && started.opens(&literal, Some(SIX_DIGITS)));
    assert!(started.refusal(&literal, Some("six")).starts_with("the PIN is wrong"));
    started.swtpm.extend(7);
    for token in [token, literal] {
        let refused = started.refusal(&token, Some("six"));
        assert!(refused.starts_with("PCR 7 (sha256) changed since"), "{refused}");
    }
}

#[test]
fn no_unlock_takes_more_commands_than_it_must() {
    let started = Started::new("count");
    let verify = ["LoadExternal", "VerifySignature", "FlushContext"];
    let signed = ["StartAuthSession", "PolicyPCR", "PolicyAuthorize"];
    let unseal = ["Load", "Unseal", "FlushContext"];
    let token = started.seal(&started.binding(None), None);
    assert_eq!(started.commands(&token, None), [&verify[..], &signed, &unseal].concat());
    let token = started.seal(&started.binding(Some(pcr7())), None);
    assert_eq!(started.commands(&token, None), [&verify[..], &signed, &["PolicyPCR"], &unseal].concat());
    let token = started.seal(&started.binding(Some(pcr7())), Some(SIX_DIGITS));
    // Before a TPM first accepts a PIN, it writes that down, and wants the command repeated.
    let all = started.commands(&token, Some(SIX_DIGITS));
    let unseal = ["PolicyPCR", "PolicyAuthValue", "Load", "Unseal", "Unseal", "FlushContext"];
    assert_eq!(all, [&verify[..], &signed, &unseal].concat());
    let once = [&all[..10], &all[11..]].concat();
    assert_eq!(started.commands(&token, Some(SIX_DIGITS)), once);
    // Everything that a policy may need. Before the PIN is asked for, two more commands check that
    // the key is this TPM's and still valid. After that, two commands authenticate the volume.
    let counter = Index::revocation("u");
    let count = started.swtpm.connect().count_up(&counter).unwrap();
    let counted = Some(Counted { handle: counter.handle, count });
    let token = started.seal(&Binding { counted, ..started.binding(Some(pcr7())) }, Some(SIX_DIGITS));
    let all = started.commands(&token, Some(SIX_DIGITS));
    let unseal = ["PolicyPCR", "PolicyNV", "PolicyAuthValue", "Load", "Unseal", "FlushContext"];
    assert_eq!(all, [&verify[..], &signed, &unseal].concat());
    started.swtpm.tcti();
    let (tcti, heard) = started.swtpm.observed();
    let presented = Presented { signatures: Some(&started.signatures), pin: None };
    assert!(matches!(Tpm::unseal(&tcti, &token, presented), Err(TpmError::NoPin)));
    assert_eq!(heard.lock().unwrap().names(), ["ReadPublic", "NV_Read"]);
    let record =
        Nv::new(&tcti, started.binding(None), Some(&started.signatures), Some(token.srk.clone())).unwrap();
    record.keep(&Index::identity("u"), &[1; 33]).unwrap();
    heard.lock().unwrap().codes.clear();
    record.held(&Index::identity("u")).unwrap();
    let record = heard.lock().unwrap().names();
    assert_eq!(record, ["StartAuthSession", "NV_Read"]);
    assert!(all.len() + 2 + record.len() <= 16);
}

/// The promise: after the next count of the TPM, everything that was sealed before is worthless,
/// wherever it is kept, and nothing brings it back.
#[test]
fn a_counted_token_opens_at_one_count() {
    let mut started = Started::new("counted-token");
    let counter = Index::revocation("u");
    let count = started.swtpm.connect().count_up(&counter).unwrap();
    assert_eq!(started.swtpm.connect().key_count(&counter).unwrap(), Some(count));
    let sealed_at = |started: &Started, count| {
        let counted = Some(Counted { handle: counter.handle, count });
        started.seal(&Binding { counted, ..started.binding(Some(pcr7())) }, None)
    };
    let (token, next) = (sealed_at(&started, count), sealed_at(&started, count + 1));
    assert!(started.opens(&token, None));
    let early = started.refusal(&next, None);
    assert!(early.starts_with(&format!("this key is valid at count {} of the TPM", count + 1)), "{early}");
    assert_eq!(started.swtpm.connect().count_up(&counter).unwrap(), count + 1);
    assert!(started.opens(&next, None));
    let replaced = format!(
        "this key was replaced: the TPM has counted to {}, and the key was valid at {count}; the header that holds it is an old copy",
        count + 1
    );
    assert_eq!(started.refusal(&token, None), replaced);
    // With a PIN it is the same, and nobody is asked for the PIN.
    let counted = Some(Counted { handle: counter.handle, count });
    let with_pin = started.seal(&Binding { counted, ..started.binding(None) }, Some(SIX_DIGITS));
    assert_eq!(started.refusal(&with_pin, None), replaced);
    // The counter is removed and made again.
    started.swtpm.connect().forget(&counter).unwrap();
    assert_eq!(started.swtpm.connect().key_count(&counter).unwrap(), None);
    let removed = started.refusal(&token, None);
    assert!(
        removed.starts_with(&format!(
            "this key is valid at count {count} of the TPM, and the counter was removed"
        ))
    );
    assert!(started.swtpm.connect().count_up(&counter).unwrap() > count + 1);
    for token in [&token, &next] {
        assert!(started.refusal(token, None).starts_with("this key was replaced: "));
    }
    // An index that is not a counter, and holds the right number.
    started.swtpm.connect().forget(&counter).unwrap();
    let handle = format!("{:#x}", counter.handle);
    started.swtpm.tool(&format!("tpm2_nvdefine -C o -s 8 -a authread|authwrite|no_da {handle}"));
    fs::write(started.swtpm.folder().join("count"), count.to_be_bytes()).unwrap();
    started.swtpm.tool(&format!("tpm2_nvwrite -C {handle} -i count {handle}"));
    assert!(!started.opens(&token, None));
    assert_eq!(started.swtpm.connect().key_count(&counter).unwrap(), None);
    started.swtpm.restart();
    assert!(!started.opens(&token, None));
}

#[test]
fn several_signatures_cost_one_command_more() {
    let started = Started::signed_for("count-phases", &[PHASE, "enter-initrd:leave-initrd"]);
    let token = started.seal(&started.binding(Some(pcr7())), None);
    let all = started.commands(&token, None);
    assert_eq!(all[0], "PCR_Read");
    assert_eq!(all.len(), 11, "{all:?}");
}

#[test]
fn the_initrd_of_a_signed_image_alone_counts() {
    let started = Started::new("count-signed");
    let binding = Binding { untouched: Pcrs::new([15]).ok(), ..started.binding(None) };
    let nv = |act: &dyn Fn(&Nv<'_>) -> Result<()>| {
        act(&Nv::new(&started.swtpm.tcti(), binding.clone(), Some(&started.signatures), None).unwrap())
    };
    nv(&|nv| nv.count(&Index::counter("u"))).unwrap();
    nv(&|nv| nv.keep(&Index::identity("u"), &[1; 33])).unwrap();
    started.swtpm.extend(7);
    nv(&|nv| nv.count(&Index::counter("u"))).unwrap();
    let (tcti, heard) = started.swtpm.observed();
    let counting = Nv::new(&tcti, binding.clone(), Some(&started.signatures), None).unwrap();
    heard.lock().unwrap().codes.clear();
    counting.count(&Index::counter("u")).unwrap();
    let commands = heard.lock().unwrap().names();
    assert_eq!(commands.len(), 10, "{commands:?}");
    started.phase("leave-initrd");
    let refused = nv(&|nv| nv.count(&Index::counter("u"))).unwrap_err().to_string();
    assert!(refused.starts_with("comparing PCRs with their signature: "), "{refused}");
    let refused = nv(&|nv| nv.keep(&Index::identity("u"), &[2; 33])).unwrap_err().to_string();
    assert!(refused.starts_with("comparing PCRs with their signature: "), "{refused}");
}
