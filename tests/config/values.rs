//! Values that are refused, and what is said about each.

use pattern::config::DiskChoice;
use pattern::token::Pcrs;

use super::{SMALLEST, read, said, said_when};

#[test]
fn a_bad_id_is_told_what_ids_are_made_of() {
    let made_of = "must consist of a-z, 0-9, '.' and '-'";
    let ignored = "systemd-boot does not start kernel images whose names do";
    let host = "must be a host name, too: parts between '.' start and end with a letter or a digit, and have at most 63 \
                characters";
    let every = |name: &str| {
        format!("must be a host name, too, and \"{name}\" is that of every machine: choose another one")
    };
    let cases = [
        ("\"Demo\"", format!("{made_of}, and has 'D': \"Demo\"")),
        ("\"../x\"", format!("{made_of}, and has '/': \"../x\"")),
        ("\"a_b\"", "must not hold '_', which separates id and version in file names: \"a_b\"".to_owned()),
        ("\"-x\"", "must start with a letter or a digit, not \"-x\"".to_owned()),
        ("\"\"", "must start with a letter or a digit, not \"\"".to_owned()),
        ("\"auto-kiosk\"", format!("must not start with \"auto-\": {ignored}, not \"auto-kiosk\"")),
        ("\"kiosk-\"", format!("{host}, not \"kiosk-\"")),
        ("\"kiosk.\"", format!("{host}, not \"kiosk.\"")),
        ("\"a..b\"", format!("{host}, not \"a..b\"")),
        ("\"a-.b\"", format!("{host}, not \"a-.b\"")),
        ("\"localhost\"", every("localhost")),
        ("\"x.localhost.localdomain\"", every("x.localhost.localdomain")),
        ("7", "must be a string in quotes, not a number".to_owned()),
    ];
    for id in ["localhosts", "localhost.example", "my-localhost"] {
        read(&SMALLEST.replace("\"demo\"", &format!("\"{id}\"")));
    }
    for (id, message) in cases {
        let found = said_when("\"demo\"", id);
        assert_eq!(found, format!("p.toml:3: image.id: {message}\n"));
    }
}

#[test]
fn a_bad_version_is_told_what_versions_are_made_of() {
    let made_of = "must consist of A-Z, a-z, 0-9, '.' and '-'";
    let long = format!("\"{}\"", "x".repeat(30));
    let cases = [
        ("\"1+2\"", format!("{made_of}, and has '+': \"1+2\"")),
        ("\"1é\"", format!("{made_of}, and has 'é': \"1é\"")),
        ("\"1_0\"", "must not hold '_', which separates id and version in file names: \"1_0\"".to_owned()),
        ("0.1", "must be a string in quotes, not a fraction".to_owned()),
        (long.as_str(), format!("must have at most 29 characters, and has 30: {long}")),
    ];
    for (version, message) in cases {
        let found = said_when("\"0.0.1\"", version);
        assert_eq!(found, format!("p.toml:4: image.version: {message}\n"));
    }
    let longest = read(&SMALLEST.replace("0.0.1", &"x".repeat(29)));
    assert_eq!(longest.image.version.len(), 29);
}

#[test]
fn a_bad_epoch_is_told_what_a_good_one_is() {
    let with = |epoch: &str| SMALLEST.replace("version = ", &format!("epoch = {epoch}\nversion = "));
    let range = "must be a number from 0 to 2147483647, not";
    for (epoch, message) in [
        ("-1", format!("{range} -1")),
        ("2147483648", format!("{range} 2147483648")),
        ("\"1\"", "must be a number such as 1, not a string".to_owned()),
    ] {
        assert_eq!(said(&with(epoch)), format!("p.toml:4: image.epoch: {message}\n"));
    }
    assert_eq!(read(&with("0x7fffffff")).image.epoch, 2147483647);
}

