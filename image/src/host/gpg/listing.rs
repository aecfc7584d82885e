//! Reads gpg's machine-readable list of keys (`doc/DETAILS` of GnuPG).

/// Returns fingerprints of usable keys from gpg's machine-readable list: a line for each key, of this
/// kind, followed by its `fpr` line.
pub(crate) fn signing_keys(listing: &str, kind: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut usable = false;
    for line in listing.lines() {
        let fields = line.split(':').collect::<Vec<_>>();
        match fields.as_slice() {
            // The second field is the validity. The twelfth has a capital S if the key as a whole
            // can sign.
            [found, validity, ..] if *found == kind => {
                let signs = fields.get(11).is_some_and(|can| can.contains('S'));
                usable = signs && !["d", "e", "i", "r"].contains(validity);
            }
            ["fpr", ..] if usable => {
                keys.extend(fields.get(9).map(|&fingerprint| fingerprint.to_owned()));
                usable = false;
            }
            _ => {}
        }
    }
    keys
}

/// Returns the name of the file that has a key's secret part, by the key's fingerprint.
pub(crate) fn secret_file(listing: &str, key: &str) -> Option<String> {
    let field = |line: &str, kind: &str| line.strip_prefix(kind)?.split(':').nth(8).map(str::to_owned);
    let mut lines = listing.lines().skip_while(|line| field(line, "fpr:").as_deref() != Some(key));
    lines.find_map(|line| field(line, "grp:")).map(|grip| format!("{grip}.key"))
}

/// Returns for each key of this kind, if none can sign, its ID and what it lacks.
pub(crate) fn flaws<'a>(listing: &'a str, kind: &str) -> Vec<(&'a str, &'static str)> {
    let lines = listing.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let keys = lines.filter(|fields| fields.first() == Some(&kind));
    let flaw = |fields: Vec<&'a str>| {
        let id = fields.get(4).copied().unwrap_or_default();
        (
            id,
            match fields.get(1) {
                Some(&"e") => EXPIRED,
                Some(&"r") => "was revoked",
                Some(&"d") => "is disabled",
                Some(&"i") => "is not valid",
                // A secret key that is elsewhere, such as on a card, is marked by `#` or by the card.
                _ if fields.get(14) == Some(&"#") => "has only its public part here",
                _ => "is not for signing",
            },
        )
    };
    keys.map(flaw).collect()
}

/// What a key lacks whose time is over.
pub(crate) const EXPIRED: &str = "has expired";

/// Puts what keys lack into words.
pub(crate) fn told(flaws: &[(&str, &str)]) -> String {
    flaws.iter().map(|(id, flaw)| format!("{id} {flaw}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_keys_are_told_from_others() {
        let good =
            "sec:u:255:22:B528:1795400496:::u:::scSC:::+::ed25519:::0:\nfpr:::::::::AC0A:\ngrp:::::::::0B:\n";
        let expired =
            "sec:e:255:22:2533:1795400499:1795400501::u:::sc:::+::ed25519:::0:\nfpr:::::::::AD33:\n";
        let encrypting = "sec:u:255:18:11:1:::u:::eE:::+::cv25519:::0:\nfpr:::::::::AA:\n";
        let subkey = "ssb:u:255:18:22:1::::::e:::+::cv25519::\nfpr:::::::::BB:\n";
        assert_eq!(signing_keys(&format!("{good}{subkey}{expired}{encrypting}"), "sec"), ["AC0A"]);
        assert_eq!(signing_keys(&format!("{expired}{good}{good}"), "sec"), ["AC0A", "AC0A"]);
        assert_eq!(secret_file(&format!("{expired}{good}"), "AC0A").as_deref(), Some("0B.key"));
        assert_eq!(secret_file(&format!("{good}{expired}"), "AD33"), None);
        assert!(signing_keys("", "sec").is_empty() && signing_keys(good, "pub").is_empty());
    }

    #[test]
    fn keys_that_do_not_sign_are_named() {
        let expired = "pub:e:255:22:2533:1795400499:1795400501::-:::sc:::::ed25519:::0:\nfpr:::::::::AD33:\n";
        let revoked = "pub:r:255:22:0102:1795400499:::-:::sc:::::ed25519:::0:\n";
        let encrypting = "pub:-:255:18:11:1:::-:::eE:::::cv25519:::0:\n";
        assert_eq!(
            told(&flaws(&format!("{expired}{revoked}{encrypting}"), "pub")),
            "2533 has expired, 0102 was revoked, 11 is not for signing"
        );
        let elsewhere = "sec:u:255:22:03:1:::u:::sc:::#::ed25519:::0:\n";
        assert_eq!(told(&flaws(elsewhere, "sec")), "03 has only its public part here");
        assert!(flaws("tru::1:1:0:3:1:5\n", "pub").is_empty());
    }
}
