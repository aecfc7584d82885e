//! Whether somebody can log in to an image, as far as its folder shows. A note that is wrong costs
//! more than one that is missing, so whatever looks like a way in counts as one.

use pattern::config::Config;

use super::mkosi::{Mkosi, Placed};

/// What ways in have in common, in small letters: the names and the texts of files, and settings.
const WORDS: [&str; 6] =
    ["authorized_keys", "authorizedkeys", "autologin", "automaticlogin", "debug-shell", "trustedusercakeys"];
/// What scripts that make somebody a user have in common.
const SCRIPT_WORDS: [&str; 7] = ["adduser", "homectl", "passwd", "shadow", "sysusers", "useradd", "usermod"];
/// The starts of names of packages that bring users, or take them from elsewhere.
const PACKAGES: [&str; 12] = [
    "cloud-init",
    "ec2-instance-connect",
    "freeipa-client",
    "gnome-initial-setup",
    "google-guest-agent",
    "libnss-ldap",
    "nslcd",
    "sssd",
    "systemd-homed",
    "tailscale",
    "waagent",
    "winbind",
];
/// The starts of names of credentials that let somebody in. Not among them: `passwd.` of
/// systemd-sysusers, which has no effect on a user that the image has, as it has root; and `home.`,
/// which needs systemd-homed.
const CREDENTIALS: [&str; 6] = ["agetty.", "login.noauth", "ssh.", "tmpfiles.", "tty.", "userdb."];
const OFF: [&str; 8] = ["", "0", "f", "false", "n", "never", "no", "off"];
/// Folders that are not part of an image.
const LOST: [&str; 2] = ["root/", "home/"];

/// Returns the note for an image that nobody can log in to.
pub(super) fn note(config: &Config, mkosi: &Mkosi) -> Option<String> {
    let open =
        config.debug || config.userspace.homed || config.boot.credentials.iter().any(|one| lets_in(one));
    if open || mkosi.hidden || is_set(mkosi) || is_placed(mkosi) || is_scripted(mkosi) {
        return None;
    }
    let lost = mkosi.files.iter().find(|file| is_lost(file)).map(|file| {
        format!(
            "{} does not reach a machine, because an image has only /usr, and the first content of /etc and /var. ",
            file.path
        )
    });
    Some(format!(
        "as far as this folder shows, nobody can log in: debug and userspace.homed are off, and nothing here gives root a \
         password or a key, or makes a user. {}See \"Who can log in\" in docs/userspace.md. If nobody is meant to log in, \
         nothing is wrong",
        lost.unwrap_or_default()
    ))
}

/// Returns whether an item of `boot.credentials` has a credential that lets somebody in.
fn lets_in(item: &str) -> bool {
    CREDENTIALS.iter().any(|name| match item.strip_suffix('*') {
        Some(start) => start.starts_with(name) || name.starts_with(start),
        None => item.starts_with(name),
    })
}

fn is_set(mkosi: &Mkosi) -> bool {
    let is_way = |(name, value): &(String, String)| match name.as_str() {
        "RootPassword" => !value.is_empty(),
        "Autologin" | "Ssh" => !OFF.contains(&value.to_ascii_lowercase().as_str()),
        _ => has_any(value, &WORDS),
    };
    let brings = |package: &str| PACKAGES.iter().any(|name| package.starts_with(name));
    mkosi.settings.iter().any(is_way) || mkosi.packages().any(brings)
}

fn is_placed(mkosi: &Mkosi) -> bool {
    let is_way = |file: &Placed| {
        let path = file.path.as_str();
        let in_folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
        has_any(path, &WORDS)
            || has_any(&file.text, &WORDS)
            || in_folder("userdb")
            || ["credstore", "credstore.encrypted"].iter().any(|name| in_folder(name))
            || (path.ends_with("etc/shadow") && file.text.lines().any(has_password))
    };
    mkosi.files.iter().any(|file| !is_lost(file) && is_way(file))
}

fn is_scripted(mkosi: &Mkosi) -> bool {
    mkosi.scripts.iter().any(|text| has_any(text, &WORDS) || has_any(text, &SCRIPT_WORDS))
}

