//! The list of all keys. Error messages, the man page and the image modules are compared with it.

/// One key of `pattern.toml`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Sections and name, separated by dots.
    pub path: &'static str,
    /// The values that it accepts.
    pub kind: Kind,
    /// What a missing key means.
    pub absent: Absent,
    /// Its purpose, in one sentence.
    pub help: &'static str,
}

/// What a missing key means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absent {
    /// An error.
    Wrong,
    /// The same as this value, in TOML.
    Default(&'static str),
    /// What the key's help says.
    Unset,
}

/// The values that a key accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// An integer from 0 to 2147483647.
    Number,
    /// A string.
    Text,
    /// A string that [`crate::config::size::Size`] parses.
    Size,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An array of numbers of TPM registers.
    Pcrs,
    /// An array of these strings, each at most once.
    Names(&'static [&'static str]),
    /// An array of names of systemd units.
    Units,
    /// An array of X25519 recipients of age.
    Recipients,
    /// An array of names of credentials, or of the starts of names.
    Credentials,
    /// Words of the kernel command line.
    Words,
    /// An array of absolute paths.
    Paths,
}

impl Kind {
    /// Returns the kind in words, as in the man page.
    #[must_use]
    pub fn words(self) -> String {
        let quoted =
            |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Boolean => "boolean".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Size => "size".to_owned(),
            Self::Choice(names) => format!("one of {}", quoted(names)),
            Self::Pcrs => "list of numbers, 0 to 23".to_owned(),
            Self::Names(names) => format!("list of {}", quoted(names)),
            Self::Units => "list of unit names".to_owned(),
            Self::Recipients => "list of age recipients".to_owned(),
            Self::Credentials => "list of credential names".to_owned(),
            Self::Words => "list of words".to_owned(),
            Self::Paths => "list of paths".to_owned(),
        }
    }
}

const fn required(path: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { path, kind, absent: Absent::Wrong, help }
}

