//! Values of the options of `pattern run`. The errors say what would be right.

use pattern::config::size::{Size, SizeError};

/// Less than this, and the kernel with its initrd does not start.
const LEAST_MEMORY: Size = Size::from_bytes(256 << 20);
/// What a program can address on x86-64 hosts.
const MOST_MEMORY: Size = Size::from_bytes(128 << 40);

/// Parses the memory of a machine.
///
/// # Errors
/// When it is not a size, or no machine can have it.
pub(super) fn memory(text: &str) -> Result<Size, String> {
    match Size::parse(text) {
        Ok(memory) if (LEAST_MEMORY..=MOST_MEMORY).contains(&memory) => Ok(memory),
        Err(error @ SizeError::Form(_)) => Err(error.to_string()),
        _ => Err(format!("must be a size from {LEAST_MEMORY} to {MOST_MEMORY}, such as \"2G\"")),
    }
}

/// Parses a TCP port.
///
/// # Errors
/// When it is not one.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "must be a port: a number from 1 to 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_a_machine_can_have() {
        assert_eq!(memory("256M"), Ok(LEAST_MEMORY));
        assert_eq!(memory("128T"), Ok(MOST_MEMORY));
        for wrong in ["0", "1K", "2000", "255M", "129T", "1025T", "99999999T"] {
            let error = memory(wrong).unwrap_err();
            assert_eq!(error, "must be a size from 256M to 128T, such as \"2G\"", "{wrong}");
        }
        assert!(memory("2g").unwrap_err().starts_with("must be a whole number and a unit"));
    }

    #[test]
    fn a_port_is_a_number_above_zero() {
        assert_eq!((port("1"), port("65535")), (Ok(1), Ok(65535)));
        for wrong in ["0", "65536", "-1", "abc", ""] {
            assert_eq!(port(wrong).unwrap_err(), "must be a port: a number from 1 to 65535", "{wrong}");
        }
    }
}
