//! Who can log in, as far as an image shows it.

use crate::host::ssh_key::{self, SshKey};

/// What decides it.
#[derive(Default)]
pub(super) struct Ways {
    /// `debug`, `userspace.homed` and `partitions.persist.etc`.
    pub(super) debug: bool,
    pub(super) homed: bool,
    pub(super) keeps_etc: bool,
    /// `boot.credentials`, in the words of `pattern.toml`.
    pub(super) credentials: Option<String>,
    /// The image's first `/etc/shadow`.
    pub(super) shadow: String,
    /// `authorized_keys` of root.
    pub(super) root_keys: String,
    /// Whether the image has a server for SSH.
    pub(super) ssh: bool,
}

/// Returns a line for each way in. Without any, nobody can log in.
pub(super) fn who(ways: &Ways) -> Vec<String> {
    let mut lines = Vec::new();
    if ways.debug {
        lines.push("root, on each console, without a password: debug = true".to_owned());
    }
    lines.extend(ways.shadow.lines().filter_map(|line| password(line, ways.keeps_etc)));
    lines.extend(ways.root_keys.lines().filter(|line| ssh_key::is_key(line)).map(|line| key(line, ways.ssh)));
    if ways.homed {
        lines.push("the user that the first start asks for at the console: userspace.homed".to_owned());
    }
    if let Some(credentials) = &ways.credentials {
        lines.push(format!(
            "whoever the firmware's or the hypervisor's credentials let in: boot.credentials = {credentials}"
        ));
    }
    lines
}

/// Returns what a line of shadow(5) allows.
fn password(line: &str, keeps_etc: bool) -> Option<String> {
    let mut fields = line.split(':');
    let (name, password) = (fields.next()?, fields.next()?);
    let when = if keeps_etc { ", on new machines: /etc is kept" } else { "" };
    match password {
        "" => Some(format!("{name}, without a password{when}")),
        hash if hash.starts_with('$') => {
            Some(format!("{name}, by the password whose hash everybody with the image has{when}"))
        }
        // Not the hash of any password, or locked.
        _ => None,
    }
}

fn key(line: &str, ssh: bool) -> String {
    let key = match SshKey::parse(line) {
        Some(SshKey { fingerprint, comment, .. }) => format!("{fingerprint} {comment}"),
        None => line.to_owned(),
    };
    let key = key.trim_end();
    if ssh {
        format!("root, by SSH, with {key}")
    } else {
        format!("nobody with {key}: there is no SSH server")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me@host";

    #[test]
    fn an_image_without_a_way_in_lets_nobody_in() {
        let shadow = "root:*:1:0:99999:7:::\nnobody:!:1::::::\nsystemd-network:!*:1:::::1:\n".to_owned();
        assert!(who(&Ways { shadow, ..Ways::default() }).is_empty());
    }

    #[test]
    fn each_way_in_is_named() {
        let ways = Ways {
            debug: true,
            homed: true,
            credentials: Some("[\"home.create.*\"]".into()),
            shadow: "root:$6$a$b:1:0:99999:7:::\nguest::1::::::\n".into(),
            root_keys: format!("# mine\n\n{KEY}\nfrom=\"10.0.0.0/8\" {KEY}\n"),
            ssh: true,
            keeps_etc: false,
        };
        let lines = who(&ways);
        let expected = [
            "root, on each console, without a password: debug = true",
            "root, by the password whose hash everybody with the image has",
            "guest, without a password",
            "root, by SSH, with SHA256:",
            "root, by SSH, with from=",
            "the user that the first start asks for at the console: userspace.homed",
            "whoever the firmware's or the hypervisor's credentials let in: boot.credentials = [\"home.create.*\"]",
        ];
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        for (line, start) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}");
        }
        assert!(lines[3].ends_with(" me@host"), "{}", lines[3]);
    }

    #[test]
    fn a_password_counts_on_new_machines_where_etc_is_kept() {
        let shadow = "root:$y$x:1::::::".to_owned();
        let lines = who(&Ways { shadow, keeps_etc: true, ..Ways::default() });
        assert!(lines[0].ends_with(", on new machines: /etc is kept"), "{lines:?}");
    }

    #[test]
    fn a_key_without_a_server_lets_nobody_in() {
        let lines = who(&Ways { root_keys: KEY.to_owned(), ..Ways::default() });
        assert!(
            lines[0].starts_with("nobody with SHA256:") && lines[0].ends_with("no SSH server"),
            "{lines:?}"
        );
    }
}
