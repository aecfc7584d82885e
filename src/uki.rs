//! Finds sections and the signature of a unified kernel image, which is a PE file (UAPI.5, "Unified
//! Kernel Image").

mod parts;

use std::ops::Range;

pub use parts::{Parts, parts};

/// Returns the content of a section such as `.linux`, or `None` if the file has no such section or
/// is not a PE file.
#[must_use]
pub fn section<'a>(file: &'a [u8], name: &str) -> Option<&'a [u8]> {
    file.get(place(file, name)?)
}

/// Returns where in the file a section is. The first 64 KiB of the file are enough.
#[must_use]
pub fn place(head: &[u8], name: &str) -> Option<Range<usize>> {
    table(head)?.into_iter().find(|(label, _)| label == name).map(|(_, place)| place)
}

/// Returns all sections in the order of the file's table: their names, and where they are in the file. The first 64 KiB of the
/// file are enough.
#[must_use]
pub fn table(head: &[u8]) -> Option<Vec<(String, Range<usize>)>> {
    // PE Format, "MS-DOS stub": the offset of the PE signature is at 0x3c.
    let header = number(head, 0x3c, 4)?;
    if head.get(header..header + 4)? != b"PE\0\0" {
        return None;
    }
    let count = number(head, header + 6, 2)?;
    let table = header + 24 + number(head, header + 20, 2)?;
    let sections = (0..count).map(|index| table + index * 40).map(|entry| {
        let label = head.get(entry..entry + 8)?;
        let end = label.iter().position(|byte| *byte == 0).unwrap_or(label.len());
        let label = String::from_utf8_lossy(label.get(..end)?).into_owned();
        // The size in memory is exact. The size on disk is rounded up.
        let (size, start) = (number(head, entry + 8, 4)?, number(head, entry + 20, 4)?);
        Some((label, start..start + size))
    });
    sections.collect()
}

/// Returns the first signature of a PE file: a PKCS #7 structure in DER (PE Format, "The Attribute
/// Certificate Table").
#[must_use]
pub fn signature(file: &[u8]) -> Option<&[u8]> {
    /// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
    const PKCS7: usize = 2;
    /// Of the certificate table in the optional header of PE32+.
    const TABLE: usize = 144;
    let header = number(file, 0x3c, 4)?;
    let optional = header + 24;
    if file.get(header..header + 4)? != b"PE\0\0" || number(file, optional, 2)? != 0x20b {
        return None;
    }
    let start = number(file, optional + TABLE, 4)?;
    let (length, kind) = (number(file, start, 4)?, number(file, start + 6, 2)?);
    // Length and kind take 8 bytes. A file without a signature has its own first bytes here.
    (start > 0 && kind == PKCS7).then(|| file.get(start + 8..start.checked_add(length)?)).flatten()
}

/// Returns a little-endian number of `size` bytes.
pub(crate) fn number(file: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a PE header at 0x40 with one section `.linux` of 3 bytes at 0x100.
    fn file() -> Vec<u8> {
        let mut file = vec![0; 0x110];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0");
        put(0x46, &[1]);
        put(0x54, &[8]);
        put(0x60, b".linux");
        put(0x68, &[3]);
        put(0x60 + 20, &[0, 1]);
        put(0x100, b"abc");
        file
    }

    #[test]
    fn finds_a_section_by_its_name() {
        assert_eq!(section(&file(), ".linux"), Some(&b"abc"[..]));
        assert_eq!(place(&file()[..0x90], ".linux"), Some(0x100..0x103));
        assert_eq!(section(&file(), ".initrd"), None);
    }

    /// Returns a PE32+ file whose certificate table, at 0x200, has `abc` of this kind.
    fn signed(kind: u8) -> Vec<u8> {
        let mut file = vec![0; 0x20b];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0");
        put(0x58, &[0x0b, 2]);
        put(0x58 + 144, &[0, 2]);
        put(0x200, &[11, 0, 0, 0, 0, 2, kind, 0]);
        put(0x208, b"abc");
        file
    }

    #[test]
    fn finds_the_signature_of_a_signed_file_and_none_elsewhere() {
        assert_eq!(signature(&signed(2)), Some(&b"abc"[..]));
        assert_eq!(signature(&signed(1)), None, "another kind of certificate");
        assert_eq!(signature(&file()), None, "no signature");
        let mut cut = signed(2);
        cut.truncate(0x20a);
        assert_eq!(signature(&cut), None);
    }

    #[test]
    fn no_pe_file_and_a_cut_one_have_no_sections() {
        assert_eq!(section(b"#!/bin/sh", ".linux"), None);
        assert_eq!(section(&file()[..0x102], ".linux"), None);
    }
}
