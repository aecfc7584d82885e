//! Words of the kernel command line as systemd-stub measures them: in UTF-16, with a zero at the end (systemd's `src/boot/stub.c`
//! and `util.c`, `mangle_stub_cmdline`).

/// Returns a line without space around it, and with each space or control character inside as one space.
pub(super) fn tidy(line: &str) -> String {
    let is_space = |c: char| c <= ' ' || c == '\x7f';
    line.trim_matches(is_space).chars().map(|c| if is_space(c) { ' ' } else { c }).collect()
}

/// Returns the bytes of a text in UTF-16, with a zero at the end.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Returns the text of such bytes, with a zero at the end or without.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks(2).map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let units: Vec<_> = units.collect::<Option<_>>()?;
    let text = String::from_utf16(units.strip_suffix(&[0]).unwrap_or(&units)).ok()?;
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_kept_inside_and_dropped_outside() {
        assert_eq!(tidy(" \tmitigations=off \n quiet\n"), "mitigations=off   quiet");
        assert_eq!(tidy(" \n"), "");
    }

    #[test]
    fn a_text_comes_back_from_its_bytes() {
        for given in ["", "a b", "\u{e4}\u{1f600}"] {
            assert_eq!(text(&utf16(given)).as_deref(), Some(given));
        }
        assert_eq!((text(b"a"), text(b"\0\xd8"), text(b"a\0\0\0b\0")), (None, None, None));
    }
}
