//! Parses the binary parts of a `systemd-tpm2` token: the sealed object, and the key that it is
//! sealed to.
//!
//! Both consist of big-endian numbers, and of byte strings with a 16-bit length before them (TPM
//! 2.0 Library, Part 2, "TPM2B_" types).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Digest, TokenError};

const ALG_SHA256: u16 = 0x000b;
const ALG_SHA384: u16 = 0x000c;
const ALG_SHA512: u16 = 0x000d;
const ALG_KEYEDHASH: u16 = 0x0008;
const ALG_NULL: u16 = 0x0010;
/// fixedTPM and fixedParent: the object can't leave the TPM. noDA: no dictionary-attack counter.
const FIXED: u32 = 0x2 | 0x10;
const NO_DA: u32 = 0x400;
/// FIXED, sensitiveDataOrigin, restricted, decrypt: the TPM made the key, keeps it, and uses it
/// only for children.
const STORAGE_KEY: u32 = FIXED | 0x20 | 0x1_0000 | 0x2_0000;
/// `IESYSC_KEY_RSRC`: the type that ESAPI writes before the public area of a key that it
/// serialises.
const ESYS_KEY: u32 = 1;

/// A secret sealed by a TPM, in the parts that the command `Load` needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Contents of the `TPM2B_PRIVATE`, encrypted by the TPM.
    pub private: Vec<u8>,
    /// Contents of the `TPM2B_PUBLIC`: a `TPMT_PUBLIC`.
    pub public: Vec<u8>,
}

/// The storage root key: an ESAPI resource as `Esys_TR_Serialize` writes it. Another system may
/// have made it, so it may be of any type, and its name of another algorithm than ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srk {
    handle: u32,
    /// The number of an algorithm, and a digest of the public area.
    name: Vec<u8>,
    public: Vec<u8>,
}

impl Sealed {
    /// Splits `tpm2-blob` into its private and its public part.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let malformed = TokenError::Malformed("tpm2-blob", "a private and a public part");
        let mut reader = Reader(bytes);
        let (private, public) = reader.sized().zip(reader.sized()).ok_or(malformed)?;
        if !reader.0.is_empty() {
            return Err(TokenError::NotSupported("a key sealed away from its TPM (encrypted seed)"));
        }
        Ok(Self { private: private.to_vec(), public: public.to_vec() })
    }

    /// Returns the bytes of `tpm2-blob`.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.private.len() + self.public.len());
        push_sized(&mut bytes, &self.private);
        push_sized(&mut bytes, &self.public);
        bytes
    }

    /// Returns the object's policy, if the object is like those that systemd seals: bound to its
    /// TPM, data only, and accessible only through the policy.
    pub(super) fn policy(&self) -> Option<Digest> {
        let mut reader = Reader(&self.public);
        let head = reader.u16()? == ALG_KEYEDHASH && reader.u16()? == ALG_SHA256;
        let attributes = reader.u32()? & !NO_DA == FIXED;
        let policy = reader.sized()?.try_into().ok()?;
        let tail = reader.u16()? == ALG_NULL && reader.sized()?.len() == 32 && reader.0.is_empty();
        (head && attributes && tail).then_some(policy)
    }
}

impl Srk {
    /// Parses `tpm2_srk`, and checks that the name is that of the public area.
    ///
    /// # Errors
    /// When the bytes are not a persistent key of the owner.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let malformed = |form| TokenError::Malformed("tpm2_srk", form);
        let srk = Self::read(bytes).ok_or(malformed("a serialised key"))?;
        if !(0x8100_0000..=0x817f_ffff).contains(&srk.handle) {
            return Err(malformed("a persistent key of the owner"));
        }
        let digest = srk.digest().ok_or(malformed("a key with a name by SHA-256, SHA-384 or SHA-512"))?;
        if srk.name[2..] != digest {
            return Err(malformed("a key with the name of its public area"));
        }
        if srk.attributes().is_none_or(|bits| bits & STORAGE_KEY != STORAGE_KEY) {
            return Err(malformed("a storage key that its TPM made and keeps"));
        }
        Ok(srk)
    }

    /// Returns the `TPMA_OBJECT` of the public area, which follows type and name algorithm.
    fn attributes(&self) -> Option<u32> {
        let mut reader = Reader(&self.public);
        let _type_and_name = reader.u32()?;
        reader.u32()
    }

    /// Returns the digest that the name should have.
    fn digest(&self) -> Option<Vec<u8>> {
        match Reader(&self.name).u16()? {
            ALG_SHA256 => Some(Sha256::digest(&self.public).to_vec()),
            ALG_SHA384 => Some(Sha384::digest(&self.public).to_vec()),
            ALG_SHA512 => Some(Sha512::digest(&self.public).to_vec()),
            _ => None,
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let handle = reader.u32()?;
        let name = reader.sized()?.to_vec();
        let key = reader.u32()? == ESYS_KEY;
        let public = reader.sized()?.to_vec();
        (key && reader.0.is_empty()).then_some(Self { handle, name, public })
    }

    /// Returns the bytes of `tpm2_srk`, for `Esys_TR_Deserialize`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.handle.to_be_bytes().to_vec();
        push_sized(&mut bytes, &self.name);
        bytes.extend_from_slice(&ESYS_KEY.to_be_bytes());
        push_sized(&mut bytes, &self.public);
        bytes
    }

    /// Returns the persistent handle, usually `0x81000001`.
    #[must_use]
    pub fn handle(&self) -> u32 {
        self.handle
    }
}

/// Appends a part with its length. The length fits, because the part came with one from a token or
/// a TPM.
fn push_sized(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
}

/// Reads the parts of what a TPM writes.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}