#[test]
fn a_bad_source_of_updates_is_told_what_a_good_one_is() {
    let url = "image.updates.url: must be";
    let example = "a URL such as \"https://example.org/demo\" (https, http or file), not";
    let plain = "a plain URL prefix, without";
    let cases = [
        ("https://example.org/demo", "example.org", format!("{url} {example} \"example.org\"")),
        (
            "https://example.org/demo",
            "HTTPS://example.org/demo",
            "image.updates.url: must start with \"https://\" in small letters, not \"HTTPS://example.org/demo\"".to_owned(),
        ),
        ("https://example.org/demo", "https:///x", format!("{url} {example} \"https:///x\"")),
        ("https://example.org/demo", "file://h/x", format!("{url} {example} \"file://h/x\"")),
        ("https://example.org/demo", "https://a/b c", format!("{url} {plain} ' ': \"https://a/b c\"")),
        ("https://example.org/demo", "https://a/%v", format!("{url} {plain} '%': \"https://a/%v\"")),
        ("https://example.org/demo", "https://a/?x", format!("{url} {plain} '?': \"https://a/?x\"")),
        (
            "https://example.org/demo",
            "https://me:pw@a/",
            "image.updates.url: must not hold a user name or password: every user of the system can read this file"
                .to_owned(),
        ),
        (
            "demo-pubring.pgp",
            "a/b",
            "image.updates.pubring: must be the name of a file beside pattern.toml, without a directory, not \"a/b\""
                .to_owned(),
        ),
        (
            "demo-pubring.pgp",
            "..",
            "image.updates.pubring: must start with a letter or a digit, not \"..\"".to_owned(),
        ),
    ];
    for (right, wrong, message) in cases {
        assert_eq!(said_when(right, wrong), format!("p.toml:5: {message}\n"));
    }
}

#[test]
fn a_limit_or_a_window_that_is_none_is_told_what_is() {
    let with =
        |lines: &str| said(&SMALLEST.replace(" }\n\n[partitions]", &format!(", {lines} }}\n\n[partitions]")));
    for (lines, message) in [
        (
            "limit = \"50 MB\"",
            "limit: must be a whole number and a unit (K, M, G or T, powers of 1024), such as \"200M\", not \"50 MB\"",
        ),
        ("limit = 50", "limit: must be a string in quotes, not a number"),
        (
            "limit = \"50M\", window = \"1-5\"",
            "window: must be two times of the day such as \"01:00-05:00\", not \"1-5\"",
        ),
        (
            "window = \"01:00-05:00\"",
            "window: needs image.updates.limit: without it any amount is fetched at any time",
        ),
    ] {
        assert_eq!(with(lines), format!("p.toml:5: image.updates.{message}\n"));
    }
}

