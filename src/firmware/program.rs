//! The digest by which firmware measures and verifies a program (Microsoft, "Windows Authenticode Portable Executable Signature
//! Format", "Calculating the PE Image Hash"; EDK II, `DxeTpm2MeasureBootLib`).

use super::log::digest_of;
use crate::token::Bank;
use crate::uki::number;

/// Offsets in the optional header of PE32+ (PE Format, "Optional Header").
const CHECKSUM: usize = 64;
const HEADERS: usize = 60;
const CERTIFICATES: usize = 144;

/// Returns the digest of a program: of all of it but its checksum and its signatures. `None` if it is not a whole program for 64
/// bits.
pub(crate) fn digest(program: &[u8], bank: Bank) -> Option<Vec<u8>> {
    parts(program).map(|parts| digest_of(bank, &parts))
}

/// Returns whether firmware takes it for a program.
pub(crate) fn is_whole(program: &[u8]) -> bool {
    parts(program).is_some()
}

fn parts(file: &[u8]) -> Option<Vec<&[u8]>> {
    let header = number(file, 0x3c, 4)?;
    let optional = header + 24;
    if file.get(header..header + 4)? != b"PE\0\0" || number(file, optional, 2)? != 0x20b {
        return None;
    }
    let (headers, signatures) =
        (number(file, optional + HEADERS, 4)?, number(file, optional + CERTIFICATES + 4, 4)?);
    let (checksum, certificates) = (optional + CHECKSUM, optional + CERTIFICATES);
    let mut parts = vec![
        file.get(..checksum)?,
        file.get(checksum + 4..certificates)?,
        file.get(certificates + 8..headers)?,
    ];
    let mut end = headers;
    let (count, table) = (number(file, header + 6, 2)?, optional + number(file, header + 20, 2)?);
    let sections = (0..count).map(|index| table + index * 40);
    let mut sections: Vec<_> = sections
        .map(|entry| Some((number(file, entry + 20, 4)?, number(file, entry + 16, 4)?)))
        .collect::<Option<_>>()?;
    sections.sort_unstable();
    for (start, size) in sections.into_iter().filter(|(_, size)| *size > 0) {
        parts.push(file.get(start..start + size)?);
        end += size;
    }
    // What lies behind the sections, but not the signatures, which are last.
    if let Some(last) = file.len().checked_sub(signatures).filter(|last| *last > end) {
        parts.push(file.get(end..last)?);
    }
    Some(parts)
}
