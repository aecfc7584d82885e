//! What is read from a file that is right.

use pattern::config::{
    Corruption, DiskChoice, Enroll, Filesystem, FlagName, KEYS, Kind, SecureBoot, TpmNeed,
};
use pattern::token::Pcrs;

use super::{EVERYTHING, SMALLEST, read};

const DEFAULTS: &str = r#"debug = false

[image]
id = "demo"
version = "0.0.1"
epoch = 0
updates = { url = "https://example.org/demo", pubring = "demo-pubring.pgp" }

[partitions]
disk = 'auto'
sizes = { esp = "200M", verity = "64M", usr = "2G" }
persist = { etc = false, home = false, srv = false, var = false, rollback = [] }

[userspace]
homed = false
desktop = false
distrobox = false
sandboxing = false
firmware = false

[volume]
filesystem = "xfs"
tpm = "required"
pin = false
counter = false
recovery_key = false
escrow = []

[verity]
on_corruption = "restart"

[boot]
essential = []
flags = []
credentials = []
add_on_words = []
secure_boot_enroll = "if-safe"
"#;

#[test]
fn the_smallest_file_has_the_documented_defaults() {
    let config = read(SMALLEST);
    assert_eq!(config.partitions.sizes.usr.bytes(), 2 << 30);
    assert_eq!(read(DEFAULTS), config);
}

#[test]
fn every_key_is_read() {
    let config = read(EVERYTHING);
    assert!(config.debug && config.userspace.homed && !config.userspace.desktop);
    assert_eq!((config.image.epoch, &*config.image.updates.pubring), (3, "keys.gpg"));
    let limit = config.image.updates.limit.map(|limit| limit.to_string());
    assert_eq!(limit.as_deref(), Some("--limit 50M --window 22:00-06:00"));
    let disk = DiskChoice::Path("/dev/disk/by-id/nvme-X_1".to_owned());
    assert_eq!(config.partitions.disk, disk);
    assert!(config.partitions.persist.asked().eq(["etc", "home", "var"]));
    assert!(config.partitions.persist.rolled_back().eq(["lib/app", "lib/b c"]));
    assert_eq!(config.volume.filesystem, Filesystem::Btrfs);
    assert_eq!(config.volume.tpm, TpmNeed::Preferred);
    assert_eq!(config.volume.pcrs, Pcrs::new([7, 11]).ok());
    assert!(config.volume.pin);
    assert!(config.volume.counter);
    assert_eq!(config.volume.secure_boot, Some(SecureBoot::Required));
    assert!(config.volume.recovery_key);
    assert!(config.volume.escrow[0].as_str().starts_with("age17w23j4q"));
    assert_eq!(config.verity.on_corruption, Corruption::IoError);
    assert_eq!(config.boot.essential, ["sshd.service", "dev-disk-by\\x2dlabel-x.swap"]);
    assert_eq!(config.boot.flags, [FlagName::Grow, FlagName::Break]);
    assert_eq!(config.boot.credentials, ["home.create.*", "ssh.authorized_keys.root"]);
    assert_eq!(config.boot.add_on_words, ["console=*", "quiet"]);
    assert_eq!(config.boot.secure_boot_enroll, Enroll::Manual);
}

/// An image for use needs Secure Boot unless it says otherwise; an image for debugging protects nothing.
#[test]
fn a_new_volume_needs_secure_boot_unless_the_image_is_for_debugging() {
    let of = |debug, line| read(&format!("debug = {debug}\n{SMALLEST}[volume]\n{line}\n")).secure_boot();
    assert_eq!(of(false, ""), SecureBoot::Required);
    assert_eq!(of(true, ""), SecureBoot::Optional);
    assert_eq!(of(false, "secure_boot = \"optional\""), SecureBoot::Optional);
    assert_eq!(of(true, "secure_boot = \"required\""), SecureBoot::Required);
}

/// Every boolean is read from its own key: no two are mixed up, none is ignored.
#[test]
fn each_boolean_key_changes_its_own_value() {
    for key in KEYS.iter().filter(|key| key.kind == Kind::Boolean) {
        let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        let text = match section {
            "" => format!("{name} = true\n{SMALLEST}"),
            _ => format!("{SMALLEST}[{section}]\n{name} = true\n"),
        };
        let (before, after) = (format!("{:#?}", read(SMALLEST)), format!("{:#?}", read(&text)));
        let pairs = before.lines().zip(after.lines());
        let changed: Vec<_> = pairs.filter(|(a, b)| a != b).map(|(_, b)| b.trim()).collect();
        assert_eq!(changed, [format!("{name}: true,")], "{}", key.path);
    }
}

#[test]
fn an_image_honours_the_flags_it_names_and_all_when_debugging() {
    let some = read(&format!("{SMALLEST}[boot]\nflags = [\"grow\"]\n"));
    let honoured = FlagName::ALL.map(|flag| some.honours(flag));
    assert_eq!(honoured, [false, false, false, true]);
    let debugging = read(EVERYTHING);
    assert!(FlagName::ALL.iter().all(|flag| debugging.honours(*flag)));
}

/// The list of keys is what errors and the manual go by: its words must be the program's.
#[test]
fn the_list_of_keys_names_what_the_types_accept() {
    let names = |path: &str| match KEYS.iter().find(|key| key.path == path).map(|key| key.kind) {
        Some(Kind::Choice(names) | Kind::Names(names)) => names.to_vec(),
        _ => Vec::new(),
    };
    assert_eq!(names("volume.filesystem"), Filesystem::ALL.map(Filesystem::name));
    assert_eq!(names("volume.tpm"), TpmNeed::ALL.map(TpmNeed::name));
    assert_eq!(names("volume.secure_boot"), SecureBoot::ALL.map(SecureBoot::name));
    assert_eq!(names("verity.on_corruption"), Corruption::ALL.map(Corruption::name));
    assert_eq!(names("boot.flags"), FlagName::ALL.map(FlagName::name));
    assert_eq!(names("boot.secure_boot_enroll"), Enroll::ALL.map(Enroll::name));
}

/// A machine is the same one for others, unless its first boot's question for a user has to be asked at each.
#[test]
fn the_machines_own_files_are_kept_beside_an_etc_that_is_not() {
    let keeps = |persist: &str, homed: bool| {
        let persist = format!("persist = {{ {persist} }}\n");
        let homed = format!("[userspace]\nhomed = {homed}\n");
        read(&format!("{SMALLEST}{persist}{homed}")).keeps_host()
    };
    assert!(keeps("var = true", false) && keeps("srv = true", false));
    assert!(!keeps("etc = true", false) && !keeps("etc = true, home = true, var = true", true));
    assert!(keeps("home = true, var = true", true) && !keeps("srv = true", true));
}
