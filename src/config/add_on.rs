//! Words of the kernel command line that a signed add-on may carry (`boot.add_on_words`).
//!
//! A list names each key in whole, so that it can be seen what a word of the list can do. Words that start another first program,
//! take another `/usr`, or tell systemd or pattern what to start can't be listed: whoever holds such an add-on would hold the
//! volume.

/// Keys that choose what is started, or from where (kernel-command-line(7), bootparam(7), Linux's admin-guide/kernel-parameters).
const CHOOSING: [&str; 23] = [
    "init",
    "rdinit",
    "initrd",
    "initrdmem",
    "noinitrd",
    "root",
    "roothash",
    "usrhash",
    "rootfstype",
    "rootflags",
    "resume",
    "emergency",
    "rescue",
    "single",
    "s",
    "b",
    "break",
    "shell",
    "bootconfig",
    "blkdevparts",
    "module.sig_enforce",
    "ekgdboc",
    "efivar_ssdt",
];
/// Families of such keys, by their beginning: those of systemd and pattern, of devices that are opened, of debuggers, and parameters
/// of Linux that name a program or where firmware is loaded from.
const FAMILIES: [&str; 12] = [
    "systemd.",
    "pattern.",
    "mount.",
    "luks",
    "verity",
    "dm_mod.",
    "kgdb",
    "sysctl.kernel.",
    "firmware_class.",
    "nfs.",
    "nfsd.",
    "drbd.",
];
/// Longest item in bytes. The kernel takes a whole line of 2048.
const LONGEST: usize = 256;

/// Validates one item of `boot.add_on_words`: a word, or a key with `=*`.
///
/// # Errors
/// When it is not such an item, or the word would choose what is started.
pub fn item(text: &str) -> Result<String, String> {
    let form = || format!("must be words such as \"quiet\" or \"console=*\", not {text:?}");
    let (key, value) = parts(text);
    let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let is_value = value.is_none_or(|value| value == "*" || !value.contains('*'));
    if key.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "must not hold {text:?}: Linux gives words that it does not know to the first program, as environment variables"
        ));
    }
    let is_named = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.len() > LONGEST || !is_named || !key.chars().all(is_key) {
        return Err(form());
    }
    if !is_value || !is_plain(text) {
        return Err(form());
    }
    if chooses(key) {
        return Err(format!(
            "must not hold {text:?}: the word decides what is started, so an add-on with it could read what the volume keeps"
        ));
    }
    Ok(text.to_owned())
}

/// Returns the words of a line that this list does not name.
#[must_use]
pub fn unlisted<'a>(line: &'a str, listed: &[String]) -> Vec<&'a str> {
    let words = line.split(|c: char| c.is_ascii_whitespace() || c.is_ascii_control());
    let is_listed = |word: &str| is_plain(word) && listed.iter().any(|item| names(item, word));
    words.filter(|word| !word.is_empty() && !is_listed(word)).collect()
}

fn names(item: &str, word: &str) -> bool {
    match item.strip_suffix('*') {
        Some(key) => word.starts_with(key),
        None => item == word,
    }
}

/// Linux takes what is between double quotes for one word, and the byte 0xa0 for space. systemd also takes single quotes and
/// backslashes for something else than themselves.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_graphic() && !"\"'\\".contains(c))
}

fn parts(word: &str) -> (&str, Option<&str>) {
    word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)))
}

/// Linux takes `-` and `_` in a key for the same. With `rd.` before it, a key is for the initrd alone.
fn chooses(key: &str) -> bool {
    let key = key.replace('-', "_");
    let key = key.trim_start_matches("rd.");
    let is_runlevel = key.chars().all(|c| c.is_ascii_digit());
    is_runlevel || CHOOSING.contains(&key) || FAMILIES.iter().any(|family| key.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_key_in_whole() {
        for good in [
            "quiet",
            "console=*",
            "console=ttyS0,115200",
            "mitigations=off",
            "vconsole.keymap=*",
            "8250.nr_uarts=8",
        ] {
            assert_eq!(item(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "*", "con*", "console*", "console=tty*,9600", "a b", "a=\"b\"", "=x", "-b", "--", "a=\u{e4}"]
        {
            let said = item(bad).unwrap_err();
            assert_eq!(said, format!("must be words such as \"quiet\" or \"console=*\", not {bad:?}"));
        }
        assert!(item(&"a".repeat(257)).is_err());
    }

    /// An owner's add-on for another machine, put here by somebody else, must not start that person's program.
    #[test]
    fn a_word_that_chooses_what_is_started_can_not_be_listed() {
        for bad in [
            "init=*",
            "rdinit=/x",
            "usrhash=*",
            "root=*",
            "systemd.unit=rescue.target",
            "systemd.debug-shell",
            "systemd.debug_shell",
            "rd.systemd.debug_shell=*",
            "pattern.reset",
            "mount.usrhash=*",
            "emergency",
            "single",
            "1",
            "dm-mod.create=*",
            "kgdboc=*",
            "rd.break",
            "rd.rescue",
            "rd.shell",
            "rd.usrhash=*",
            "rd.luks.name=*",
            "sysctl.kernel.modprobe=*",
            "firmware_class.path=*",
            "nfs.cache_getent=*",
        ] {
            assert!(
                item(bad).unwrap_err().starts_with(&format!("must not hold {bad:?}: the word decides")),
                "{bad}"
            );
        }
        for bad in ["LD_PRELOAD=*", "PATH=/x", "Ld=1"] {
            assert!(item(bad).unwrap_err().ends_with("environment variables"), "{bad}");
        }
    }

    #[test]
    fn words_that_the_list_does_not_name_are_returned() {
        let listed = ["console=*", "quiet", "mitigations=off"].map(str::to_owned);
        assert_eq!(unlisted(" console=ttyS0\tquiet\n", &listed), [""; 0]);
        assert_eq!(unlisted("", &listed), [""; 0]);
        let given = "console mitigations=auto quiet=1 xconsole=tty0 init=/x quiet -- s";
        let found = ["console", "mitigations=auto", "quiet=1", "xconsole=tty0", "init=/x", "--", "s"];
        assert_eq!(unlisted(given, &listed), found);
        assert_eq!(unlisted("console=a\u{a0}init=/x", &listed), ["console=a\u{a0}init=/x"]);
        assert_eq!(unlisted("console=\"tty0 init=/x\"", &listed), ["console=\"tty0", "init=/x\""]);
        assert_eq!(unlisted("console='a console=b'", &listed), ["console='a", "console=b'"]);
        assert_eq!(unlisted("console=a\\ quiet", &listed), ["console=a\\"]);
        assert_eq!(unlisted("quiet\0init=/x", &listed), ["init=/x"]);
    }
}
