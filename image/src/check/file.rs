//! Reads one `pattern.toml`. A file that can't be read is a finding like any other.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use pattern::config::{Finding, TEXT_MAX, too_long};

use crate::host::small;

/// What other programs take for standard input. It has no folder that could be looked at.
const INPUT: &str = "-";

/// Reads a file. `name` is for the message.
///
/// # Errors
/// What is wrong with the file as a whole.
pub(super) fn read(path: &Path, name: &str) -> Result<String, Finding> {
    let wrong = |line, message| Finding::error(name, line, "", message);
    if name == INPUT {
        return Err(wrong(
            1,
            "standard input is not read, because a build also needs what lies beside pattern.toml: \
                             give the path of a file"
                .to_owned(),
        ));
    }
    let bytes = small::read(path, TEXT_MAX).map_err(|error| {
        let missing =
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound);
        let next = if missing { "; name an image's folder, or make one: pattern init DIR" } else { "" };
        wrong(1, format!("can't be read: {error:#}{next}"))
    })?;
    if bytes.len() > TEXT_MAX {
        return Err(too_long(name, fs::metadata(path).map_or(0, |found| found.len())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (valid, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        wrong(line, "is not text in UTF-8".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    fn said(content: &[u8]) -> String {
        let place = temporary::folder().unwrap();
        let path = place.path().join("p.toml");
        fs::write(&path, content).unwrap();
        read(&path, "p.toml").unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_text_is_reported_with_its_line() {
        assert_eq!(said(b"a = 1\nb = \"\xff\"\n"), "p.toml:2: is not text in UTF-8");
    }

    #[test]
    fn the_size_of_a_file_that_is_too_long_is_named_and_the_rest_is_not_read() {
        assert_eq!(said(&[b'#'; 70_243]), "p.toml:1: must have at most 65536 bytes, and has 70243");
        let place = temporary::folder().unwrap();
        let path = place.path().join("huge");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let said = read(&path, "p.toml").unwrap_err().to_string();
        assert_eq!(said, "p.toml:1: must have at most 65536 bytes, and has 1099511627776");
    }

    #[test]
    fn what_can_not_be_read_is_a_finding() {
        let said = |path: &str| read(Path::new(path), path).unwrap_err().to_string();
        assert_eq!(said("/dev/zero"), "/dev/zero:1: can't be read: it is a device, not a file");
        assert_eq!(
            said("/none"),
            "/none:1: can't be read: No such file or directory (os error 2); name an image's folder, or make one: pattern init DIR"
        );
        assert!(said("-").starts_with("-:1: standard input is not read, "), "{}", said("-"));
    }
}
