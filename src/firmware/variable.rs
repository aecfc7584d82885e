//! The variables of Secure Boot, and how the firmware measures them.

use std::fmt;

use super::log::digest;
use super::reader::Reader;
use crate::token::Bank;

/// `EFI_GLOBAL_VARIABLE` (UEFI Specification, "Globally Defined Variables"), as in memory.
const GLOBAL: Vendor = Vendor {
    bytes: *b"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c",
    text: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
};
/// `EFI_IMAGE_SECURITY_DATABASE_GUID` ("Signature Database").
const SECURITY: Vendor = Vendor {
    bytes: *b"\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f",
    text: "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
};
/// The longest name that is read.
const LONGEST_NAME: u64 = 64;

struct Vendor {
    bytes: [u8; 16],
    text: &'static str,
}

/// A variable that decides what the firmware starts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Variable {
    /// Whether signatures are checked.
    SecureBoot,
    /// The key that signs changes of `KEK`.
    Pk,
    /// The keys that sign changes of the others.
    Kek,
    /// The certificates and hashes of what may be started.
    Db,
    /// The certificates and hashes of what may not be started, whatever `db` says.
    Dbx,
}

impl Variable {
    /// All variables, in the order in which they are measured.
    pub const ALL: [Self; 5] = [Self::SecureBoot, Self::Pk, Self::Kek, Self::Db, Self::Dbx];

    /// Returns the name of the variable in UEFI.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecureBoot => "SecureBoot",
            Self::Pk => "PK",
            Self::Kek => "KEK",
            Self::Db => "db",
            Self::Dbx => "dbx",
        }
    }

    /// Returns the file below `/sys/firmware/efi/efivars`.
    #[must_use]
    pub fn file(self) -> String {
        format!("{}-{}", self.name(), self.vendor().text)
    }

    fn vendor(self) -> &'static Vendor {
        match self {
            Self::SecureBoot | Self::Pk | Self::Kek => &GLOBAL,
            Self::Db | Self::Dbx => &SECURITY,
        }
    }

    /// Returns the `UEFI_VARIABLE_DATA` that the firmware measures (TCG PC Client Platform Firmware
    /// Profile).
    pub(super) fn structure(self, content: &[u8]) -> Vec<u8> {
        let name: Vec<u8> = self.name().encode_utf16().flat_map(u16::to_le_bytes).collect();
        let lengths = [self.name().len() as u64, content.len() as u64].map(u64::to_le_bytes).concat();
        [&self.vendor().bytes[..], &lengths, &name, content].concat()
    }

    /// Parses such a structure into the variable and its content. The firmware may measure other
    /// variables, too.
    pub(super) fn of_structure(data: &[u8]) -> Option<(Self, &[u8])> {
        let (vendor, name, content) = parts(data)?;
        let is = |variable: &Self| variable.vendor().bytes == vendor && variable.name() == name;
        Some((Self::ALL.into_iter().find(is)?, content))
    }
}

/// Vendor, name and content of a `UEFI_VARIABLE_DATA`.
fn parts(data: &[u8]) -> Option<([u8; 16], String, &[u8])> {
    let mut reader = Reader(data);
    let vendor: [u8; 16] = reader.array()?;
    let (name, content) = (reader.u64().filter(|length| *length <= LONGEST_NAME)?, reader.u64()?);
    let name = reader.take(usize::try_from(name).ok()? * 2)?;
    let units = name.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let name = String::from_utf16(&units.collect::<Vec<_>>()).ok()?;
    (reader.0.len() as u64 == content).then_some((vendor, name, reader.0))
}

/// Returns name and content of a variable of the boot manager, such as `BootOrder`, from such a structure.
pub(crate) fn of_boot_manager(data: &[u8]) -> Option<(String, &[u8])> {
    parts(data).filter(|(vendor, ..)| *vendor == GLOBAL.bytes).map(|(_, name, content)| (name, content))
}

/// Returns the name of a variable of the boot manager, from its file below `/sys/firmware/efi/efivars`.
#[must_use]
pub fn boot_manager_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(GLOBAL.text)?.strip_suffix('-')?;
    name.starts_with("Boot").then_some(name)
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the digest of an event covers. The specification requires the structure. Some firmware
/// hashes only the content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Structure,
    Content,
}

impl Form {
    /// Returns the form in which this content has this digest.
    pub(super) fn of(variable: Variable, content: &[u8], bank: Bank, measured: &[u8]) -> Option<Self> {
        [Self::Structure, Self::Content]
            .into_iter()
            .find(|form| form.digest(variable, content, bank) == measured)
    }

    pub(super) fn digest(self, variable: Variable, content: &[u8], bank: Bank) -> Vec<u8> {
        match self {
            Self::Structure => digest(bank, &variable.structure(content)),
            Self::Content => digest(bank, content),
        }
    }
}
