//! The files of a new image, from the templates in `image/init/`.

use super::Kind;
use crate::host::ssh_key::SshKey;

/// Where systemd finds the keys of root at each start (`ssh.authorized_keys.root` in
/// systemd.system-credentials(7)). An update replaces them, because they are in `/usr`.
const KEYS: &str = "mkosi.extra/usr/lib/credstore/ssh.authorized_keys.root";

/// A template in `image/init/`, as text.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../init/", $name))
    };
}

/// What the files depend on.
pub(super) struct Template<'a> {
    pub(super) kind: Kind,
    pub(super) id: &'a str,
    pub(super) keys: Option<&'a [SshKey]>,
    /// The option of all commands that names another tools tree, with a space before it, or nothing.
    pub(super) tools: String,
}

impl Template<'_> {
    /// Returns the files: their paths in the folder, and their content.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let common = [("README.md", text!("common/README.md")), (".gitignore", text!("common/gitignore"))];
        let files = common.iter().chain(own(self.kind));
        let mut files: Vec<_> = files.map(|(path, text)| ((*path).to_owned(), self.fill(text))).collect();
        files.extend(self.keys.map(|keys| (KEYS.to_owned(), lines(keys))));
        files
    }

    /// Returns the options of `pattern run` that show such a machine.
    pub(super) fn run(&self) -> &'static str {
        match (self.kind, self.keys) {
            (Kind::Desktop, _) => " --server 8000 --disk +20G --memory 4G --display gtk",
            (_, Some(_)) => " --server 8000 --ssh 2222",
            (_, None) => " --server 8000",
        }
    }

    fn login(&self) -> &'static str {
        match (self.kind, self.keys) {
            (_, Some(_)) => text!("common/login-key.md"),
            (Kind::Server, None) => text!("server/login.md"),
            (Kind::Desktop, None) => text!("desktop/login.md"),
            (Kind::Appliance, None) => text!("appliance/login.md"),
        }
    }

    fn fill(&self, text: &str) -> String {
        let has_keys = self.keys.is_some();
        let values = [
            ("login", self.login().trim_end()),
            ("what", self.kind.what()),
            ("run", self.run()),
            ("tools", &self.tools),
            ("homed", if has_keys { "false" } else { "true" }),
            ("ssh", if has_keys { "" } else { "# " }),
            ("id", self.id),
        ];
        values
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    }
}

/// Returns the files that only this kind has.
fn own(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Server => {
            &[("pattern.toml", text!("server/pattern.toml")), ("mkosi.conf", text!("server/mkosi.conf"))]
        }
        Kind::Desktop => {
            &[("pattern.toml", text!("desktop/pattern.toml")), ("mkosi.conf", text!("desktop/mkosi.conf"))]
        }
        Kind::Appliance => &[
            ("pattern.toml", text!("appliance/pattern.toml")),
            ("mkosi.conf", text!("appliance/mkosi.conf")),
            ("mkosi.extra/usr/lib/appliance/may-restart", text!("appliance/may-restart")),
            ("mkosi.extra/usr/lib/systemd/system/appliance.service", text!("appliance/appliance.service")),
            (
                "mkosi.extra/usr/lib/systemd/system/systemd-sysupdate-reboot.service.d/50-appliance.conf",
                text!("appliance/restart.conf"),
            ),
            (
                "mkosi.extra/usr/lib/systemd/system-preset/00-appliance.preset",
                text!("appliance/appliance.preset"),
            ),
        ],
    }
}

fn lines(keys: &[SshKey]) -> String {
    keys.iter().map(|key| format!("{}\n", key.line)).collect()
}
