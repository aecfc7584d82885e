//! Reads strings that a machine's maker, or its hypervisor, has for the system: structures of type
//! 11 of its SMBIOS table (SMBIOS 3.7.0, sections 6.1 "Structure evolution and usage guidelines"
//! and 7.12 "OEM Strings").

const OEM_STRINGS: u8 = 11;
/// Bytes of type, length and handle.
const HEADER: usize = 4;

/// Returns these strings, in the order of the table. Ignores everything after an incomplete
/// structure.
#[must_use]
pub fn oem_strings(table: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), table);
    while let Some(structure) = Structure::first(rest) {
        if structure.kind == OEM_STRINGS {
            found.extend(structure.strings);
        }
        rest = structure.rest;
    }
    found
}

struct Structure<'a> {
    kind: u8,
    strings: Vec<&'a [u8]>,
    /// The part of the table after this structure.
    rest: &'a [u8],
}

impl<'a> Structure<'a> {
    fn first(table: &'a [u8]) -> Option<Self> {
        let (kind, length) = (*table.first()?, usize::from(*table.get(1)?));
        let mut rest = table.get(length..).filter(|_| length >= HEADER)?;
        let mut strings = Vec::new();
        loop {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let string = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            if string.is_empty() {
                break;
            }
            strings.push(string);
        }
        // A structure without strings also ends in two zeros.
        if strings.is_empty() {
            rest = rest.strip_prefix(&[0]).unwrap_or(rest);
        }
        Some(Self { kind, strings, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIOS: &[u8] = b"\x00\x06\x00\x00\x01\x02vendor\x00version\x00\x00";
    const NO_STRINGS: &[u8] = b"\x20\x05\x01\x00\x00\x00\x00";
    const OEM: &[u8] = b"\x0b\x05\x02\x00\x02one\x00two=\xff\x00\x00";
    const END: &[u8] = b"\x7f\x04\x03\x00\x00\x00";

    #[test]
    fn only_oem_strings_are_found_and_all_of_them() {
        let table = [BIOS, OEM, NO_STRINGS, OEM, END].concat();
        assert_eq!(oem_strings(&table), [&b"one"[..], b"two=\xff", b"one", b"two=\xff"]);
        assert!(oem_strings(&[BIOS, NO_STRINGS, END].concat()).is_empty());
    }

    /// Whatever the table contains, nothing is read twice or past its end.
    #[test]
    fn a_table_that_is_not_whole_ends_the_list() {
        let table = [BIOS, OEM, END].concat();
        for length in 0..table.len() {
            let found = oem_strings(&table[..length]);
            assert!(found.is_empty() || found == [&b"one"[..], b"two=\xff"], "{length}: {found:?}");
        }
        assert!(oem_strings(b"\x0b\x03\x00\x00one\x00\x00").is_empty(), "shorter than its header");
        assert!(oem_strings(&[0; 64]).is_empty());
    }
}
