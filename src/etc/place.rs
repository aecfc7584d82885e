//! What is known of some paths of `/etc`: whose they are, and which have a format that can be merged.

use super::path::Path;

/// What is to be known of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The machine made it for itself, and the image never changes it.
    Machine,
    /// A program makes it from what the image has. A new one of the image replaces it.
    Derived,
    /// A link that has systemd start a unit. Its name says which; where it leads does not matter.
    Enablement,
    /// Users or groups.
    Accounts(Accounts),
    /// Lines with names and values.
    Entries(Entries),
    /// Nothing.
    Other,
}

/// A file of users or groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Accounts {
    /// passwd(5)
    Passwd,
    /// group(5)
    Group,
    /// shadow(5)
    Shadow,
    /// gshadow(5)
    Gshadow,
    /// subuid(5)
    Subuid,
    /// subgid(5)
    Subgid,
}

impl Accounts {
    pub(super) const ALL: [Self; 6] =
        [Self::Passwd, Self::Group, Self::Shadow, Self::Gshadow, Self::Subuid, Self::Subgid];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Passwd => "passwd",
            Self::Group => "group",
            Self::Shadow => "shadow",
            Self::Gshadow => "gshadow",
            Self::Subuid => "subuid",
            Self::Subgid => "subgid",
        }
    }
}

/// How the lines of a file are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entries {
    /// By what is before this byte.
    Named(u8),
    /// By the whole line: the file is a list.
    Whole,
}

/// Made by the machine, or by the programs that change its users.
const MACHINES: [&str; 13] = [
    "machine-id",
    "hostid",
    "adjtime",
    ".updated",
    ".pwd.lock",
    "passwd-",
    "group-",
    "shadow-",
    "gshadow-",
    "subuid-",
    "subgid-",
    "ssl/private/ssl-cert-snakeoil.key",
    "ssl/certs/ssl-cert-snakeoil.pem",
];
const DERIVED: [&str; 2] = ["ld.so.cache", "udev/hwdb.bin"];
const ENTRIES: [(&str, Entries); 9] = [
    ("nsswitch.conf", Entries::Named(b':')),
    ("environment", Entries::Named(b'=')),
    ("locale.conf", Entries::Named(b'=')),
    ("default/locale", Entries::Named(b'=')),
    ("vconsole.conf", Entries::Named(b'=')),
    ("shells", Entries::Whole),
    ("ld.so.conf", Entries::Whole),
    ("modules", Entries::Whole),
    ("securetty", Entries::Whole),
];

/// Returns what is known of a path.
pub(super) fn of(path: &Path) -> Place {
    let parts: Vec<&[u8]> = path.parts().collect();
    let is = |name: &&str| path.bytes() == name.as_bytes();
    if MACHINES.iter().any(is) || is_host_key(&parts) {
        Place::Machine
    } else if DERIVED.iter().any(is) {
        Place::Derived
    } else if is_enablement(&parts) {
        Place::Enablement
    } else if let Some(file) = Accounts::ALL.into_iter().find(|file| is(&file.name())) {
        Place::Accounts(file)
    } else if let Some((_, entries)) = ENTRIES.iter().find(|(name, _)| is(name)) {
        Place::Entries(*entries)
    } else if matches!(*parts, [b"ld.so.conf.d", _]) {
        Place::Entries(Entries::Whole)
    } else {
        Place::Other
    }
}

/// Returns whether the machine made it for itself, so that it is another one on each machine.
#[must_use]
pub fn is_machines(path: &Path) -> bool {
    of(path) == Place::Machine
}

/// Returns whether a plan needs the text of the file, and not only its hash.
#[must_use]
pub fn has_text(path: &Path) -> bool {
    matches!(of(path), Place::Accounts(_) | Place::Entries(_))
}

fn is_host_key(parts: &[&[u8]]) -> bool {
    match *parts {
        [b"ssh", name] => {
            name.starts_with(b"ssh_host_") && (name.ends_with(b"_key") || name.ends_with(b"_key.pub"))
        }
        [b"dropbear", name] => name.starts_with(b"dropbear_") && name.ends_with(b"_host_key"),
        _ => false,
    }
}

/// systemd.unit(5): `multi-user.target.wants/ssh.service`
fn is_enablement(parts: &[&[u8]]) -> bool {
    let [b"systemd", b"system" | b"user", folder, _] = *parts else { return false };
    [&b".wants"[..], b".requires", b".upholds"].iter().any(|end| folder.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_by_their_whole_name() {
        let cases = [
            ("machine-id", Place::Machine),
            ("ssh/ssh_host_ed25519_key", Place::Machine),
            ("ssh/ssh_host_rsa_key.pub", Place::Machine),
            ("dropbear/dropbear_rsa_host_key", Place::Machine),
            ("ssh/sshd_config", Place::Other),
            ("ssh/old/ssh_host_rsa_key", Place::Other),
            ("backup/machine-id", Place::Other),
            ("ld.so.cache", Place::Derived),
            ("systemd/system/multi-user.target.wants/a.service", Place::Enablement),
            ("systemd/user/default.target.requires/a.service", Place::Enablement),
            ("systemd/system/a.service", Place::Other),
            ("systemd/system/a.wants", Place::Other),
            ("systemd/network/a.wants/b", Place::Other),
            ("passwd", Place::Accounts(Accounts::Passwd)),
            ("old/passwd", Place::Other),
            ("nsswitch.conf", Place::Entries(Entries::Named(b':'))),
            ("ld.so.conf.d/libc.conf", Place::Entries(Entries::Whole)),
            ("ld.so.conf.d", Place::Other),
        ];
        for (path, place) in cases {
            assert_eq!(of(&Path::new(path).unwrap()), place, "{path}");
        }
    }
}
