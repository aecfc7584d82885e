//! Reads the two copies of a LUKS2 header, and decides which one is used (LUKS2 On-Disk Format
//! Specification, section 2).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Fault, Flaw};

/// Bytes of the binary header. The JSON area follows, up to the header's size.
pub(super) const BINARY: usize = 4096;
/// Valid sizes of a copy, which are also the possible positions of the second copy.
const SIZES: [usize; 9] =
    [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];
/// Bytes that hold both copies, whatever their size.
pub const MOST_HEADER_BYTES: usize = 8 << 20;
const MAGIC: [&[u8]; 2] = [b"LUKS\xba\xbe", b"SKUL\xba\xbe"];
const CHECKSUM_BYTES: usize = 64;

/// Positions in the binary header.
mod at {
    pub(super) const VERSION: usize = 6;
    pub(super) const SIZE: usize = 8;
    pub(super) const SEQID: usize = 16;
    pub(super) const LABEL: usize = 24;
    pub(super) const ALGORITHM: usize = 72;
    pub(super) const UUID: usize = 168;
    pub(super) const SUBSYSTEM: usize = 208;
    pub(super) const OFFSET: usize = 256;
    pub(super) const CHECKSUM: usize = 448;
}

/// One intact copy.
pub(super) struct Copy<'a> {
    bytes: &'a [u8],
    seqid: u64,
    pub(super) metadata: Value,
}

/// The copy that is used, and whether the other one has to be rewritten.
pub(super) struct Counted<'a> {
    pub(super) copy: Copy<'a>,
    pub(super) torn: bool,
}

/// Returns whether the first copy is whole. If it is not, the second one may be anywhere in
/// [`MOST_HEADER_BYTES`], whatever the first one says of its size.
#[must_use]
pub fn has_first_copy(bytes: &[u8]) -> bool {
    Copy::read(bytes, 0, false).is_ok()
}

/// Returns whether a second copy seems to begin at one of its places.
pub(in crate::volume) fn has_second_magic(bytes: &[u8]) -> bool {
    SIZES.iter().any(|offset| bytes.get(*offset..).is_some_and(|rest| rest.starts_with(MAGIC[1])))
}

/// Returns how many bytes hold both copies, by the first bytes of the device.
#[must_use]
pub fn header_bytes(head: &[u8]) -> usize {
    let size = be64(head, at::SIZE).and_then(|size| usize::try_from(size).ok());
    let [.., largest] = SIZES;
    2 * size.filter(|size| SIZES.contains(size)).unwrap_or(largest)
}

/// Decides like libcryptsetup: of two intact copies the newer one, otherwise the intact one. A
/// power cut during a write of a header leaves one copy torn.
pub(super) fn counted(bytes: &[u8]) -> Result<Counted<'_>, Fault> {
    let primary = Copy::read(bytes, 0, false);
    let secondary = match &primary {
        Ok(primary) => Copy::read(bytes, primary.bytes.len(), true),
        Err(_) => {
            let mut tried = SIZES.iter().map(|offset| Copy::read(bytes, *offset, true));
            tried.find(Result::is_ok).unwrap_or(Err("not found".to_owned()))
        }
    };
    match (primary, secondary) {
        (Ok(primary), Ok(secondary)) => newer(primary, secondary),
        (Ok(copy), Err(_)) | (Err(_), Ok(copy)) => Ok(Counted { copy, torn: true }),
        (Err(primary), Err(secondary)) => {
            Err(Fault::Damaged(format!("first copy: {primary}; second copy: {secondary}")))
        }
    }
}

fn newer<'a>(primary: Copy<'a>, secondary: Copy<'a>) -> Result<Counted<'a>, Fault> {
    if primary.seqid == secondary.seqid {
        if !primary.says_the_same(&secondary) {
            let found = format!("{} in two copies that differ", primary.seqid);
            return Err(
                Flaw::new("seqid", found, "two copies that are the same, or one that is newer").into()
            );
        }
        return Ok(Counted { copy: primary, torn: false });
    }
    let copy = if primary.seqid > secondary.seqid { primary } else { secondary };
    Ok(Counted { copy, torn: true })
}

