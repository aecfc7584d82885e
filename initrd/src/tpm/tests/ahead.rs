//! A slot for an announced change: what was signed opens it in the next boot, and nothing else
//! does.

use pattern::record::nv::Index;
use pattern::token::Counted;
use pattern::token::ahead::{Ahead, Announced, Approver};

use super::*;
use crate::tpm::NewPin;
use crate::tpm::tests::signed::{KERNEL, Started, image_digests};

const PASSWORD: [u8; 32] = [4; 32];
/// The digest that PCR 7 is extended with after the change.
const CHANGED: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// Binds as an image with `debug = false`: signed PCR 11, PCR 7 with this value, 12 and 15
/// untouched.
fn announced(started: &Started, approver: &Approver, seven: &[u8]) -> Announced {
    let untouched = Pcrs::new([12, 15]).ok();
    let binding =
        Binding { untouched, ..Binding::new(Bank::Sha256, Some(started.key.clone()), Some(pcr7())) };
    // The image's registers were extended; the values do not matter here.
    let read =
        |pcrs: Pcrs, _| Ok::<_, pattern::token::Exposed>(pcrs.iter().map(|_| seven.to_vec()).collect());
    let policy = binding.policy(false, read).unwrap();
    let signature = started.swtpm.connect().sign_ahead(approver, &policy).unwrap();
    Announced {
        policy,
        image: None,
        additions: false,
        literal: binding.literal().unwrap(),
        signature,
        earlier: Default::default(),
    }
}

/// Returns PCR 7 after this one measurement.
fn value(extended: &str) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let digest = pattern::hex::decode(extended).unwrap();
    Sha256::digest([vec![0; 32], digest].concat()).to_vec()
}

fn made(started: &Started, pin: Option<&str>) -> (Approver, Ahead) {
    made_at(started, None, pin)
}

fn made_at(started: &Started, counted: Option<Counted>, pin: Option<&str>) -> (Approver, Ahead) {
    let mut tpm = started.swtpm.connect();
    let approver = tpm.make_approver(PASSWORD.into()).unwrap();
    let read = Approver::parse(&approver.to_bytes()).unwrap();
    assert!(read == approver);
    let pin = pin.map(|text| NewPin { text, salt: [3; 32] });
    let ahead = tpm.seal_ahead(&SECRET, &approver, (Bank::Sha256, counted), pin.as_ref()).unwrap();
    assert_eq!(Ahead::parse(&ahead.to_json()).as_ref(), Ok(&ahead));
    (approver, ahead)
}

/// Boots the same image again, with or without a change.
fn restart(started: &mut Started, seven: &str) {
    started.swtpm.restart();
    started.swtpm.tool(&format!("tpm2_pcrextend 7:sha256={seven}"));
    started.extend_11(&image_digests(KERNEL));
}

fn unseal(started: &Started, ahead: &Ahead, pin: Option<&str>) -> Result<Zeroizing<Vec<u8>>> {
    let presented = Presented { signatures: Some(&started.signatures), pin };
    Tpm::unseal_ahead(&started.swtpm.tcti(), ahead, Some(&started.key), presented)
}

fn refusal(started: &Started, ahead: &Ahead) -> String {
    unseal(started, ahead, None).unwrap_err().to_string()
}

#[test]
fn the_announced_boot_opens_and_no_other_one_does() {
    let mut started = Started::new("ahead");
    let (approver, mut ahead) = made(&started, None);
    assert_eq!(refusal(&started, &ahead), "the TPM did not answer with an announced change");
    ahead.announced = Some(announced(&started, &approver, &value(CHANGED)));
    let read = Ahead::parse(&ahead.to_json()).unwrap();
    assert_eq!(read, ahead);
    // The announced boot has not come yet.
    let other = "PCR 7+12+15 (sha256) are not as they were announced";
    assert_eq!(refusal(&started, &ahead), other);
    restart(&mut started, &"ef".repeat(32));
    assert_eq!(refusal(&started, &ahead), other);
    restart(&mut started, CHANGED);
    assert_eq!(*unseal(&started, &read, None).unwrap(), SECRET);
    // Something was added to the kernel image.
    started.swtpm.extend(12);
    assert_eq!(refusal(&started, &ahead), other);
    // Another kernel image was started.
    restart(&mut started, CHANGED);
    started.swtpm.extend(11);
    assert!(refusal(&started, &ahead).starts_with("comparing PCRs with their signature: "));
}

/// Root may sign anything, and still gets no key while the system runs.
#[test]
fn whoever_signs_gets_nothing_once_a_volume_was_opened() {
    let started = Started::new("ahead-root");
    let (approver, mut ahead) = made(&started, None);
    ahead.announced = Some(announced(&started, &approver, &value(&"ab".repeat(32))));
    assert_eq!(*unseal(&started, &ahead, None).unwrap(), SECRET);
    // The state in the running system. What is signed leaves PCR 15 out, too.
    started.swtpm.extend(15);
    let policy = pattern::token::policy_digest(pcr7(), Bank::Sha256, &[value(&"ab".repeat(32))]);
    let signature = started.swtpm.connect().sign_ahead(&approver, &policy).unwrap();
    let literal = pcr7();
    ahead.announced = Some(Announced {
        policy,
        image: None,
        additions: false,
        literal,
        signature,
        earlier: Default::default(),
    });
    let presented = Presented::default();
    let refused = Tpm::unseal_ahead(&started.swtpm.tcti(), &ahead, None, presented).unwrap_err().to_string();
    assert!(refused.starts_with("unsealing: "), "{refused}");
}

