//! Computes the digests of policies, as a TPM does (TPM 2.0 Library, Part 3, "Enhanced
//! Authorization").

use sha2::{Digest as _, Sha256};

use super::{Bank, Digest, Exposed, Pcrs, PublicKey, TokenError, protects};
use crate::record::nv::{Index, REVOCATIONS};

/// Codes of the commands (Part 2, table "TPM_CC").
const POLICY_NV: u32 = 0x149;
const POLICY_AUTHORIZE: u32 = 0x16a;
const POLICY_AUTH_VALUE: u32 = 0x16b;
const POLICY_PCR: u32 = 0x17f;

/// The PCR that the signatures of a unified kernel image cover: what systemd-stub started, and the
/// phase of the boot.
pub(super) const OF_THE_IMAGE: u8 = 11;
/// The default PCR to bind to: the Secure Boot state and its certificates.
const SECURE_BOOT: u8 = 7;

/// PCR values that are accepted if the owner of a key signed them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The key.
    pub key: PublicKey,
    /// The PCRs that the signatures cover.
    pub pcrs: Pcrs,
}

/// A count of the TPM at which a secret is valid. The TPM never counts back, so after the next
/// count the secret is worthless, whatever copy of the header has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// The handle of the counter, one of [`crate::record::nv::REVOCATIONS`].
    pub handle: u32,
    /// The count.
    pub count: u64,
}

impl Counted {
    /// Parses both numbers. A LUKS2 header has them as text.
    pub(super) fn parse(counter: Option<&str>, count: Option<&str>) -> Result<Self, TokenError> {
        let handle = counter.and_then(|text| text.parse().ok()).filter(|handle| REVOCATIONS.contains(handle));
        Ok(Self {
            handle: handle
                .ok_or(TokenError::Malformed("counter", "the handle of a counter of sealed keys"))?,
            count: count
                .and_then(|text| text.parse().ok())
                .ok_or(TokenError::Malformed("count", "a number"))?,
        })
    }

    /// Returns the counter's index.
    #[must_use]
    pub fn index(self) -> Index {
        Index::revocation_at(self.handle)
    }
}

/// What a secret is bound to. At least one part must protect it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The bank of all PCRs.
    pub bank: Bank,
    /// PCRs with any value that a key's owner signed.
    pub signed: Option<Signed>,
    /// PCRs with their present values.
    pub kept: Option<Pcrs>,
    /// PCRs into which nothing was measured since power-on, whatever their present values. A reset
    /// of the machine gives all zeros, so they protect nothing by themselves. They take precedence
    /// over `kept`.
    pub untouched: Option<Pcrs>,
    /// The count of the TPM at which the secret is valid. It protects nothing by itself either.
    pub counted: Option<Counted>,
}

impl Binding {
    /// Binds to an image's key if it has one, and to the present values of these PCRs. Without
    /// both, binds to PCR 7.
    #[must_use]
    pub fn new(bank: Bank, key: Option<PublicKey>, kept: Option<Pcrs>) -> Self {
        let signed = key.map(|key| Signed { key, pcrs: Pcrs::one(OF_THE_IMAGE) });
        let kept = if signed.is_none() { kept.or(Some(Pcrs::one(SECURE_BOOT))) } else { kept };
        Self { bank, signed, kept, untouched: None, counted: None }
    }

    /// Binds to the present values of these PCRs, too.
    #[must_use]
    pub fn and_kept(self, pcrs: Pcrs) -> Self {
        Self { kept: Some(self.kept.map_or(pcrs, |kept| kept | pcrs)), ..self }
    }

    /// Returns the PCRs that the token lists one by one: `tpm2-pcrs`.
    #[must_use]
    pub fn literal(&self) -> Option<Pcrs> {
        match (self.kept, self.untouched) {
            (Some(kept), Some(untouched)) => Some(kept | untouched),
            (kept, untouched) => kept.or(untouched),
        }
    }

    /// Checks that the parts protect something with the present PCRs, and returns the policy over
    /// them.
    ///
    /// # Errors
    /// When they protect nothing.
    pub fn policy<E: From<Exposed>>(
        &self,
        pin: bool,
        mut read: impl FnMut(Pcrs, Bank) -> Result<Vec<Vec<u8>>, E>,
    ) -> Result<Digest, E> {
        if self.signed.is_none() && self.kept.is_none() {
            return Err(Exposed::Nothing.into());
        }
        if let Some(Signed { pcrs, .. }) = self.signed {
            protects(pcrs, self.bank, &read(pcrs, self.bank)?).map_err(Exposed::of_signed)?;
        }
        let kept = match self.kept {
            None => Vec::new(),
            Some(pcrs) => {
                let values = read(pcrs, self.bank)?;
                match protects(pcrs, self.bank, &values) {
                    // Besides a signature, untouched PCRs may say that nothing was added.
                    Err(Exposed::Untouched(..)) if self.signed.is_some() => {}
                    done => done?,
                }
                pcrs.iter().zip(values).collect()
            }
        };
        let literal = self.literal().map(|pcrs| (pcrs, self.bank, self.values(pcrs, &kept)));
        let literal = literal.as_ref().map(|(pcrs, bank, values)| (*pcrs, *bank, &values[..]));
        Ok(digest(self.signed.as_ref(), literal, self.counted, pin))
    }