#[test]
fn a_size_that_no_partition_can_have_is_refused() {
    let form = "must be a whole number and a unit (K, M, G or T, powers of 1024), such as \"200M\"";
    let cases = [
        ("2048", "usr: must be a string in quotes, not a number".to_owned()),
        ("\"0\"", "usr: must be more than nothing".to_owned()),
        ("\"65537K\"", "usr: must be a multiple of 1M, such as \"65M\", not \"65537K\"".to_owned()),
        (
            "\"2000T\"",
            "usr: must be at most \"1T\", because an image has to fit on a disk, not \"2000T\"".to_owned(),
        ),
        (
            "\"2T\"",
            "usr: must be at most \"1T\", because an image has to fit on a disk, not \"2T\"".to_owned(),
        ),
        (
            "\"1M\"",
            "usr: must be at least \"64M\", because /usr has a kernel's modules and systemd, not \"1M\""
                .to_owned(),
        ),
        ("\"two\"", format!("usr: {form}, not \"two\"")),
        (
            "\"9G\"",
            "verity: must be at least \"73M\" to hold the hash tree of a /usr of 9G, not \"64M\"".to_owned(),
        ),
    ];
    for (usr, message) in cases {
        let found = said_when("\"2G\"", usr);
        assert_eq!(found, format!("p.toml:8: partitions.sizes.{message}\n"));
    }
    // What is too small is not told to become a size that is too small as well.
    for small in ["39M", "1", "1025K", "0"] {
        let found = said_when("\"200M\"", &format!("{small:?}"));
        let message =
            "must be at least \"40M\", because an update writes a second kernel image beside the first, not";
        assert_eq!(found, format!("p.toml:8: partitions.sizes.esp: {message} {small:?}\n"));
    }
    let found = said_when("\"200M\"", "\"1024T\"");
    let message = "must be at most \"1T\", because an image has to fit on a disk, not \"1024T\"";
    assert_eq!(found, format!("p.toml:8: partitions.sizes.esp: {message}\n"));
    // Just right: the text has no other error.
    assert_eq!(read(&SMALLEST.replace("\"200M\"", "\"1T\"")).partitions.sizes.esp.bytes(), 1 << 40);
    assert_eq!(read(&SMALLEST.replace("\"2G\"", "\"64M\"")).partitions.sizes.usr.bytes(), 64 << 20);
    let found = said_when("\"200M\"", "\"40961K\"");
    let message = "must be a multiple of 1M, such as \"41M\", not \"40961K\"";
    assert_eq!(found, format!("p.toml:8: partitions.sizes.esp: {message}\n"));
}

#[test]
fn a_disk_is_auto_or_a_plain_device_path() {
    let right = "must be \"auto\" or the path of a disk such as \"/dev/nvme0n1\", not";
    let wrong = ["vda", "/dev", "/dev/", "/dev/../etc/x", "/dev//vda", "/dev/a b", "/dev/a'b", "/tmp/disk"];
    for disk in wrong {
        let found = said_when("[partitions]", &format!("[partitions]\ndisk = {disk:?}"));
        assert_eq!(found, format!("p.toml:8: partitions.disk: {right} {disk:?}\n"));
    }
    let escaped = r"/dev/disk/by-label/a\x20b";
    let text = SMALLEST.replace("[partitions]", &format!("[partitions]\ndisk = '{escaped}'"));
    let config = read(&text);
    assert_eq!(config.partitions.disk, DiskChoice::Path(escaped.to_owned()));
}

#[test]
fn registers_that_protect_nothing_are_refused() {
    let measures = "must name a register that measures the boot, such as [7]:";
    let nothing = "nothing is measured into PCR 15 before the volume is open, nor into PCR 8, 14 and 17 to 22 when the firmware \
                   starts a UKI, and any program can reset PCR 16 and 23";
    let cases = [
        ("7", "must be a list of numbers such as [7], not a number".to_owned()),
        ("['7']", "must be a list of numbers such as [7], and has a string in it".to_owned()),
        ("[7, 24]", "must be numbers from 0 to 23, not 24".to_owned()),
        ("[-1]", "must be numbers from 0 to 23, not -1".to_owned()),
        ("[99999999999999999999]", "must be numbers from 0 to 23, not 99999999999999999999".to_owned()),
        ("[]", format!("{measures} an empty list protects nothing")),
        ("[16, 23]", format!("{measures} {nothing}")),
        ("[15]", format!("{measures} {nothing}")),
        ("[15, 16]", format!("{measures} {nothing}")),
        ("[8]", format!("{measures} {nothing}")),
        ("[14]", format!("{measures} {nothing}")),
        ("[8, 14, 15, 17, 22, 23]", format!("{measures} {nothing}")),
    ];
    for (pcrs, message) in cases {
        let found = said(&format!("{SMALLEST}[volume]\npcrs = {pcrs}\n"));
        assert_eq!(found, format!("p.toml:10: volume.pcrs: {message}\n"));
    }
    assert_eq!(read(&format!("{SMALLEST}[volume]\npcrs = [23, 0]\n")).volume.pcrs, Pcrs::new([0, 23]).ok());
}