#[test]
fn only_the_key_of_the_volume_and_its_tpm_signs() {
    let mut started = Started::new("ahead-forged");
    let (approver, mut ahead) = made(&started, None);
    let other = started.swtpm.connect().make_approver(PASSWORD.into()).unwrap();
    let forged = announced(&started, &other, &value(CHANGED));
    restart(&mut started, CHANGED);
    ahead.announced = Some(forged.clone());
    assert!(refusal(&started, &ahead).starts_with("checking the signature of an announced change: "));
    // The key that signed it is put into the token. But the sealed object does not have that key's
    // policy.
    let planted = Ahead { key: other.key.public.clone(), ..ahead.clone() };
    let words = Ahead::parse(&planted.to_json()).unwrap_err().to_string();
    assert_eq!(words, "blob of a systemd-tpm2 token is not a data object under the policy of key alone");
    assert!(refusal(&started, &planted).starts_with("unsealing: "));
    // An attacker has the file, but not the right password, or uses it on another machine.
    let wrong = Approver { auth: [5; 32].into(), ..approver.clone() };
    assert!(started.swtpm.connect().sign_ahead(&wrong, &[0; 32]).is_err());
    started.swtpm.replace();
    assert!(started.swtpm.connect().sign_ahead(&approver, &[0; 32]).is_err());
}

#[test]
fn a_pin_is_still_asked_for() {
    let mut started = Started::new("ahead-pin");
    let (approver, mut ahead) = made(&started, Some("271828"));
    ahead.announced = Some(announced(&started, &approver, &value(CHANGED)));
    restart(&mut started, CHANGED);
    assert!(matches!(unseal(&started, &ahead, None), Err(TpmError::NoPin)));
    assert!(matches!(unseal(&started, &ahead, Some("000000")), Err(TpmError::WrongPin(_))));
    assert_eq!(*unseal(&started, &ahead, Some("271828")).unwrap(), SECRET);
}

#[test]
fn it_takes_fifteen_commands_and_the_secret_never_goes_in_clear() {
    let mut started = Started::new("ahead-commands");
    let (approver, mut ahead) = made(&started, None);
    ahead.announced = Some(announced(&started, &approver, &value(CHANGED)));
    restart(&mut started, CHANGED);
    started.swtpm.tcti();
    let (tcti, heard) = started.swtpm.observed();
    let presented = Presented { signatures: Some(&started.signatures), pin: None };
    assert_eq!(*Tpm::unseal_ahead(&tcti, &ahead, Some(&started.key), presented).unwrap(), SECRET);
    let heard = heard.lock().unwrap();
    assert_eq!(
        heard.names(),
        [
            "LoadExternal",
            "VerifySignature",
            "FlushContext",
            "LoadExternal",
            "VerifySignature",
            "FlushContext",
            "StartAuthSession",
            "PolicyPCR",
            "PolicyAuthorize",
            "PolicyPCR",
            "PolicyAuthorize",
            "PolicyPCR",
            "Load",
            "Unseal",
            "FlushContext",
        ]
    );
    assert!(!heard.bytes.windows(8).any(|window| SECRET.starts_with(window)));
}

/// Replacing the volume's key also ends what was announced before. All parts together take at most
/// 18 commands.
#[test]
fn an_announced_change_is_worth_nothing_after_the_next_count() {
    let mut started = Started::new("ahead-counted");
    let counter = Index::revocation("u");
    let count = started.swtpm.connect().count_up(&counter).unwrap();
    let counted = Some(Counted { handle: counter.handle, count });
    let (approver, mut ahead) = made_at(&started, counted, Some("271828"));
    ahead.announced = Some(announced(&started, &approver, &value(CHANGED)));
    restart(&mut started, CHANGED);
    assert!(matches!(unseal(&started, &ahead, None), Err(TpmError::NoPin)));
    assert_eq!(*unseal(&started, &ahead, Some("271828")).unwrap(), SECRET);
    started.swtpm.tcti();
    let (tcti, heard) = started.swtpm.observed();
    let presented = Presented { signatures: Some(&started.signatures), pin: Some("271828") };
    Tpm::unseal_ahead(&tcti, &ahead, Some(&started.key), presented).unwrap();
    let commands = heard.lock().unwrap().names();
    assert!(commands.len() <= 18 && commands.contains(&"PolicyNV".to_owned()), "{commands:?}");

    started.swtpm.connect().count_up(&counter).unwrap();
    let refused = refusal(&started, &ahead);
    assert!(
        refused.starts_with(&format!("this key was replaced: the TPM has counted to {}", count + 1)),
        "{refused}"
    );
    assert!(unseal(&started, &ahead, Some("271828")).is_err());
}
