//! Names and texts of systemd units.

/// Opens the verity device `usr`.
pub const USR: &str = "pattern-usr.service";
/// Brings the partition table to its target shape.
pub const GROW: &str = "pattern-grow.service";
/// Gives the persistent volume up when that is asked for.
pub const RESET: &str = "pattern-reset.service";
/// Makes or opens the persistent volume.
pub const PERSIST: &str = "pattern-persist.service";
/// Locks the volume's key at the end of the initrd.
pub const LATCH: &str = "pattern-latch.service";
/// Fills the directories that are not persisted.
pub const SEED: &str = "pattern-seed.service";
/// Takes the credentials that the image lists.
pub const CREDENTIALS: &str = "pattern-credentials.service";
/// Gives a shell before a stage.
pub const BREAK: &str = "pattern-break.service";
/// Fails with the words that the generator logged.
pub const CONFIG: &str = "pattern-config.service";
/// Notes an orderly shutdown, so that the next corruption restarts once again.
pub const DISARM: &str = "pattern-usr-disarm.service";

/// Judges a version on trial by what it persists and by its essential units.
pub const HEALTH: &str = "pattern-health.service";
/// Reads all of `/usr` through dm-verity, for a version on trial.
pub const SCRUB: &str = "pattern-scrub.service";
/// Says that a newer version failed, and why.
pub const FALLBACK: &str = "pattern-fallback.service";
/// Looks after the recovery key: its copy in escrow, and whether it was confirmed.
pub const RECOVERY: &str = "pattern-recovery.service";
/// Has the volume open after a change of Secure Boot's keys that waits for a restart.
pub const AHEAD: &str = "pattern-rebind-ahead.service";
/// Starts it when such a change is staged.
pub const AHEAD_PATH: &str = "pattern-rebind-ahead.path";

/// Asks the next boot for a factory reset, in systemd's words for it.
pub const RESET_REQUEST: &str = "pattern-reset-request.service";

/// The constant units, as they lie in `units/`.
pub const SHIPPED: &[&str] = &[
    USR,
    GROW,
    RESET,
    PERSIST,
    LATCH,
    SEED,
    CREDENTIALS,
    BREAK,
    CONFIG,
    DISARM,
    HEALTH,
    SCRUB,
    FALLBACK,
    RECOVERY,
    AHEAD,
    AHEAD_PATH,
    RESET_REQUEST,
];

/// The name of the unit for a path: `/dev/a-b` with suffix `device` is `dev-a\x2db.device`
/// (systemd.unit(5), "String Escaping for Inclusion in Unit Names").
#[must_use]
pub fn of_path(path: &str, suffix: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let escaped = if parts.is_empty() { "-".to_owned() } else { escape(&parts.join("/")) };
    format!("{escaped}.{suffix}")
}

fn escape(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    for (index, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name
}

/// The text of a unit file, made section by section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text(String);

impl Text {
    /// Starts with a line that says who wrote the file, and from what.
    #[must_use]
    pub fn from_source(source: &str) -> Self {
        Self(format!("# Written by pattern-generator from {source}\n"))
    }

    /// Adds a section; a key may stand more than once.
    #[must_use]
    pub fn section(mut self, name: &str, settings: &[(&str, &str)]) -> Self {
        self.0.push_str(&format!("\n[{name}]\n"));
        for (key, value) in settings {
            self.0.push_str(&format!("{key}={value}\n"));
        }
        self
    }

    /// The whole file.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_as_systemd_escapes_them() {
        let cases = [
            ("/sysroot/usr", "mount", "sysroot-usr.mount"),
            ("/", "mount", "-.mount"),
            ("/dev/disk/by-partuuid/00-ff", "device", "dev-disk-by\\x2dpartuuid-00\\x2dff.device"),
            ("/.hidden//a b", "mount", "\\x2ehidden-a\\x20b.mount"),
        ];
        for (path, suffix, name) in cases {
            assert_eq!(of_path(path, suffix), name);
        }
    }
}