    fn values(&self, literal: Pcrs, kept: &[(u8, Vec<u8>)]) -> Vec<Vec<u8>> {
        let untouched = |pcr| self.untouched.is_some_and(|pcrs| pcrs.iter().any(|one| one == pcr));
        let value = |pcr| match kept.iter().find(|(one, _)| *one == pcr) {
            Some((_, value)) if !untouched(pcr) => value.clone(),
            _ => self.bank.zeros(),
        };
        literal.iter().map(value).collect()
    }
}

/// Returns the digest of a whole policy, with its parts in systemd's order. Values are in the order
/// of [`Pcrs::iter`].
#[must_use]
pub fn digest(
    signed: Option<&Signed>,
    literal: Option<(Pcrs, Bank, &[Vec<u8>])>,
    counted: Option<Counted>,
    pin: bool,
) -> Digest {
    let start = signed.map_or([0; 32], |signed| authorize(&signed.key.name()));
    let literal = literal.map_or(start, |(pcrs, bank, values)| pcr(start, pcrs, bank, values));
    rest(literal, counted, pin)
}

/// Adds the part that systemd does not have, and the PIN.
fn rest(before: Digest, counted: Option<Counted>, pin: bool) -> Digest {
    let counted = counted.map_or(before, |counted| count(before, counted));
    if pin { extend(counted, POLICY_AUTH_VALUE, &[]) } else { counted }
}

/// Adds `PolicyNV`: all bytes of the counter, from 0, are equal (operation 0).
fn count(before: Digest, counted: Counted) -> Digest {
    let arguments = Sha256::new().chain_update(counted.count.to_be_bytes()).chain_update([0; 4]).finalize();
    extend(before, POLICY_NV, &[&arguments[..], &counted.index().name(&[])].concat())
}

/// Returns the digest of a policy over only these values, which signatures are made over.
#[must_use]
pub fn policy_digest(pcrs: Pcrs, bank: Bank, values: &[Vec<u8>]) -> Digest {
    pcr([0; 32], pcrs, bank, values)
}

/// Returns the digest of a policy that accepts any policy signed by the owner of a key, as long as
/// these PCRs are untouched.
#[must_use]
pub fn authorized_digest(
    name: &[u8],
    untouched: Pcrs,
    bank: Bank,
    counted: Option<Counted>,
    pin: bool,
) -> Digest {
    let zeros: Vec<_> = untouched.iter().map(|_| bank.zeros()).collect();
    let untouched = pcr(authorize(name), untouched, bank, &zeros);
    rest(untouched, counted, pin)
}

/// Returns the digest after `PolicyAuthorize`. It discards what came before, so any policy that the
/// key's owner signed leads to this digest. The second round is for a reference, which is empty in
/// systemd.
fn authorize(name: &[u8]) -> Digest {
    Sha256::digest(extend([0; 32], POLICY_AUTHORIZE, name)).into()
}

fn pcr(before: Digest, pcrs: Pcrs, bank: Bank, values: &[Vec<u8>]) -> Digest {
    let select = pcrs.select();
    let selection = [&[0, 0, 0, 1][..], &bank.algorithm().to_be_bytes(), &[3], &select].concat();
    let values = values.iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    extend(before, POLICY_PCR, &[&selection, &values[..]].concat())
}

