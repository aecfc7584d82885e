//! TPMs that are not as the TPM of the tests is by itself: busy, full, silent, broken, reset in the
//! middle of a boot, without elliptic curves, with keys and passwords of others. Each works, or the
//! words say what was found and what to do, and the next boot finds everything as it was.

use std::time::Duration;

use pattern::record::nv::Index;

use super::*;
use crate::tpm::Nv;
use crate::tpm::swtpm::Play;

const CREATE_PRIMARY: u32 = 0x131;
const DEFINE: u32 = 0x12a;
const CREATE: u32 = 0x153;
const LOAD: u32 = 0x157;
const UNSEAL: u32 = 0x15e;
const WRITE: u32 = 0x137;
const READ_PUBLIC: u32 = 0x173;
const START_SESSION: u32 = 0x176;
const POLICY_PCR: u32 = 0x17f;
/// Codes (TPM 2.0 Library, Part 2, "TPM_RC").
const PCR_CHANGED: u32 = 0x128;
const TESTING: u32 = 0x90a;
const NV_RATE: u32 = 0x920;
const NV_SPACE: u32 = 0x14b;
const FAILURE: u32 = 0x101;
const NO_TYPE: u32 = 0x2ca;

fn seal_with(tcti: &Tcti) -> Result<Tpm2Token> {
    tcti.ask(|tpm| tpm.seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0))
}

fn record(tcti: &Tcti, byte: u8) -> Result<()> {
    record_of(tcti, "u", byte)
}

fn record_of(tcti: &Tcti, uuid: &str, byte: u8) -> Result<()> {
    Nv::new(tcti, kept(pcr7(), Bank::Sha256), None, None)?.keep(&Index::identity(uuid), &[byte; 33])
}

fn words<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

fn opens(swtpm: &Swtpm, token: &Tpm2Token) {
    assert_eq!(*unseal(swtpm, token).unwrap(), SECRET);
}

#[test]
fn a_tpm_that_is_busy_is_waited_for() {
    let swtpm = measured("busy");
    // The library repeats a command itself five times while the TPM tests itself.
    let (tcti, _) = swtpm.playing(|code, before| match code {
        START_SESSION if before < 20 => Play::Code(TESTING),
        DEFINE if before < 3 => Play::Code(NV_RATE),
        _ => Play::Pass,
    });
    let token = seal_with(&tcti).unwrap();
    record(&tcti, 1).unwrap();
    opens(&swtpm, &token);
}

#[test]
fn a_tpm_that_is_slow_is_waited_for() {
    let swtpm = measured("slow");
    let late = |_, before| if before == 0 { Play::Late(Duration::from_millis(300)) } else { Play::Pass };
    let (tcti, _) = swtpm.playing(late);
    let token = seal_with(&tcti).unwrap();
    record(&tcti, 1).unwrap();
    assert_eq!(*Tpm::unseal(&tcti, &token, Presented::default()).unwrap(), SECRET);
}

/// Another program, such as systemd, may extend a PCR between two of our commands.
#[test]
fn what_a_pcr_that_changes_meanwhile_prevents_is_tried_again() {
    let swtpm = measured("changes");
    let (tcti, _) = swtpm.playing(|code, before| match code {
        UNSEAL | WRITE if before < 2 => Play::Code(PCR_CHANGED),
        _ => Play::Pass,
    });
    let token = seal_with(&tcti).unwrap();
    assert_eq!(*Tpm::unseal(&tcti, &token, Presented::default()).unwrap(), SECRET);
    record(&tcti, 1).unwrap();
}

#[test]
fn a_tpm_that_stays_busy_is_named() {
    let swtpm = measured("rate");
    let (tcti, heard) =
        swtpm.playing(|code, _| if code == DEFINE { Play::Code(NV_RATE) } else { Play::Pass });
    let said = words(record(&tcti, 1));
    assert_eq!(
        said,
        "making an NV index for the volume's record: the TPM was busy for two minutes, as one that protects its memory from \
         wear; leave the machine on for an hour, then restart it"
    );
    assert_eq!(heard.lock().unwrap().codes.iter().filter(|code| **code == DEFINE).count(), 9);
}

#[test]
fn without_elliptic_curves_the_storage_root_key_is_an_rsa_key() {
    let swtpm = measured("rsa");
    let (tcti, _) = swtpm.playing(|code, before| match (code, before) {
        (CREATE_PRIMARY, 0) => Play::Code(NO_TYPE),
        _ => Play::Pass,
    });
    let token = seal_with(&tcti).unwrap();
    // The type TPM_ALG_RSA, in what an ESAPI resource has before it.
    assert_eq!(token.srk.to_bytes()[46..50], [0, 1, 0, 0x0b]);
    opens(&swtpm, &token);
    swtpm.tool("tpm2_readpublic -c 0x81000001");
    let (tcti, _) = swtpm.playing(|code, _| if code == CREATE { Play::Code(NO_TYPE) } else { Play::Pass });
    let said = words(tcti.ask(|tpm| tpm.make_approver(Zeroizing::new([1; 32])).map(drop)));
    assert!(said.starts_with("the TPM has no elliptic curves, so a change of firmware keys"), "{said}");
}

