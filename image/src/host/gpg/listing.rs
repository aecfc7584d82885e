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
    let lines: Vec<_> = listing.lines().map(|line| line.split(':').collect::<Vec<_>>()).collect();
    let starts = lines.iter().enumerate().filter(|(_, fields)| fields.first() == Some(&kind));
    let flaw = |(at, fields): (usize, &Vec<&'a str>)| {
        let subkeys = lines.iter().skip(at + 1).take_while(|fields| fields.first() != Some(&kind));
        (fields.get(4).copied().unwrap_or_default(), flaw(fields, subkeys))
    };
    starts.map(flaw).collect()
}

/// Returns what a key lacks that can't sign, by its own line and those up to the next key.
fn flaw<'a>(fields: &[&str], mut subkeys: impl Iterator<Item = &'a Vec<&'a str>>) -> &'static str {
    match fields.get(1) {
        Some(&"e") => EXPIRED,
        Some(&"r") => "was revoked",
        Some(&"d") => "is disabled",
        Some(&"i") => "is not valid",
        // A secret key that is elsewhere, such as on a card, is marked by `#` or by the card.
        _ if fields.get(14) == Some(&"#") => "has only its public part here",
        _ if subkeys.any(|fields| is_expired_subkey(fields)) => SUBKEY_EXPIRED,
        _ => "is not for signing",
    }
}

/// Returns whether a line is of a subkey that could sign, and whose time is over.
fn is_expired_subkey(fields: &[&str]) -> bool {
    let is_subkey = fields.first().is_some_and(|kind| ["ssb", "sub"].contains(kind));
    is_subkey && fields.get(1) == Some(&"e") && fields.get(11).is_some_and(|can| can.contains('s'))
}

/// Returns the fingerprint of the last such subkey.
pub(crate) fn expired_subkey(listing: &str) -> Option<&str> {
    let lines: Vec<_> = listing.lines().collect();
    let at = lines.iter().rposition(|line| is_expired_subkey(&line.split(':').collect::<Vec<_>>()))?;
    fingerprint(lines.get(at..)?)
}

/// Returns the first fingerprint.
pub(crate) fn fingerprint<'a>(lines: &[&'a str]) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix("fpr:")?.split(':').nth(8))
}

/// What a key lacks whose time is over.
pub(crate) const EXPIRED: &str = "has expired";
/// What a key lacks whose signing subkey's time is over.
pub(crate) const SUBKEY_EXPIRED: &str = "has a signing subkey that has expired";

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
        let primary = "pub:u:255:22:BDFD:1577836800:::u:::cC:::::ed25519:::0:\nfpr:::::::::75D0:\n";
        let subkey = |validity, can| {
            format!(
                "sub:{validity}:255:22:6846:1577836800:1578009600:::::{can}:::::ed25519::\nfpr:::::::::D920:\n"
            )
        };
        for (validity, can, wanted) in [
            ("e", "s", "BDFD has a signing subkey that has expired, 2533 has expired"),
            ("e", "e", "BDFD is not for signing, 2533 has expired"),
            ("r", "s", "BDFD is not for signing, 2533 has expired"),
        ] {
            let listing = format!("{primary}{}{expired}", subkey(validity, can));
            assert_eq!(told(&flaws(&listing, "pub")), wanted);
            let other = format!("{expired}{}{primary}", subkey(validity, can));
            assert!(told(&flaws(&other, "pub")).ends_with("BDFD is not for signing"), "{other}");
        }
        assert_eq!(expired_subkey(&format!("{primary}{}", subkey("e", "s"))), Some("D920"));
        assert_eq!(expired_subkey(&format!("{primary}{}", subkey("e", "e"))), None);
        let elsewhere = "sec:u:255:22:03:1:::u:::sc:::#::ed25519:::0:\n";
        assert_eq!(told(&flaws(elsewhere, "sec")), "03 has only its public part here");
        assert!(flaws("tru::1:1:0:3:1:5\n", "pub").is_empty());
    }
}