/// Returns whether a line of shadow(5) has a password, or needs none.
fn has_password(line: &str) -> bool {
    line.split(':').nth(1).is_some_and(|password| !password.starts_with(['!', '*']))
}

fn is_lost(file: &Placed) -> bool {
    LOST.iter().any(|folder| file.path.starts_with(folder)) && file.path.contains("authorized_keys")
}

fn has_any(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "{more}\n[image]\nid = \"demo\"\nversion = \"1\"\n\
             updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
             [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n"
        );
        pattern::config::parse("pattern.toml", &text).unwrap()
    }

    fn set(name: &str, value: &str) -> Mkosi {
        Mkosi { settings: vec![(name.to_owned(), value.to_owned())], ..Mkosi::default() }
    }

    fn placed(path: &str, text: &str) -> Mkosi {
        let placed = Placed { path: path.to_owned(), text: text.to_owned(), ..Placed::default() };
        Mkosi { files: vec![placed], ..Mkosi::default() }
    }

    fn script(text: &str) -> Mkosi {
        Mkosi { scripts: vec![text.to_owned()], ..Mkosi::default() }
    }

    #[test]
    fn an_image_that_lets_nobody_in_is_noted() {
        for none in [
            Mkosi::default(),
            set("Packages", "openssh-server\nlogin"),
            set("RootPassword", ""),
            set("Ssh", "no"),
            placed("usr/lib/sysusers.d/me.conf", "u me 1000"),
            placed("etc/shadow", "root:*:20783::::::\nme:!*:20783::::::\n"),
            script("rm -rf $BUILDROOT/usr/share/doc"),
        ] {
            let note = note(&config(""), &none).unwrap_or_else(|| panic!("{none:?}"));
            assert!(note.starts_with("as far as this folder shows, nobody can log in: "), "{note}");
        }
    }

    #[test]
    fn every_way_in_is_left_alone() {
        for some in [
            set("RootPassword", "hashed:$6$x"),
            set("Autologin", "yes"),
            set("Ssh", "true"),
            set("KernelCommandLine", "systemd.debug-shell"),
            set("Packages", "less\ncloud-init"),
            placed("usr/lib/credstore/ssh.authorized_keys.root", "ssh-ed25519 A"),
            placed("etc/ssh/sshd_config.d/own.conf", "TrustedUserCAKeys /usr/lib/own/ca.pub"),
            placed("etc/ssh/authorized_keys.d/me", "ssh-ed25519 A"),
            placed(
                "usr/lib/systemd/system/getty@tty1.service.d/own.conf",
                "ExecStart=-agetty --autologin kiosk",
            ),
            placed("etc/gdm3/daemon.conf", "AutomaticLogin=kiosk"),
            placed("usr/lib/userdb/me.user", "{}"),
            placed("etc/shadow", "root:$6$x:20783::::::"),
            placed("etc/shadow", "root::20783::::::"),
            script("useradd me"),
            script("echo 'me:$6$x' | chpasswd -e"),
            Mkosi { hidden: true, ..Mkosi::default() },
        ] {
            assert_eq!(note(&config(""), &some), None, "{some:?}");
        }
        for more in ["debug = true", "userspace.homed = true"] {
            assert_eq!(note(&config(more), &Mkosi::default()), None, "{more}");
        }
    }

    #[test]
    fn a_credential_counts_if_it_can_let_somebody_in() {
        let noted = |item: &str| {
            let config = config(&format!("boot.credentials = [\"{item}\"]"));
            note(&config, &Mkosi::default()).is_some()
        };
        for way in
            ["ssh.authorized_keys.root", "ssh.*", "s*", "login.*", "agetty.autologin", "tmpfiles.extra"]
        {
            assert!(!noted(way), "{way}");
        }
        for other in
            ["login.issue", "own.*", "network.hosts", "passwd.hashed-password.root", "home.create.me"]
        {
            assert!(noted(other), "{other}");
        }
    }

    /// It looks right, and the image does not have it.
    #[test]
    fn a_key_that_does_not_reach_the_machine_is_named() {
        let note = note(&config(""), &placed("root/.ssh/authorized_keys", "ssh-ed25519 A")).unwrap();
        assert!(
            note.contains(
                "root/.ssh/authorized_keys does not reach a machine, because an image has only /usr"
            ),
            "{note}"
        );
    }
}
