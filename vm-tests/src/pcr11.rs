//! Computes what systemd-stub and the initrd measure into PCR 11, as anyone with the kernel image's
//! file can: the name and the content of each of its sections (systemd 257: `unified_sections` in
//! `src/fundamental/uki.c`, the loop over it in `src/boot/stub.c`; UAPI.7 "Linux TPM PCR
//! Registry").

use pattern::tpm::measure::ENTER_INITRD;
use pattern::uki;
use sha2::{Digest, Sha256};

/// Sections in the stub's order, whatever their order in the file. `.pcrsig` is not measured,
/// because it is made last.
const SECTIONS: [&str; 13] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey",
    ".profile", ".dtbauto", ".hwids",
];

/// Returns the digests that PCR 11 is extended with, from power-on until the initrd has begun, if
/// the image's first profile is started.
#[must_use]
pub fn extends(image: &[u8]) -> Vec<[u8; 32]> {
    let sections = SECTIONS.iter().filter_map(|name| Some((name, uki::section(image, name)?)));
    let measured =
        sections.flat_map(|(name, content)| [digest(format!("{name}\0").as_bytes()), digest(content)]);
    measured.chain([digest(ENTER_INITRD.as_bytes())]).collect()
}

/// Returns the value of a register after these extends.
#[must_use]
pub fn value(extends: &[[u8; 32]]) -> [u8; 32] {
    extends.iter().fold([0; 32], |value, extend| digest(&[value, *extend].concat()))
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_a_chain_of_digests() {
        assert_eq!(value(&[]), [0; 32]);
        let once = value(&[digest(b"a")]);
        assert_eq!(once, digest(&[[0; 32], digest(b"a")].concat()));
        assert_eq!(value(&[digest(b"a"), digest(b"b")]), digest(&[once, digest(b"b")].concat()));
    }

    #[test]
    fn a_file_without_sections_leaves_the_phase() {
        assert_eq!(extends(b"no PE file"), [digest(b"enter-initrd")]);
    }
}
