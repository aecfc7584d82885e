//! Selects the firmware's credentials that an image accepts (systemd.system-credentials(7)).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// systemd's limit for one credential, and for all of them together.
const SIZE_MAX: usize = 1 << 20;
/// Longest file name.
const NAME_MAX: usize = 255;

/// The accepted credentials, by name. If a name is given twice, the first value counts.
pub type Credentials = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// Returns the credentials among these strings that `listed` names, and the number of others.
///
/// # Errors
/// When a listed one is not valid base64, or too large.
pub fn choose(strings: &[&[u8]], listed: &[String]) -> Result<(Credentials, usize), String> {
    let (mut chosen, mut others) = (Credentials::new(), 0);
    for string in strings {
        let Some((name, value)) = credential(string) else { continue };
        let Some(name) = name.filter(|name| listed.iter().any(|pattern| names(pattern, name))) else {
            others += 1;
            continue;
        };
        if !chosen.contains_key(name) {
            let value = value.read().ok_or_else(|| format!("the credential {name} is not in base64"))?;
            chosen.insert(name.to_owned(), value);
        }
    }
    match chosen.values().map(|value| value.len()).sum::<usize>() {
        size if size > SIZE_MAX => {
            Err(format!("credentials have {size} bytes, more than the {SIZE_MAX} that systemd takes"))
        }
        _ => Ok((chosen, others)),
    }
}

/// Returns whether an item of `boot.credentials` names this credential: by its whole name, or by
/// its start and a `*`.
fn names(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// Returns name and value of a string that is a credential. The name is `None` if it is not a valid
/// file name.
fn credential(string: &[u8]) -> Option<(Option<&str>, Value<'_>)> {
    let (rest, base64) = match string.strip_prefix(b"io.systemd.credential:") {
        Some(rest) => (rest, false),
        None => (string.strip_prefix(b"io.systemd.credential.binary:")?, true),
    };
    let at = rest.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (rest.get(..at)?, rest.get(at + 1..)?);
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name));
    Some((name, Value { base64, text: value }))
}

/// The value as in the string.
struct Value<'a> {
    base64: bool,
    text: &'a [u8],
}

impl Value<'_> {
    fn read(&self) -> Option<Zeroizing<Vec<u8>>> {
        let value = if self.base64 { STANDARD.decode(self.text).ok()? } else { self.text.to_vec() };
        Some(Zeroizing::new(value))
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    !name.is_empty() && !name.starts_with('.') && name.len() <= NAME_MAX && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain = Vec<(String, Vec<u8>)>;

    fn chosen(strings: &[&str], listed: &[&str]) -> Result<(Plain, usize), String> {
        let strings = strings.iter().map(|string| string.as_bytes()).collect::<Vec<_>>();
        let listed = listed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (chosen, others) = choose(&strings, &listed)?;
        Ok((chosen.into_iter().map(|(name, value)| (name, value.to_vec())).collect(), others))
    }

    const GIVEN: [&str; 4] = [
        "io.systemd.credential:home.create.me=a=b",
        "io.systemd.credential.binary:agetty.autologin=cm9vdA==",
        "io.systemd.stub.kernel-cmdline-extra=quiet",
        "io.systemd.credential:home.create=x",
    ];

    #[test]
    fn what_is_listed_is_taken_and_nothing_else() {
        assert_eq!(chosen(&GIVEN, &[]), Ok((Vec::new(), 3)));
        let user = ("home.create.me".to_owned(), b"a=b".to_vec());
        assert_eq!(chosen(&GIVEN, &["home.create.*"]), Ok((vec![user.clone()], 2)));
        let root = ("agetty.autologin".to_owned(), b"root".to_vec());
        assert_eq!(chosen(&GIVEN, &["agetty.autologin", "home.create.me"]), Ok((vec![root, user], 1)));
        assert_eq!(chosen(&GIVEN, &["home", "agetty", "io.*"]), Ok((Vec::new(), 3)));
    }

    #[test]
    fn the_first_value_counts() {
        let twice =
            ["io.systemd.credential:a=1", "io.systemd.credential:a=2", "io.systemd.credential.binary:a=?"];
        assert_eq!(chosen(&twice, &["a"]), Ok((vec![("a".to_owned(), b"1".to_vec())], 0)));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_taken() {
        for name in ["a/../../etc/shadow", "..", ".a", "", "a\nb", "a:b", "\u{e4}", &"a".repeat(256)] {
            let string = format!("io.systemd.credential:{name}=x");
            let listed = format!("{}*", name.get(..1).unwrap_or_default());
            assert_eq!(chosen(&[&string], &[&listed]), Ok((Vec::new(), 1)), "{name:?}");
        }
        assert_eq!(chosen(&["io.systemd.credential:a"], &["a*"]), Ok((Vec::new(), 0)));
    }

    #[test]
    fn a_listed_one_that_cant_be_used_is_an_error() {
        let error = chosen(&["io.systemd.credential.binary:a=?"], &["a"]).unwrap_err();
        assert_eq!(error, "the credential a is not in base64");
        let large = format!("io.systemd.credential:a={}", "x".repeat(SIZE_MAX + 1));
        let error = chosen(&[&large], &["a"]).unwrap_err();
        assert_eq!(error, "credentials have 1048577 bytes, more than the 1048576 that systemd takes");
        assert_eq!(chosen(&[&large], &["b"]), Ok((Vec::new(), 1)));
    }
}