#[test]
fn storage_root_keys_of_others_are_used() {
    for (number, kind) in
        ["-G rsa", "-G rsa3072 -g sha384", "-G ecc384 -g sha384", "-G ecc521:aes256cfb -g sha512"]
            .iter()
            .enumerate()
    {
        let swtpm = measured(&format!("foreign-{number}"));
        swtpm.tool(&format!("tpm2_createprimary -C o {kind} -c s"));
        swtpm.tool("tpm2_evictcontrol -C o -c s 0x81000001");
        swtpm.tool("tpm2_flushcontext -t");
        let (tcti, heard) = swtpm.playing(|_, _| Play::Pass);
        let token = seal_with(&tcti).unwrap();
        assert_eq!(Token::parse(&token.to_json()).unwrap(), Token::Tpm2(Box::new(token.clone())), "{kind}");
        assert_eq!(*Tpm::unseal(&tcti, &token, Presented::default()).unwrap(), SECRET, "{kind}");
        record(&tcti, 1).unwrap();
        let heard = heard.lock().unwrap();
        assert!(!heard.bytes.windows(8).any(|window| SECRET.starts_with(window)), "{kind}");
    }
}

#[test]
fn keys_of_others_that_nothing_can_be_sealed_to_are_named() {
    let signing = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign";
    for (name, kind, expected) in [
        (
            "signs",
            format!("-G ecc -a {signing}"),
            "that nothing can be sealed to: it is not a storage key that its TPM made and keeps; remove it (tpm2_evictcontrol -C o -c 0x81000001)",
        ),
        (
            "locked",
            "-G ecc -p secret".to_owned(),
            "the storage root key at 0x81000001 has a password, so nothing can be sealed to it; remove the key",
        ),
    ] {
        let swtpm = measured(&format!("unusable-{name}"));
        swtpm.tool(&format!("tpm2_createprimary -C o {kind} -c s"));
        swtpm.tool("tpm2_evictcontrol -C o -c s 0x81000001");
        let said = words(seal_with(&swtpm.tcti()));
        assert!(said.contains(expected), "{said}");
        // What the words say helps.
        swtpm.tool("tpm2_evictcontrol -C o -c 0x81000001");
        opens(&swtpm, &seal_with(&swtpm.tcti()).unwrap());
    }
}

/// The same key as ours, from the same seed, so it has the same name.
#[test]
fn a_storage_root_key_that_got_a_password_is_not_a_wrong_pin() {
    let swtpm = measured("got-password");
    let pin = crate::tpm::NewPin { text: "271828", salt: [3; 32] };
    let token = swtpm.connect().seal(&SECRET, &kept(pcr7(), Bank::Sha256), Some(&pin), 0).unwrap();
    let right = Presented { pin: Some("271828"), ..Presented::default() };
    assert_eq!(*Tpm::unseal(&swtpm.tcti(), &token, right).unwrap(), SECRET);
    swtpm.tool("tpm2_evictcontrol -C o -c 0x81000001");
    let like_ours = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt";
    swtpm.tool(&format!("tpm2_createprimary -C o -G ecc256:aes128cfb -a {like_ours} -p secret -c s"));
    swtpm.tool("tpm2_evictcontrol -C o -c s 0x81000001");
    let said = words(Tpm::unseal(&swtpm.tcti(), &token, right));
    assert!(said.starts_with("the storage root key at 0x81000001 has a password"), "{said}");
}

#[test]
fn passwords_of_other_hierarchies_change_nothing() {
    let swtpm = measured("others");
    for hierarchy in ["endorsement", "lockout", "platform"] {
        swtpm.tool(&format!("tpm2_changeauth -c {hierarchy} secret"));
    }
    opens(&swtpm, &seal(&swtpm, pcr7(), Bank::Sha256));
    record(&swtpm.tcti(), 1).unwrap();
}

