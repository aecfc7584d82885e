mod ahead;
mod faults;
mod identity;
pub(crate) mod signed;
mod stock;

use pattern::token::{Bank, Binding, Pcrs, Token, Tpm2Token};
use zeroize::Zeroizing;

use super::connection::Place;
use super::{Presented, Result, Tcti, Tpm, TpmError};
use crate::tpm::swtpm::Swtpm;

const SECRET: [u8; 32] = *b"thirty-two bytes of test secret.";

fn pcr7() -> Pcrs {
    Pcrs::new([7]).unwrap()
}

fn measured(name: &str) -> Swtpm {
    let swtpm = Swtpm::start(name);
    swtpm.extend(7);
    swtpm
}

/// Binds to the present values.
fn kept(pcrs: Pcrs, bank: Bank) -> Binding {
    Binding::new(bank, None, Some(pcrs))
}

fn seal(swtpm: &Swtpm, pcrs: Pcrs, bank: Bank) -> Tpm2Token {
    let token = swtpm.connect().seal(&SECRET, &kept(pcrs, bank), None, 0).unwrap();
    let Token::Tpm2(read) = Token::parse(&token.to_json()).unwrap() else { panic!("another token") };
    assert_eq!(*read, token);
    token
}

fn unseal(swtpm: &Swtpm, token: &Tpm2Token) -> Result<Zeroizing<Vec<u8>>> {
    Tpm::unseal(&swtpm.tcti(), token, Presented::default())
}

fn refusal(swtpm: &Swtpm, token: &Tpm2Token) -> String {
    unseal(swtpm, token).unwrap_err().to_string()
}

#[test]
fn a_secret_comes_back_after_a_restart_with_the_same_pcrs_and_with_no_others() {
    let mut swtpm = Swtpm::start("unseal");
    for bank in [Bank::Sha256, Bank::Sha384] {
        swtpm.restart();
        swtpm.extend(7);
        let token = seal(&swtpm, pcr7(), bank);
        swtpm.restart();
        swtpm.extend(7);
        assert_eq!(*unseal(&swtpm, &token).unwrap(), SECRET);
        swtpm.extend(11);
        assert_eq!(*unseal(&swtpm, &token).unwrap(), SECRET);
        swtpm.extend(7);
        let message = format!("PCR 7 ({}) changed since the volume was bound to it", bank.name());
        assert!(refusal(&swtpm, &token).starts_with(&message), "{}", refusal(&swtpm, &token));
    }
}

#[test]
fn more_pcrs_than_a_tpm_reads_at_once_are_all_bound() {
    let swtpm = measured("many");
    let token = seal(&swtpm, Pcrs::new(0..16).unwrap(), Bank::Sha256);
    assert_eq!(*unseal(&swtpm, &token).unwrap(), SECRET);
    swtpm.extend(14);
    let message = refusal(&swtpm, &token);
    assert!(message.starts_with("PCR 0+1+2+3+4+5+6+7+8+9+10+11+13+14 (sha256) changed"), "{message}");
}

#[test]
fn unsealing_takes_five_commands_and_the_secret_never_goes_in_clear() {
    let swtpm = measured("four");
    let (tcti, heard) = swtpm.observed();
    let token = Tpm::open(tcti.place()).unwrap().seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0).unwrap();
    heard.lock().unwrap().codes.clear();
    assert_eq!(*Tpm::unseal(&tcti, &token, Presented::default()).unwrap(), SECRET);
    let heard = heard.lock().unwrap();
    assert_eq!(heard.names(), ["StartAuthSession", "PolicyPCR", "Load", "Unseal", "FlushContext"]);
    assert!(!heard.bytes.windows(8).any(|window| SECRET.starts_with(window)));
    assert!(heard.bytes.windows(8).any(|window| token.policy.starts_with(window)), "the ear is deaf");
}

#[test]
fn sessions_and_objects_do_not_pile_up() {
    let swtpm = measured("pile");
    let token = seal(&swtpm, pcr7(), Bank::Sha256);
    let tcti = swtpm.tcti();
    // A TPM without a resource manager has room for three objects and three sessions.
    for _ in 0..8 {
        assert_eq!(*Tpm::unseal(&tcti, &token, Presented::default()).unwrap(), SECRET);
    }
    let mut tpm = swtpm.connect();
    for _ in 0..8 {
        tpm.seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0).unwrap();
    }
    swtpm.extend(7);
    for _ in 0..8 {
        let refused = Tpm::unseal(&tcti, &token, Presented::default()).unwrap_err().to_string();
        assert!(refused.starts_with("PCR 7 (sha256) changed"), "{refused}");
    }
}