#[test]
fn who_can_never_read_the_recovery_key_is_refused() {
    let key = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";
    let public = "must be public keys of age such as age-keygen shows, age1...:";
    let secret = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";
    let mistyped = key.replace("17w", "177");
    let cases = [
        (format!("'{key}'"), "must be a list of public keys such as [\"age1...\"], not a string".to_owned()),
        (format!("['{mistyped}']"), format!("{public} {mistyped:?} is mistyped: its check sum is wrong")),
        ("['ssh-rsa x']".to_owned(), format!("{public} \"ssh-rsa x\" is not an X25519 key of age, as age-keygen makes them")),
        (
            format!("['{secret}']"),
            "must be public keys of age: one of these is a secret key, which belongs nowhere but with its owner; \
             its public key starts with age1. Everybody can read this file: make another pair"
                .to_owned(),
        ),
    ];
    let text = |escrow: &str| format!("{SMALLEST}[volume]\nescrow = {escrow}\nrecovery_key = true\n");
    for (escrow, message) in cases {
        assert_eq!(said(&text(&escrow)), format!("p.toml:10: volume.escrow: {message}\n"));
    }
    assert_eq!(read(&text(&format!("['{key}', '{key}']"))).volume.escrow.len(), 1);
    let without = said(&text(&format!("['{key}']")).replace("recovery_key = true", ""));
    let needs = "needs volume.recovery_key = true: without it there is no key to encrypt";
    assert_eq!(without, format!("p.toml:10: volume.escrow: {needs}\n"));
}