#[test]
fn an_owners_password_is_named_and_stops_only_what_needs_it() {
    let swtpm = measured("owner");
    let before = seal(&swtpm, pcr7(), Bank::Sha256);
    record(&swtpm.tcti(), 1).unwrap();
    swtpm.tool("tpm2_changeauth -c owner secret");
    // A machine that was set up before goes on, also with new keys.
    opens(&swtpm, &before);
    opens(&swtpm, &seal_with(&swtpm.tcti()).unwrap());
    record(&swtpm.tcti(), 2).unwrap();
    let said = words(record_of(&swtpm.tcti(), "another", 1));
    let advice = "the TPM's owner hierarchy has a password, and nobody is asked for it here; remove it (tpm2_changeauth -c owner";
    assert!(said.starts_with(&format!("making an NV index for the volume's record: {advice}")), "{said}");
    swtpm.tool("tpm2_evictcontrol -C o -P secret -c 0x81000001");
    let said = words(seal_with(&swtpm.tcti()));
    assert!(said.starts_with(&format!("making the storage root key: {advice}")), "{said}");
    swtpm.tool("tpm2_changeauth -c owner -p secret");
    opens(&swtpm, &seal_with(&swtpm.tcti()).unwrap());
    opens(&swtpm, &before);
}

#[test]
fn a_disabled_hierarchy_is_not_a_cleared_tpm() {
    let mut swtpm = measured("disabled");
    let token = seal(&swtpm, pcr7(), Bank::Sha256);
    record(&swtpm.tcti(), 1).unwrap();
    swtpm.tool("tpm2_hierarchycontrol -C p shEnable clear");
    let advice = "the TPM's storage hierarchy is disabled, so it has neither keys nor records in this boot; turn it on";
    for said in [words(seal_with(&swtpm.tcti())), refusal(&swtpm, &token), words(record(&swtpm.tcti(), 2))] {
        assert!(said.starts_with(advice), "{said}");
    }
    swtpm.restart();
    swtpm.extend(7);
    opens(&swtpm, &token);
}

#[test]
fn a_tpm_without_memory_is_named() {
    let swtpm = measured("full");
    let (tcti, _) = swtpm.playing(|code, _| if code == DEFINE { Play::Code(NV_SPACE) } else { Play::Pass });
    let said = words(record(&tcti, 1));
    let expected = "making an NV index for the volume's record: the TPM has no memory left; remove what is not needed any more";
    assert!(said.starts_with(expected), "{said}");
    // Three objects are all that a TPM has room for.
    for name in ["one", "two", "three"] {
        swtpm.tool(&format!("tpm2_createprimary -C n -c {name}"));
    }
    let said = words(
        swtpm.playing(|_, _| Play::Pass).0.ask(|tpm| tpm.seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0)),
    );
    assert!(
        said.ends_with(
            "the TPM's working memory is full of what other programs left in it; restart the machine"
        ),
        "{said}"
    );
}

/// Whatever happens at whatever command, the words name it, nobody hears of a cleared TPM or a wrong
/// PIN, and the next boot opens the volume.
#[test]
fn a_fault_at_any_command_is_named_and_loses_nothing() {
    for (name, play, expected) in [
        ("silent", Play::Silence, "the TPM does not answer ("),
        (
            "broken",
            Play::Code(FAILURE),
            "the TPM found a fault in itself (failure mode); switch the machine off and on",
        ),
        ("reset", Play::Reset, "the TPM was reset in the middle of this boot"),
    ] {
        let mut swtpm = measured(&format!("any-{name}"));
        let token = seal(&swtpm, pcr7(), Bank::Sha256);
        record(&swtpm.tcti(), 1).unwrap();
        for fault in [START_SESSION, POLICY_PCR, LOAD, UNSEAL, READ_PUBLIC, DEFINE, WRITE] {
            let started = Tpm2Token::clone(&token);
            let (tcti, heard) = swtpm
                .playing(move |code, before| if code == fault && before == 0 { play } else { Play::Pass });
            let opened = Tpm::unseal(&tcti, &started, Presented::default()).map(drop);
            let recorded = opened.and_then(|()| record(&tcti, 2));
            let met = heard.lock().unwrap().codes.contains(&fault);
            assert_eq!(tcti.is_faulty(), met, "{name} at {fault:#x}");
            if met {
                let said = words(recorded);
                assert!(said.contains(expected), "{name} at {fault:#x}: {said}");
            } else {
                recorded.unwrap();
            }
            swtpm.restart();
            swtpm.extend(7);
            opens(&swtpm, &token);
            record(&swtpm.tcti(), 1).unwrap();
        }
    }
}

/// Somebody who resets the TPM while the system runs gets nothing: its registers are empty then.
#[test]
fn a_tpm_that_was_started_again_opens_nothing() {
    let swtpm = measured("started-again");
    let token = seal(&swtpm, pcr7(), Bank::Sha256);
    for at in [START_SESSION, LOAD] {
        swtpm.extend(7);
        let (tcti, _) = swtpm
            .playing(move |code, before| if code == at && before == 0 { Play::Restart } else { Play::Pass });
        let said = words(Tpm::unseal(&tcti, &token, Presented::default()));
        assert!(said.starts_with("nothing that started this boot was measured in the sha256 bank"), "{said}");
        assert!(!tcti.is_faulty());
    }
}
