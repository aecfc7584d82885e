//! What stands in the way when gpg fails, and what to do, in other words than gpg's.

use std::fs;
use std::path::Path;

use super::SECRET_KEYS;
use super::listing::{self, EXPIRED, SUBKEY_EXPIRED};
use crate::host::only_new;
use crate::host::word::word;

/// What gpg says in English, and what it means for a home. The first one that is said counts: gpg goes
/// on after some of them, and what it says then follows from them.
const MEANINGS: [(&[&str], &str); 6] = [
    (&["No space left on device", "Disk quota exceeded"], "a disk is full"),
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
    (&["trustdb"], "HOME/trustdb.gpg is damaged: remove it, and gpg makes it again"),
    (
        &["nvalid packet", "keydb_search", "Invalid keyring"],
        "HOME/pubring.kbx, the list of its public keys, is damaged: move it away, and make it again: gpg --homedir HOME --import \
         NAME-pubring.pgp",
    ),
];

/// What gpg says on the way, too, where all is well.
const ASIDES: [&str; 3] =
    ["please do a --check-trustdb", "trustdb not writable", "unsafe permissions on homedir"];

/// Returns what gpg's words mean, if that is known.
pub(super) fn cause(said: &str, home: &Path) -> Option<String> {
    let said = ASIDES.iter().fold(said.to_owned(), |said, aside| said.replace(aside, ""));
    let (_, meaning) = MEANINGS.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)))?;
    let meaning = meaning.replace("--homedir HOME", &format!("--homedir {}", word(home)));
    Some(meaning.replace("HOME", &home.display().to_string()))
}

/// What gpg says if a secret key can't be used; why differs with each kind of damage.
const NOT_SIGNED: &str = "signing failed";

/// Returns what it means that a key can't sign, if nothing else is known to stand in the way. `file` has its secret part.
pub(super) fn of_key(said: &str, file: &Path) -> Option<String> {
    said.contains(NOT_SIGNED).then(|| {
        let is_there = file.is_file();
        format!(
            "its secret part, {}, is {}: restore that file from your backup; without a backup nobody can sign a version that the \
             machines of this system take, and `pattern gen-keyring NAME` makes keys for a new system only",
            file.display(),
            if is_there { "damaged" } else { "not there" }
        )
    })
}

/// Says why no key in a home's list can sign, and what to do.
pub(super) fn no_key(listing: &str, home: &Path) -> String {
    let restore = format!(
        "restore the one that the images of this system trust, from your backup; {}",
        only_new("NAME")
    );
    match listing::flaws(listing, "sec").as_slice() {
        [] if has_files(&home.join(SECRET_KEYS)) => format!(
            "its secret keys are there, and {}/pubring.kbx, the list of its public keys, does not have them: make it again: gpg \
             --homedir {} --import NAME-pubring.pgp",
            home.display(),
            word(home)
        ),
        [] => format!("it has none at all: {restore}"),
        [(key, flaw @ (EXPIRED | SUBKEY_EXPIRED))] => {
            let lines: Vec<_> = listing.lines().collect();
            // gpg's `*` leaves out what has expired.
            let subkey = listing::expired_subkey(listing).filter(|_| *flaw == SUBKEY_EXPIRED);
            format!(
                "{key} {flaw}: give it more time: gpg --homedir {} --quick-set-expire {} 5y{}; and build the image with the \
                 public key that gpg exports then",
                word(home),
                listing::fingerprint(&lines).unwrap_or(key),
                subkey.map_or(String::new(), |subkey| format!(" {subkey}"))
            )
        }
        flaws => format!("{}: {restore}", listing::told(flaws)),
    }
}

fn has_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As gpg 2.2 and 2.4 say it.
    const SAID: [(&str, &str); 6] = [
        (
            "gpg: Note: trustdb not writable; gpg: please do a --check-trustdb; gpg: failed to create temporary file \
             'h/.#lk0x1.vm.1': Read-only file system; gpg: can't connect to the agent: Read-only file system",
            "you can't write to h, where gpg keeps locks",
        ),
        (
            "gpg: error writing to 'h/.#lk0x1': No space left on device; gpg: can't connect to the agent: No space left",
            "a disk is full",
        ),
        (
            "gpg: can't connect to the agent: IPC connect call failed",
            "gpg-agent, which has the secret keys, can't be ",
        ),
        (
            "gpg: signing failed: Inappropriate ioctl for device",
            "the key has a passphrase, and gpg can't ask",
        ),
        (
            "gpg: please do a --check-trustdb; gpg: [don't know]: invalid packet (ctb=67); gpg: keydb_search_first \
             failed: Invalid packet",
            "h/pubring.kbx, the list of its public keys, is damaged: move it away, and make it again: gpg --homedir h --import ",
        ),
        ("gpg: Fatal: h/trustdb.gpg: invalid trustdb", "h/trustdb.gpg is damaged: remove it"),
    ];

    #[test]
    fn a_command_has_the_home_as_one_word() {
        let place = crate::host::temporary::folder().unwrap();
        let home = place.path().join("ab c");
        fs::create_dir_all(home.join(SECRET_KEYS)).unwrap();
        fs::write(home.join(SECRET_KEYS).join("x.key"), "").unwrap();
        let said = no_key("", &home);
        let wanted = format!(": gpg --homedir '{}' --import NAME-pubring.pgp", home.display());
        assert!(said.ends_with(&wanted), "{said}");
    }

    /// As gpg says it of a file that is cut, empty, changed, or a folder.
    #[test]
    fn the_file_of_a_key_that_can_not_sign_is_named() {
        for why in [
            "Missing key",
            "System error w/o errno",
            "Invalid value",
            "Bad character in S-expression",
            "Is a directory",
        ] {
            let said =
                of_key(&format!("gpg: signing failed: {why}"), Path::new("/proc/self/status")).unwrap();
            let wanted = "its secret part, /proc/self/status, is damaged: restore that file from your backup; without a backup ";
            assert!(said.starts_with(wanted), "{said}");
        }
        let said = of_key("gpg: signing failed: No secret key", Path::new("h/x.key")).unwrap();
        assert!(said.starts_with("its secret part, h/x.key, is not there: restore"), "{said}");
        assert_eq!(of_key("gpg: something new", Path::new("h/x.key")), None);
    }

    #[test]
    fn what_gpg_says_is_explained() {
        for (said, wanted) in SAID {
            let cause = cause(said, Path::new("h")).unwrap();
            assert!(cause.starts_with(wanted), "{said}: {cause}");
        }
        assert_eq!(cause("gpg: please do a --check-trustdb; gpg: something new", Path::new("h")), None);
    }
}