#[test]
fn what_goes_back_is_below_a_kept_var() {
    let key = "partitions.persist.rollback";
    let with =
        |paths: &str| SMALLEST.replace("[partitions]\n", &format!("[partitions]\npersist = {{ {paths} }}\n"));
    for path in [
        "/etc",
        "/var",
        "/var/",
        "var/lib",
        "/var//a",
        "/var/../etc",
        "/var/lib/.",
        "/varx/a",
        "/var/a\\nb",
        "/home/me",
    ] {
        let said = said(&with(&format!("var = true, rollback = [\"{path}\"]")));
        let message = format!("{key}: must be paths below /var such as \"/var/lib/app\", not");
        assert!(said.contains(&message), "{path}: {said}");
    }
    let nested = said(&with(r#"var = true, rollback = ["/var/a", "/var/lib/app/db", "/var/lib/app"]"#));
    let message = r#"must not hold "/var/lib/app/db", which is in "/var/lib/app", and goes back with it"#;
    assert!(nested.contains(&format!("{key}: {message}")), "{nested}");
    let without = said(&with(r#"rollback = ["/var/a"]"#));
    assert!(without.contains(&format!("{key}: needs partitions.persist.var = true")), "{without}");
    let fits = read(&with(r#"var = true, rollback = ["/var/a", "/var/a-b", "/var/lib/a"]"#));
    assert!(fits.partitions.persist.rolled_back().eq(["a", "a-b", "lib/a"]));
}

/// Not the first one alone: who corrects that would read the next one after the next check.
#[test]
fn each_wrong_item_of_a_list_is_named_once() {
    let key = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";
    for (text, items) in [
        (
            "[boot]\nflags = ['grow', 'x', 'y', 'x', 3]",
            &["not \"x\"", "not \"y\"", "must be a list of strings in quotes, and has a number in it"][..],
        ),
        ("[boot]\nessential = ['a', 'b.service', 'c']", &["not \"a\"", "not \"c\""]),
        ("[boot]\ncredentials = ['*', '/', 'x']", &["not \"*\"", "not \"/\""]),
        ("[volume]\npcrs = [7, 24, 0x19, 'a']", &["not 24", "not 0x19", "and has a string in it"]),
        (
            &format!("[volume]\nrecovery_key = true\nescrow = ['x', '{key}', 'y']"),
            &["\"x\" is not an X25519", "\"y\" is not an X25519"],
        ),
    ] {
        let found = said(&format!("{SMALLEST}{text}\n"));
        let lines: Vec<_> = found.lines().collect();
        assert_eq!(lines.len(), items.len(), "{found}");
        assert!(lines.iter().zip(items).all(|(line, item)| line.contains(item)), "{found}");
    }
    assert_eq!(read(&format!("{SMALLEST}[boot]\nflags = ['grow', 'grow']\n")).boot.flags.len(), 1);
}

#[test]
fn a_choice_is_told_what_there_is_to_choose_from() {
    let flags = "boot.flags: must be";
    let shell = "it gives a root shell to anyone at the console";
    let cases = [
        (
            "[volume]\nfilesystem = 'zfs'",
            "volume.filesystem: must be one of \"xfs\", \"ext4\", \"btrfs\", not \"zfs\"".to_owned(),
        ),
        (
            "[verity]\non_corruption = 'ignore'",
            "verity.on_corruption: must be one of \"restart\", \"panic\", \"io-error\", not \"ignore\""
                .to_owned(),
        ),
        ("[volume]\nrecovery_key = 1", "volume.recovery_key: must be true or false, not a number".to_owned()),
        (
            "[boot]\nessential = ['getty@.service']",
            "boot.essential: must name an instance of a template, such as \"getty@tty1.service\", not \"getty@.service\"".to_owned(),
        ),
        (
            "[boot]\nessential = ['sshd']",
            "boot.essential: must be names of units such as \"sshd.service\", not \"sshd\"".to_owned(),
        ),
        ("[boot]\nflags = 'grow'", format!("{flags} a list of flags such as [\"grow\"], not a string")),
        (
            "[boot]\nflags = ['groww']",
            format!("{flags} one of \"break\", \"volatile\", \"plan_only\", \"grow\", not \"groww\""),
        ),
        (
            "[boot]\ncredentials = ['*']",
            "boot.credentials: must be names of credentials such as \"home.create.*\", not \"*\"".to_owned(),
        ),
        (
            "[boot]\ncredentials = ['home.*.me']",
            "boot.credentials: must be names of credentials such as \"home.create.*\", not \"home.*.me\"".to_owned(),
        ),
        (
            "[boot]\nadd_on_words = ['*']",
            "boot.add_on_words: must be words such as \"quiet\" or \"console=*\", not \"*\"".to_owned(),
        ),
        (
            "[boot]\nadd_on_words = ['rdinit=*']",
            "boot.add_on_words: must not hold \"rdinit=*\": the word decides what is started, so an add-on with it could read what \
             the volume keeps"
                .to_owned(),
        ),
        (
            "[boot]\nsecure_boot_enroll = 'yes'",
            "boot.secure_boot_enroll: must be one of \"if-safe\", \"manual\", \"force\", \"off\", not \"yes\""
                .to_owned(),
        ),
        (
            "[boot]\nflags = ['break']",
            format!("boot.flags: must not hold \"break\" unless debug = true: {shell}"),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(said(&format!("{SMALLEST}{text}\n")), format!("p.toml:10: {message}\n"));
    }
}

#[test]
fn users_are_kept_whole_or_not_at_all() {
    let with = |persist: &str| {
        let text = SMALLEST.replace("[partitions]\n", &format!("[partitions]\npersist = {{ {persist} }}\n"));
        assert_ne!(text, SMALLEST);
        format!("{text}\n[userspace]\nhomed = true\n")
    };
    for (persist, whole) in
        [("", true), ("home = true, var = true", true), ("home = true", false), ("var = true", false)]
    {
        let text = with(persist);
        if whole {
            assert!(read(&text).userspace.homed, "{persist}");
        } else {
            let found = said(&text);
            let message = "userspace.homed: needs partitions.persist.home and partitions.persist.var both true, or both false";
            assert!(found.contains(message), "{found}");
        }
    }
}
