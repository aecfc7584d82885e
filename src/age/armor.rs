//! The armored form: base64 between two lines, as in PEM ("ASCII armor" of the specification).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Error;

/// What a file in binary form starts with.
const FIRST: &[u8] = b"age-encryption.org/";
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// Characters in each line except the last.
const COLUMNS: usize = 64;
/// Bytes in each of these lines.
const LINE: usize = COLUMNS / 4 * 3;

pub(super) fn wrap(file: &[u8]) -> String {
    let lines = file.chunks(LINE).map(|bytes| STANDARD.encode(bytes) + "\n");
    format!("{BEGIN}\n{}{END}\n", lines.collect::<String>())
}

/// Returns whether the file claims to be armored. A file in binary form has another first line.
pub(super) fn is_armored(file: &[u8]) -> bool {
    file.trim_ascii_start().starts_with(b"-----BEGIN")
}

/// Returns whether this is an encrypted file, of whichever version and form.
#[must_use]
pub fn is_encrypted(file: &[u8]) -> bool {
    let start = file.trim_ascii_start();
    start.starts_with(BEGIN.as_bytes()) || start.starts_with(FIRST)
}

pub(super) fn unwrap(file: &[u8]) -> Result<Vec<u8>, Error> {
    let text = std::str::from_utf8(file.trim_ascii()).map_err(|_| Error::Armor)?;
    let mut lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let last = lines.pop();
    if lines.first() != Some(&BEGIN) || last != Some(END) {
        return Err(Error::Armor);
    }
    let lines = lines.get(1..).unwrap_or_default();
    let mut bytes = Vec::with_capacity(lines.len() * LINE);
    for (index, line) in lines.iter().enumerate() {
        let is_last = index + 1 == lines.len();
        let fits = if is_last { (1..=COLUMNS).contains(&line.len()) } else { line.len() == COLUMNS };
        let decoded = STANDARD.decode(line).ok().filter(|bytes| fits && (is_last || bytes.len() == LINE));
        bytes.extend(decoded.ok_or(Error::Armor)?);
    }
    Ok(bytes)
}
