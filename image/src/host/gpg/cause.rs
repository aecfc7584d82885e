//! What stands in the way when gpg fails, and what to do, in other words than gpg's.

use std::path::Path;

/// What gpg says in English, and what it means for a home. The first one that is said counts: gpg goes
/// on after some of them, and what it says then follows from them.
const MEANINGS: [(&[&str], &str); 7] = [
    (
        &["No space left on device", "Disk quota exceeded"],
        "a disk is full: make room where HOME is, and where gpg writes to",
    ),
    (
        &["Read-only file system", "Permission denied"],
        "you can't write to HOME, where gpg keeps locks and the agent's socket: copy it to a folder of yours",
    ),
    (
        &["can't connect to the agent", "failed to start", "No agent running", "problem with the agent"],
        "gpg-agent, which has the secret keys, can't be started; `gpg-agent --homedir HOME --daemon` says why",
    ),
    (
        &["Inappropriate ioctl", "No pinentry", "Bad passphrase", "Operation cancelled", "Timeout"],
        "the key has a passphrase, and gpg can't ask for it here: let gpg-agent learn it first: gpg --homedir HOME --sign \
         --output /dev/null /dev/null",
    ),
    (
        &["Invalid value", "Bad secret key", "Checksum error", "No secret key", "Invalid object"],
        "its secret part in HOME/private-keys-v1.d is damaged or not there: restore HOME from your backup",
    ),
    (&["trustdb"], "HOME/trustdb.gpg is damaged: remove it, and gpg makes it again"),
    (
        &["nvalid packet", "keydb_search", "Invalid keyring"],
        "the keyring in HOME is damaged: restore HOME from your backup",
    ),
];

/// What gpg says on the way, too, where all is well.
const ASIDES: [&str; 3] =
    ["please do a --check-trustdb", "trustdb not writable", "unsafe permissions on homedir"];

/// Returns what gpg's words mean, if that is known.
pub(super) fn cause(said: &str, home: &Path) -> Option<String> {
    let said = ASIDES.iter().fold(said.to_owned(), |said, aside| said.replace(aside, ""));
    let (_, meaning) = MEANINGS.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)))?;
    Some(meaning.replace("HOME", &home.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As gpg 2.2 and 2.4 say it.
    const SAID: [(&str, &str); 7] = [
        (
            "gpg: Note: trustdb not writable; gpg: please do a --check-trustdb; gpg: failed to create temporary file \
             'h/.#lk0x1.vm.1': Read-only file system; gpg: can't connect to the agent: Read-only file system",
            "you can't write to h, where gpg keeps locks",
        ),
        (
            "gpg: error writing to 'h/.#lk0x1': No space left on device; gpg: can't connect to the agent: No space left",
            "a disk is full: make room where h is, and ",
        ),
        (
            "gpg: can't connect to the agent: IPC connect call failed",
            "gpg-agent, which has the secret keys, can't be ",
        ),
        (
            "gpg: signing failed: Inappropriate ioctl for device",
            "the key has a passphrase, and gpg can't ask",
        ),
        ("gpg: signing failed: Invalid value", "its secret part in h/private-keys-v1.d is damaged"),
        (
            "gpg: please do a --check-trustdb; gpg: [don't know]: invalid packet (ctb=67); gpg: keydb_search_first \
             failed: Invalid packet",
            "the keyring in h is damaged: restore h",
        ),
        ("gpg: Fatal: h/trustdb.gpg: invalid trustdb", "h/trustdb.gpg is damaged: remove it"),
    ];

    #[test]
    fn what_gpg_says_is_explained() {
        for (said, wanted) in SAID {
            let cause = cause(said, Path::new("h")).unwrap();
            assert!(cause.starts_with(wanted), "{said}: {cause}");
        }
        assert_eq!(cause("gpg: please do a --check-trustdb; gpg: something new", Path::new("h")), None);
    }
}
