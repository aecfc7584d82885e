//! What `/usr` of an image says of itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use pattern::config;
use serde::Serialize;

use super::login::{self, Ways};
use crate::release::usr::{CONFIG, Usr};

const RELEASE: &str = "/lib/os-release";
const SHADOW: &str = "/share/factory/etc/shadow";
/// Where root's keys may be, as `pattern init` and others put them.
const KEYS: &str = "/lib/credstore/ssh.authorized_keys.root";
const SSH_SERVERS: [&str; 2] = ["/sbin/sshd", "/sbin/dropbear"];

/// The name of the system, its options and its users.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct System {
    pub(super) id: String,
    pub(super) version: String,
    /// The distribution, as in `Debian GNU/Linux 13 (trixie)`.
    pub(super) distribution: String,
    /// What `pattern.toml` sets: keys, and values in TOML.
    pub(super) settings: BTreeMap<String, String>,
    /// Who can log in.
    pub(super) login: Vec<String>,
}

impl System {
    /// # Errors
    /// When a file that each image has can't be read.
    pub(super) fn read(usr: &Usr) -> Result<Self> {
        let must = |path| usr.file(path)?.with_context(|| format!("/usr{path} is missing in the image"));
        let (release, toml) = (must(RELEASE)?, must(CONFIG)?);
        let settings: BTreeMap<_, _> =
            config::settings(&toml).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let ssh = SSH_SERVERS.iter().map(|path| usr.has(path)).collect::<Result<Vec<_>>>()?;
        let is = |key| settings.get(key).is_some_and(|value| value == "true");
        let ways = Ways {
            debug: is("debug"),
            homed: is("userspace.homed"),
            keeps_etc: is("partitions.persist.etc"),
            credentials: settings.get("boot.credentials").cloned(),
            shadow: must(SHADOW)?,
            root_keys: usr.file(KEYS)?.unwrap_or_default(),
            ssh: ssh.contains(&true),
        };
        let field = |name| field(&release, name).unwrap_or_default();
        Ok(Self {
            id: field("IMAGE_ID"),
            version: field("IMAGE_VERSION"),
            distribution: field("PRETTY_NAME"),
            login: login::who(&ways),
            settings,
        })
    }

    /// Returns a value of `pattern.toml` as it is meant.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        Some(self.settings.get(key)?.trim_matches('"'))
    }
}

/// Returns a value of os-release(5).
fn field(release: &str, name: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_os_release_has_no_quotes() {
        let release = "NAME=\"Debian GNU/Linux\"\nIMAGE_ID=demo\nIMAGE_VERSION='1'\n";
        let found = ["NAME", "IMAGE_ID", "IMAGE_VERSION", "IMAGE"].map(|name| field(release, name));
        assert_eq!(
            found,
            [Some("Debian GNU/Linux"), Some("demo"), Some("1"), None].map(|f| f.map(str::to_owned))
        );
    }
}