#[test]
fn a_cleared_tpm_and_another_one_are_told_apart_from_changed_pcrs() {
    let mut swtpm = measured("cleared");
    let token = seal(&swtpm, pcr7(), Bank::Sha256);
    swtpm.tool("tpm2_clear -c p");
    let cleared = "the TPM was cleared, or is another one: it has no storage root key at 0x81000001";
    assert_eq!(refusal(&swtpm, &token), cleared);
    seal(&swtpm, pcr7(), Bank::Sha256);
    let again = "the TPM was cleared and set up again, or is another one: \
                 the storage root key at 0x81000001 has another name than when the volume was made";
    assert_eq!(refusal(&swtpm, &token), again);
    swtpm.replace();
    swtpm.extend(7);
    assert_eq!(refusal(&swtpm, &token), cleared);
}

#[test]
fn a_tpm_in_lockout_is_named() {
    let swtpm = measured("lockout");
    // A storage root key that counts wrong tries, as some firmware makes it. Ours does not.
    swtpm.tool("tpm2_createprimary -C o -G ecc256:aes128cfb");
    swtpm.tool("tpm2_evictcontrol -C o -c 0x80000000 0x81000001");
    swtpm.tool("tpm2_flushcontext -t");
    let token = seal(&swtpm, pcr7(), Bank::Sha256);
    swtpm.tool("tpm2_create -C 0x81000001 -G hmac -p right -r key.private -u key.public");
    swtpm.tool("tpm2_flushcontext -t");
    swtpm.tool("tpm2_load -C 0x81000001 -r key.private -u key.public -c key");
    swtpm.tool("tpm2_flushcontext -t");
    assert_eq!(*unseal(&swtpm, &token).unwrap(), SECRET);
    swtpm.tool("tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000");
    assert!(!swtpm.try_tool("tpm2_hmac -c key -p wrong key.public"), "a wrong password did");
    swtpm.tool("tpm2_flushcontext -t");
    let locked = "the TPM is locked out after too many wrong tries; leave the machine on, it recovers in minutes to hours";
    assert_eq!(refusal(&swtpm, &token), locked);
    let sealing = swtpm.connect().seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0).unwrap_err();
    assert_eq!(sealing.to_string(), locked);
}

#[test]
fn a_policy_that_protects_nothing_is_not_sealed_under() {
    let swtpm = Swtpm::start("nothing");
    let refusal =
        |pcrs| swtpm.connect().seal(&SECRET, &kept(pcrs, Bank::Sha256), None, 0).unwrap_err().to_string();
    let dead = refusal(pcr7());
    assert!(
        dead.starts_with("nothing that started this boot was measured in the sha256 bank of PCRs"),
        "{dead}"
    );
    let untouched = refusal(Pcrs::new([4]).unwrap());
    assert!(untouched.starts_with("nothing was measured into PCR 4 (sha256)"), "{untouched}");
    swtpm.extend(16);
    let resettable = refusal(Pcrs::new([16]).unwrap());
    assert!(resettable.starts_with("any program can reset PCR 16"), "{resettable}");
}

#[test]
fn a_missing_bank_is_named() {
    let mut swtpm = measured("bank");
    swtpm.tool("tpm2_pcrallocate sha1:none+sha256:all+sha384:none+sha512:none");
    swtpm.restart();
    swtpm.tool(&format!("tpm2_pcrextend 7:sha256={}", "ab".repeat(32)));
    let missing =
        swtpm.connect().seal(&SECRET, &kept(pcr7(), Bank::Sha384), None, 0).unwrap_err().to_string();
    assert_eq!(missing, "the TPM has no sha384 bank of PCRs; turn it on in the firmware's setup");
    assert!(swtpm.connect().seal(&SECRET, &kept(pcr7(), Bank::Sha256), None, 0).is_ok());
}

#[test]
fn no_tpm_is_named() {
    let nowhere = Tcti::of(Place::Devices(vec!["/nonexistent/tpm0".into(), "/nonexistent/tpmrm0".into()]));
    let missing = nowhere.ask(|tpm| tpm.lockout()).unwrap_err().to_string();
    assert_eq!(
        missing,
        "no TPM: /nonexistent/tpmrm0 does not exist; turn the TPM on in the firmware's setup"
    );
    assert!(Swtpm::start("there").connect().pcr_values(pcr7(), Bank::Sha256).is_ok());
}
