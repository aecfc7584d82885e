//! A signed image seals, records and opens in whichever bank says something about the boot.

use pattern::record::identity::BYTES;
use pattern::record::nv::Index;
use pattern::sealing::binding::{of_the_key, of_the_record};
use pattern::token::{PublicKey, Signatures};
use sha2::{Digest as _, Sha256, Sha384};

use super::*;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::tests::signed::{KERNEL, PHASE, make_key, sign_in};
use crate::tpm::{Held, Nv, Presented, Tpm};
use crate::volume::samples::config;

const SECRET: [u8; 32] = [7; 32];

struct Machine {
    swtpm: Swtpm,
    key: PublicKey,
    signatures: Signatures,
}

impl Machine {
    /// A machine whose TPM has the banks `there`, and whose firmware measures into `used`.
    fn new(name: &str, there: &[Bank], used: &[Bank]) -> Self {
        let mut swtpm = Swtpm::start(name);
        let state = |bank: Bank| if there.contains(&bank) { "all" } else { "none" };
        let (two, three) = (state(Bank::Sha256), state(Bank::Sha384));
        swtpm.tool(&format!("tpm2_pcrallocate sha1:none+sha256:{two}+sha384:{three}+sha512:none"));
        swtpm.restart();
        let key = make_key(&swtpm, "key");
        let signatures =
            Signatures::parse(&sign_in(&swtpm, "key", &[PHASE], &[Bank::Sha256, Bank::Sha384])).unwrap();
        extend(&swtpm, 7, used, b"Secure Boot");
        extend(&swtpm, 11, used, b".linux\0");
        extend(&swtpm, 11, used, KERNEL);
        // The initrd measures into all banks.
        extend(&swtpm, 11, there, PHASE.as_bytes());
        Self { swtpm, key, signatures }
    }

    /// Seals, unseals and records. Returns the banks of the sealed key and of the record.
    fn try_all(&self) -> tpm::Result<(Bank, Bank)> {
        let (config, tcti, image) = (config(false), self.swtpm.tcti(), Some(&self.key));
        let signatures = Some(&self.signatures);
        let seal = |bank| tcti.ask(|tpm| tpm.seal(&SECRET, &of_the_key(&config, image, bank), None, 0));
        let token = in_a_bank(seal)?;
        assert_eq!(*Tpm::unseal(&tcti, &token, Presented { signatures, pin: None })?, SECRET);
        let (nv, bank) = in_a_bank(|bank| {
            Ok((Nv::new(&tcti, of_the_record(&config, image, bank), signatures, None)?, bank))
        })?;
        nv.keep(&Index::identity("u"), &[1; BYTES])?;
        assert_eq!(nv.held(&Index::identity("u"))?, Held::Ours(vec![1; BYTES]));
        Ok((token.bank, bank))
    }
}

fn extend(swtpm: &Swtpm, pcr: u8, banks: &[Bank], data: &[u8]) {
    for bank in banks {
        let digest = match bank {
            Bank::Sha256 => Sha256::digest(data).to_vec(),
            Bank::Sha384 => Sha384::digest(data).to_vec(),
        };
        swtpm.tool(&format!("tpm2_pcrextend {pcr}:{}={}", bank.name(), pattern::hex::encode(&digest)));
    }
}

#[test]
fn sha_256_is_used_unless_only_sha_384_says_something() {
    let (two, three) = (Bank::Sha256, Bank::Sha384);
    for (name, there, used, expected) in [
        ("bank-both", &[two, three][..], &[two, three][..], two),
        ("bank-256", &[two], &[two], two),
        ("bank-384", &[three], &[three], three),
        ("bank-dead-256", &[two, three], &[three], three),
        ("bank-dead-384", &[two, three], &[two], two),
    ] {
        let machine = Machine::new(name, there, used);
        assert_eq!(machine.try_all().unwrap(), (expected, expected), "{name}");
    }
}

#[test]
fn a_tpm_into_which_nothing_was_measured_is_named() {
    for (name, there) in
        [("bank-dead", &[Bank::Sha256, Bank::Sha384][..]), ("bank-dead-alone", &[Bank::Sha256])]
    {
        let said = Machine::new(name, there, &[]).try_all().unwrap_err().to_string();
        let expected = "nothing that started this boot was measured in the sha256 bank of PCRs, so nothing can be bound to it";
        assert!(said.starts_with(expected), "{name}: {said}");
    }
}

#[test]
fn an_image_that_is_not_signed_for_the_bank_is_named() {
    let mut machine = Machine::new("bank-unsigned", &[Bank::Sha384], &[Bank::Sha384]);
    let text = sign_in(&machine.swtpm, "key", &[PHASE], &[Bank::Sha256]);
    machine.signatures = Signatures::parse(&text).unwrap();
    let said = machine.try_all().unwrap_err().to_string();
    let expected = "this image is signed for the sha256 bank of PCRs alone, and this machine measures in the sha384 bank";
    assert!(said.starts_with(expected), "{said}");
}
