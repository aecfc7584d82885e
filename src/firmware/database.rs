//! Parses and changes signature databases: the content of `db`, `dbx` and `KEK`, and files that
//! change it (UEFI Specification, "Signature Database" and "Variable Services").

use std::collections::BTreeSet;
use std::fmt;

use super::reader::Reader;

/// Firmware has a few tens of kilobytes for all of its variables.
const LARGEST: usize = 1 << 20;
/// Bytes of an `EFI_SIGNATURE_LIST` before its header.
const LIST: usize = 28;
/// Bytes of the owner's name before each signature.
const OWNER: usize = 16;
/// `EFI_CERT_TYPE_PKCS7_GUID`, as in memory.
const PKCS7: &[u8; 16] = b"\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7";
/// `WIN_CERT_TYPE_EFI_GUID`.
const CERTIFICATE_KIND: u16 = 0x0ef1;
/// Bytes of `WIN_CERTIFICATE` and the GUID of its kind.
const CERTIFICATE: usize = 24;

/// Why bytes are not a database, or not a change of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DatabaseError {
    /// Larger than what firmware stores.
    TooLarge,
    /// Not made of complete signature lists.
    Malformed,
    /// Does not start with a time and a signature, unlike files that change a variable.
    NotSigned,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the signature database is larger than {} MiB", LARGEST >> 20),
            Self::Malformed => f.write_str("the signature database is not made of whole signature lists"),
            Self::NotSigned => f.write_str(
                "the file is not a signed change of a variable (EFI_VARIABLE_AUTHENTICATION_2 and signature lists)",
            ),
        }
    }
}

impl std::error::Error for DatabaseError {}

/// A certificate, a hash or a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry<'a> {
    pub(super) kind: [u8; 16],
    /// `EFI_SIGNATURE_DATA`: the owner's name, and the rest.
    signature: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Returns what an event contains of an entry that verified something.
    pub(super) fn signature(self) -> &'a [u8] {
        self.signature
    }

    /// Returns the certificate, hash or key, whoever added it.
    pub(super) fn value(self) -> &'a [u8] {
        self.signature.get(OWNER..).unwrap_or_default()
    }
}

/// An `EFI_SIGNATURE_LIST`: entries of one kind and size.
struct List<'a> {
    kind: [u8; 16],
    /// The bytes between the sizes and the first entry. All existing kinds have none.
    header: &'a [u8],
    size: usize,
    signatures: &'a [u8],
}

impl<'a> List<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let kind = reader.array()?;
        let (length, header, size) = (reader.size()?, reader.size()?, reader.size()?);
        let header = reader.take(header)?;
        let signatures = reader.take(length.checked_sub(LIST)?.checked_sub(header.len())?)?;
        let whole = size > OWNER && signatures.len().is_multiple_of(size);
        whole.then_some(Self { kind, header, size, signatures })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let kind = self.kind;
        self.signatures.chunks_exact(self.size).map(move |signature| Entry { kind, signature })
    }

    /// Returns the same list with only these entries.
    fn with(&self, entries: &[Entry<'_>]) -> Vec<u8> {
        let length = LIST + self.header.len() + entries.len() * self.size;
        // None of them is longer than the input, whose length has 32 bits.
        let sizes = [length, self.header.len(), self.size].map(|size| (size as u32).to_le_bytes()).concat();
        let mut bytes = [&self.kind[..], &sizes, self.header].concat();
        entries.iter().for_each(|entry| bytes.extend_from_slice(entry.signature));
        bytes
    }
}

fn lists(content: &[u8]) -> Result<Vec<List<'_>>, DatabaseError> {
    if content.len() > LARGEST {
        return Err(DatabaseError::TooLarge);
    }
    let mut reader = Reader(content);
    let mut lists = Vec::new();
    while !reader.0.is_empty() {
        lists.push(List::read(&mut reader).ok_or(DatabaseError::Malformed)?);
    }
    Ok(lists)
}

/// Returns the entries of a database, in its order.
///
/// # Errors
/// When it is not made of complete signature lists.
pub fn entries(content: &[u8]) -> Result<Vec<Entry<'_>>, DatabaseError> {
    Ok(lists(content)?.iter().flat_map(List::entries).collect())
}

/// Returns the database after an append. Like edk2, it skips existing entries and does not merge
/// lists.
///
/// # Errors
/// When either of them is not a database.
pub fn append(old: &[u8], new: &[u8]) -> Result<Vec<u8>, DatabaseError> {
    let there: BTreeSet<_> = entries(old)?.into_iter().collect();
    let mut content = old.to_vec();
    for list in lists(new)? {
        let added: Vec<_> = list.entries().filter(|entry| !there.contains(entry)).collect();
        if !added.is_empty() {
            content.extend(list.with(&added));
        }
    }
    if content.len() > LARGEST { Err(DatabaseError::TooLarge) } else { Ok(content) }
}

/// Returns the signature lists of an `.auth` file, or of a revocation list as the UEFI Forum
/// publishes it: the part after the time and the signature. The firmware checks the signature, not
/// this function.
///
/// # Errors
/// When the file has another format.
pub fn payload(file: &[u8]) -> Result<&[u8], DatabaseError> {
    let lists = signed(file).ok_or(DatabaseError::NotSigned)?;
    entries(lists).map(|_| lists)
}

fn signed(file: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(file);
    let _time = reader.take(16)?;
    let length = reader.size()?;
    let (_revision, kind, name) = (reader.u16()?, reader.u16()?, reader.take(16)?);
    if kind != CERTIFICATE_KIND || name != PKCS7 {
        return None;
    }
    let _signature = reader.take(length.checked_sub(CERTIFICATE)?)?;
    Some(reader.0)
}

#[cfg(test)]
mod tests;