fn extend(before: Digest, command: u32, what: &[u8]) -> Digest {
    let code = command.to_be_bytes();
    Sha256::new().chain_update(before).chain_update(code).chain_update(what).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::samples;

    fn pcrs(numbers: &[u64]) -> Pcrs {
        Pcrs::new(numbers.iter().copied()).unwrap()
    }

    fn signed() -> Signed {
        Signed { key: PublicKey::parse(samples::PEM).unwrap(), pcrs: pcrs(&[11]) }
    }

    /// Computes the policy in a boot in which PCR 0 to 14 were extended.
    fn policy(binding: &Binding) -> Result<Digest, Exposed> {
        let read = |pcrs: Pcrs, bank: Bank| {
            Ok(pcrs.iter().map(|pcr| if pcr < 15 { vec![6; 32] } else { bank.zeros() }).collect())
        };
        binding.policy(false, read)
    }

    fn hex(digest: Digest) -> String {
        crate::hex::encode(&digest)
    }

    #[test]
    fn a_key_takes_the_place_of_pcr_7() {
        let new = |key: bool, kept| Binding::new(Bank::Sha256, key.then(|| signed().key), kept);
        assert_eq!(new(true, None), Binding { signed: Some(signed()), kept: None, ..new(false, None) });
        assert_eq!(new(true, Some(pcrs(&[4, 7]))).kept, Some(pcrs(&[4, 7])));
        assert_eq!((new(false, None).signed, new(false, None).kept), (None, Some(pcrs(&[7]))));
        assert_eq!(new(false, Some(pcrs(&[4]))).kept, Some(pcrs(&[4])));
    }

    #[test]
    fn each_part_adds_to_the_digest() {
        // Computed independently of this program, with Python's hashlib.
        let authorize = digest(Some(&signed()), None, None, false);
        assert_eq!(hex(authorize), "42dc91071f4e321859700ffb4e5734356dc764217bf9addccfb6e33b7c735ead");
        let values = [vec![6; 32]];
        let literal = Some((pcrs(&[7]), Bank::Sha256, &values[..]));
        let both = digest(Some(&signed()), literal, None, false);
        assert_eq!(hex(both), "cd46a6202002b62897c05ebe0a1293950377468682aca9d2507dbbfee616f32d");
        let pin = digest(Some(&signed()), literal, None, true);
        assert_eq!(hex(pin), "a902e2c7e14540aa293828fc7c539294884c7dd4b3e6e1b6e9f6064f04ec0fbd");
        let counted = Some(Counted { handle: 0x01b0_0001, count: 5 });
        let count = digest(Some(&signed()), literal, counted, false);
        assert_eq!(hex(count), "8b44b141e46ccdff442960550fbce06ee5efc46c0095b74a28c5f446e10b0ac9");
        assert_ne!(
            count,
            digest(Some(&signed()), literal, Some(Counted { handle: 0x01b0_0001, count: 6 }), false)
        );
        assert_ne!(
            count,
            digest(Some(&signed()), literal, Some(Counted { handle: 0x01b0_0002, count: 5 }), false)
        );
        assert_eq!(digest(None, literal, None, false), policy_digest(pcrs(&[7]), Bank::Sha256, &values));
    }

    #[test]
    fn untouched_pcrs_are_bound_as_zeros_and_protect_nothing_alone() {
        let bank = Bank::Sha256;
        let mut binding =
            Binding { bank, signed: None, kept: None, untouched: Some(pcrs(&[15])), counted: None };
        assert_eq!(policy(&binding), Err(Exposed::Nothing));
        binding.kept = Some(pcrs(&[7]));
        let expected = policy_digest(pcrs(&[7, 15]), bank, &[vec![6; 32], bank.zeros()]);
        assert_eq!(policy(&binding), Ok(expected));
        // Already extended, as in the running system.
        binding.untouched = Some(pcrs(&[14]));
        let expected = policy_digest(pcrs(&[7, 14]), bank, &[vec![6; 32], bank.zeros()]);
        assert_eq!(policy(&binding), Ok(expected));
        binding.kept = Some(pcrs(&[7, 14]));
        assert_eq!(policy(&binding), Ok(expected));
        assert_eq!(binding.literal(), Some(pcrs(&[7, 14])));
        binding.kept = Some(pcrs(&[15]));
        assert_eq!(policy(&binding), Err(Exposed::Untouched(pcrs(&[15]), bank)));
    }

    #[test]
    fn a_signature_protects_by_itself_where_its_pcr_is_used() {
        let mut binding = Binding::new(Bank::Sha256, Some(signed().key), None);
        assert_eq!(policy(&binding), Ok(digest(Some(&signed()), None, None, false)));
        assert_eq!(binding.literal(), None);
        binding.kept = Some(pcrs(&[15]));
        assert_ne!(policy(&binding), Ok(digest(Some(&signed()), None, None, false)));
        assert!(policy(&binding).is_ok());
        binding.signed = Some(Signed { pcrs: pcrs(&[15]), ..signed() });
        assert_eq!(policy(&binding), Err(Exposed::Unmeasured(pcrs(&[15]), Bank::Sha256)));
        binding.kept = None;
        let none = Binding { signed: None, ..binding };
        assert_eq!(policy(&none), Err(Exposed::Nothing));
    }
}