impl<'a> Copy<'a> {
    fn read(device: &'a [u8], offset: usize, second: bool) -> Result<Self, String> {
        let rest = device.get(offset..).unwrap_or_default();
        if !rest.starts_with(MAGIC[usize::from(second)]) {
            return Err("no LUKS2 header".to_owned());
        }
        if part(rest, at::VERSION, 2) != Some(&[0, 2]) {
            return Err("version is not 2".to_owned());
        }
        let number = |position| be64(rest, position).ok_or("truncated");
        let size = number(at::SIZE)?;
        let size = usize::try_from(size).ok().filter(|size| SIZES.contains(size));
        let size = size.ok_or("hdr_size is not a power of two from 16384 to 4194304")?;
        if number(at::OFFSET)? != offset as u64 || second && size != offset {
            return Err("hdr_offset is not where it was found".to_owned());
        }
        let bytes = rest.get(..size).ok_or("truncated")?;
        if text(bytes, at::ALGORITHM, 32) != Some(b"sha256") {
            return Err("the checksum's algorithm is not sha256".to_owned());
        }
        if part(bytes, at::CHECKSUM, 32) != Some(&checksum(bytes)) {
            return Err("wrong checksum".to_owned());
        }
        Ok(Self { bytes, seqid: number(at::SEQID)?, metadata: metadata(bytes)? })
    }

    /// Returns the bytes of one copy.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the text of the UUID, which is also part of the opened device's name.
    pub(super) fn uuid(&self) -> Result<String, Flaw> {
        let text = text(self.bytes, at::UUID, 40).unwrap_or_default();
        let dash = |index| [8, 13, 18, 23].contains(&index);
        let valid =
            |(index, byte): (usize, &u8)| if dash(index) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
        if text.len() == 36 && text.iter().enumerate().all(valid) {
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
        let found = format!("{:?}", String::from_utf8_lossy(text));
        Err(Flaw::new("uuid", found, "36 characters as 01234567-89ab-cdef-0123-456789abcdef"))
    }

    /// Checks the texts that libcryptsetup returns.
    pub(super) fn names(&self) -> Result<(), Flaw> {
        for (name, position) in [("label", at::LABEL), ("subsystem", at::SUBSYSTEM)] {
            if text(self.bytes, position, 48).is_none() {
                return Err(Flaw::new(name, "48 bytes without an end", "a text that ends with a zero byte"));
            }
        }
        Ok(())
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let fields = |copy: &Self| {
            let part = |position, length| part(copy.bytes, position, length).map(<[u8]>::to_vec);
            (part(at::LABEL, 48), part(at::UUID, 40), part(at::SUBSYSTEM, 48), copy.bytes.len())
        };
        fields(self) == fields(other) && self.bytes.get(BINARY..) == other.bytes.get(BINARY..)
    }

    /// Writes this copy into both places, so that no reader can pick another one.
    pub(super) fn twice(&self) -> Vec<u8> {
        let mut both = Vec::with_capacity(2 * self.bytes.len());
        for (magic, offset) in MAGIC.iter().zip([0, self.size()]) {
            let mut copy = self.bytes.to_vec();
            put(&mut copy, 0, magic);
            put(&mut copy, at::OFFSET, &offset.to_be_bytes());
            let checksum = checksum(&copy);
            put(&mut copy, at::CHECKSUM, &checksum);
            both.append(&mut copy);
        }
        both
    }
}

fn metadata(bytes: &[u8]) -> Result<Value, String> {
    let area = bytes.get(BINARY..).unwrap_or_default();
    let length = area.iter().position(|byte| *byte == 0).ok_or("its metadata has no end")?;
    let (json, rest) = area.split_at(length);
    if rest.iter().any(|byte| *byte != 0) {
        return Err("its metadata continues after its end".to_owned());
    }
    // libcryptsetup would end a name or text here, and so read another one than this parser.
    if json.windows(6).any(|six| six == b"\\u0000") {
        return Err("its metadata has a zero byte in a text".to_owned());
    }
    match serde_json::from_slice(json) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("its metadata is not a JSON object".to_owned()),
        Err(error) => Err(format!("its metadata is not JSON: {error}")),
    }
}

pub(super) fn checksum(copy: &[u8]) -> [u8; 32] {
    let before = copy.get(..at::CHECKSUM).unwrap_or_default();
    let behind = copy.get(at::CHECKSUM + CHECKSUM_BYTES..).unwrap_or_default();
    Sha256::new()
        .chain_update(before)
        .chain_update([0; CHECKSUM_BYTES])
        .chain_update(behind)
        .finalize()
        .into()
}

fn part(bytes: &[u8], position: usize, length: usize) -> Option<&[u8]> {
    bytes.get(position..position + length)
}

fn be64(bytes: &[u8], position: usize) -> Option<u64> {
    part(bytes, position, 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// Returns the text before the zero byte, which must exist.
fn text(bytes: &[u8], position: usize, length: usize) -> Option<&[u8]> {
    let field = part(bytes, position, length)?;
    field.split(|byte| *byte == 0).next().filter(|text| text.len() < length)
}

fn put(bytes: &mut [u8], position: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(position..position + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests;
