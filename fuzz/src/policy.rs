//! What a unified kernel image brings along for the signed policy: a public key, and signatures.

use pattern::token::{Bank, Pcrs, PublicKey, Signatures, Signed};
use pattern::uki;

/// Takes a key in PEM form and the file of signatures, with a zero byte in between; or a kernel image.
///
/// # Panics
/// When a key is not read as it is given on, or an approval comes from nowhere.
pub fn policy(input: &[u8]) {
    for section in [".pcrsig", ".pcrpkey", ".profile"] {
        let place = uki::place(input, section);
        let found = uki::section(input, section);
        assert_eq!(found, place.and_then(|place| input.get(place)));
    }
    let mut parts = input.splitn(2, |byte| *byte == 0).map(|part| std::str::from_utf8(part).ok());
    let (Some(Some(pem)), Some(Some(file))) = (parts.next(), parts.next()) else { return };
    let (Ok(key), Ok(signatures)) = (PublicKey::parse(pem), Signatures::parse(file)) else { return };
    assert_eq!(PublicKey::parse(key.pem()).as_ref(), Ok(&key));
    let pcrs = Pcrs::new([11]).expect("a number of a PCR");
    for bank in [Bank::Sha256, Bank::Sha384] {
        let approvals = signatures.by(&Signed { key: key.clone(), pcrs }, bank);
        assert!(approvals.is_empty() || file.contains(bank.name()), "an approval for another bank");
    }
}