const fn optional(path: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Key {
    Key { path, kind, absent: Absent::Default(default), help }
}

const fn unset(path: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { path, kind, absent: Absent::Unset, help }
}

const FILESYSTEMS: Kind = Kind::Choice(&["xfs", "ext4", "btrfs"]);
const SECURE_BOOT: Kind = Kind::Choice(&["required", "optional"]);
const TPM_NEEDS: Kind = Kind::Choice(&["required", "preferred"]);
const CORRUPTIONS: Kind = Kind::Choice(&["restart", "panic", "io-error"]);
const ENROLLS: Kind = Kind::Choice(&["if-safe", "manual", "force", "off"]);
const FLAGS: Kind = Kind::Names(&["break", "volatile", "plan_only", "grow"]);

/// All keys, in the order of the man page.
pub const KEYS: &[Key] = &[
    optional(
        "debug",
        Kind::Boolean,
        "false",
        "root logs in by itself on the consoles, and all `pattern.` flags are honoured",
    ),
    required("image.id", Kind::Text, "name of the image: a-z, 0-9, `.` and `-`"),
    required("image.version", Kind::Text, "version of the image: at most 29 of A-Z, a-z, 0-9, `.` and `-`"),
    optional(
        "image.epoch",
        Kind::Number,
        "0",
        "versions with a lower number no longer open the volume once this one was kept; each number has a key of its own",
    ),
    required("image.updates.url", Kind::Text, "where new versions are published: an https, http or file URL"),
    required(
        "image.updates.pubring",
        Kind::Text,
        "name of the keyring file beside `pattern.toml` that updates are verified with",
    ),
    unset(
        "image.updates.limit",
        Kind::Size,
        "the most that `systemd-sysupdate.timer` has fetched of a version, except over a connection that is not metered",
    ),
    unset(
        "image.updates.window",
        Kind::Text,
        "times of the day between which `limit` does not count, such as `01:00-05:00`",
    ),
    optional(
        "partitions.disk",
        Kind::Text,
        "\"auto\"",
        "the disk that must hold the image: `auto`, or a path under `/dev`",
    ),
    required("partitions.sizes.esp", Kind::Size, "size of the EFI system partition, at least 40M"),
    required(
        "partitions.sizes.verity",
        Kind::Size,
        "size of each hash tree partition, large enough for `usr`",
    ),
    required("partitions.sizes.usr", Kind::Size, "size of each `/usr` partition, at least 64M"),
    optional("partitions.persist.etc", Kind::Boolean, "false", "keep `/etc`"),
    optional("partitions.persist.home", Kind::Boolean, "false", "keep `/home`"),
    optional("partitions.persist.srv", Kind::Boolean, "false", "keep `/srv`"),
    optional("partitions.persist.var", Kind::Boolean, "false", "keep `/var`"),
    optional(
        "partitions.persist.rollback",
        Kind::Paths,
        "[]",
        "paths below `/var` that go back if a new version fails its trial",
    ),
    optional("userspace.homed", Kind::Boolean, "false", "home directories by systemd-homed"),
    optional("userspace.desktop", Kind::Boolean, "false", "a desktop"),
    optional("userspace.distrobox", Kind::Boolean, "false", "other distributions in containers"),
    optional("userspace.sandboxing", Kind::Boolean, "false", "tools that confine applications"),
    optional(
        "userspace.firmware",
        Kind::Boolean,
        "false",
        "firmware and microcode of PCs, which is not free software",
    ),
    optional("volume.filesystem", FILESYSTEMS, "\"xfs\"", "file system of a new persist volume"),
    optional(
        "volume.tpm",
        TPM_NEEDS,
        "\"required\"",
        "whether a new volume needs a TPM; with `preferred`, a machine without one asks for a passphrase",
    ),
    unset(
        "volume.pcrs",
        Kind::Pcrs,
        "TPM registers that must be unchanged for the volume to open by itself, beside 7, 12 and 15, which an image with `debug = false` always binds",
    ),
    optional(
        "volume.pin",
        Kind::Boolean,
        "false",
        "ask for a PIN at each boot; the owner chooses it when the volume is made",
    ),
    optional(
        "volume.counter",
        Kind::Boolean,
        "false",
        "have the TPM count: it refuses an old copy of the volume, and keys of it that were replaced",
    ),
    unset(
        "volume.secure_boot",
        SECURE_BOOT,
        "whether a new volume needs Secure Boot: `required`, the default with `debug = false`, or `optional`",
    ),
    optional(
        "volume.recovery_key",
        Kind::Boolean,
        "false",
        "make a recovery key with the volume and show it once on the console",
    ),
    optional(
        "volume.escrow",
        Kind::Recipients,
        "[]",
        "public keys of age that each new recovery key is encrypted to",
    ),
    optional(
        "verity.on_corruption",
        CORRUPTIONS,
        "\"restart\"",
        "what to do when a block of `/usr` fails verification",
    ),
    optional("boot.essential", Kind::Units, "[]", "units that must work for a new version to be kept"),
    optional("boot.flags", FLAGS, "[]", "`pattern.` flags that are honoured although `debug` is false"),
    optional(
        "boot.credentials",
        Kind::Credentials,
        "[]",
        "credentials that a machine with `debug = false` takes from its firmware: names, or their beginning and a `*`",
    ),
    optional(
        "boot.add_on_words",
        Kind::Words,
        "[]",
        "words of the kernel command line that a signed add-on may have, so that the owner can bind the volume to it: words, or a key and `=*`",
    ),
    optional(
        "boot.secure_boot_enroll",
        ENROLLS,
        "\"if-safe\"",
        "when the boot loader enrolls the image's keys for Secure Boot in firmware that has none",
    ),
];

/// Returns the key of this path.
#[must_use]
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Returns the names of keys and sections directly in this section, each once. `""` is the top
/// level.
#[must_use]
pub(super) fn members(section: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let rest = match section {
            "" => Some(key.path),
            _ => key.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
        };
        let name = rest.and_then(|rest| rest.split('.').next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}
