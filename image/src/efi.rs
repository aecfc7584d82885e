//! Makes and signs what firmware starts, by the programs that `pattern build` has do it: those of the tools tree, or of
//! `PATTERN_PROGRAMS` on a host without one.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

use crate::build::date::Date;
use crate::build::keys::SecureBoot;
use crate::host::temporary;
use crate::host::tools::{self, Source};
use crate::host::tree::Tools;

/// The folder below which the programs are, in the place of `/usr`.
const VARIABLE: &str = "PATTERN_PROGRAMS";
/// The stub for add-ons, and for profiles of kernel images.
const STUB: &str = "lib/systemd/boot/efi/addonx64.efi.stub";
/// What has to be there, in a tools tree of an older version of pattern not the last one.
const PARTS: [&str; 4] =
    ["lib/systemd/ukify", "lib/systemd/systemd-sbsign", "lib/systemd/systemd-measure", STUB];
/// What mkosi runs in place of systemd's own.
const WRAPPERS: [(&str, &str); 3] = [
    ("ukify", include_str!("../mkosi/ukify/ukify")),
    ("systemd-measure", include_str!("../mkosi/ukify/systemd-measure")),
    ("systemd-sbsign", include_str!("../mkosi/sbsign/systemd-sbsign")),
];

/// From the folder of the keys: the mounted /usr hides one that lies below the host's /usr, and its path leads to nothing. By the
/// number of this process, programs that it starts reach the files, too.
const OPEN: &str = "exec 3<secure-boot.key 4<secure-boot.crt; fd=/proc/$$/fd\n";
/// The key for PCR 11 comes first.
const UKIFY: &str = r#"exec 5<"$1"; shift
exec python3 -I -B "$@" --signtool=systemd-sbsign --sign-kernel --secureboot-private-key=$fd/3 --secureboot-certificate=$fd/4 \
    --pcr-banks sha256 --pcr-private-key $fd/5"#;

/// The programs, and a folder for them to work in.
pub(crate) struct Programs {
    source: Source,
    /// The folder that has the place of `/usr`, as the programs see it.
    usr: PathBuf,
    work: TempDir,
}

impl Programs {
    /// Looks where `PATTERN_PROGRAMS` says, then in the tools tree.
    ///
    /// # Errors
    /// When the tools tree does not exist, or lacks a part. The error says what to do.
    pub(crate) fn find(doing: &str, tools: &Tools) -> Result<Self> {
        let named = env::var_os(VARIABLE).map(PathBuf::from).filter(|usr| lacking(usr).is_none());
        let (source, usr) = match named {
            Some(usr) => (Source::Host, usr),
            None => (of_tree(doing, tools)?, "/usr".into()),
        };
        let found = Self { source, usr, work: temporary::folder()? };
        let wrappers = found.wrapper("");
        fs::create_dir(&wrappers).with_context(|| format!("creating {}", wrappers.display()))?;
        for (name, text) in WRAPPERS {
            let path = found.wrapper(name);
            fs::write(&path, text)
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
                .with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(found)
    }

    /// Returns the folder to work in, which is removed at the end.
    pub(crate) fn work(&self) -> &Path {
        self.work.path()
    }

    fn wrapper(&self, name: &str) -> PathBuf {
        self.work().join("programs").join(name)
    }

    /// Makes a file with ukify. Nothing is signed.
    ///
    /// # Errors
    /// When ukify fails.
    pub(crate) fn ukify(&self, doing: &str, stub: Option<&Path>, options: &[OsString]) -> Result<()> {
        let mut command = self.command("python3");
        command.args(["-I", "-B"]).args(self.words(stub, options));
        tools::output(doing, &mut command).map(drop)
    }

    /// Makes a kernel image with ukify, as `pattern build` does: signs the kernel, the values of PCR 11 and the whole. `pcr` is
    /// the file with the keys for PCR 11.
    ///
    /// # Errors
    /// When ukify or what it starts fails.
    pub(crate) fn ukify_signed(
        &self,
        doing: &str,
        stub: &Path,
        options: &[OsString],
        keys: (&SecureBoot, &Path),
        date: Date,
    ) -> Result<()> {
        let (keys, pcr) = keys;
        let mut command = self.with_keys(UKIFY, keys, date);
        // Below the folder of the keys by its name alone.
        command.arg(pcr.strip_prefix(keys.absolute()).unwrap_or(pcr)).args(self.words(Some(stub), options));
        tools::output(doing, &mut command).map(drop)
    }

    /// No settings of this host.
    fn words(&self, stub: Option<&Path>, options: &[OsString]) -> Vec<OsString> {
        let stub = stub.map_or_else(|| self.usr.join(STUB), Path::to_owned);
        let first = [self.wrapper("ukify").into(), "build".into(), "--config=/dev/null".into()];
        first.into_iter().chain([option("--stub=", stub)]).chain(options.iter().cloned()).collect()
    }

    /// Signs a program for Secure Boot.
    ///
    /// # Errors
    /// When systemd-sbsign fails.
    pub(crate) fn sign(
        &self,
        doing: &str,
        from: &Path,
        to: &Path,
        keys: &SecureBoot,
        date: Date,
    ) -> Result<()> {
        let script = r#"exec "$@" --private-key $fd/3 --certificate $fd/4"#;
        let mut command = self.with_keys(script, keys, date);
        command.arg(self.wrapper("systemd-sbsign")).arg("sign").arg(from).arg("--output").arg(to);
        tools::output(doing, &mut command).map(drop)
    }

    /// Has bootctl install the boot loader below a folder with `usr` and `efi`, with the keys that it enrolls.
    ///
    /// # Errors
    /// When bootctl fails.
    pub(crate) fn install(&self, doing: &str, root: &Path, keys: &SecureBoot, date: Date) -> Result<()> {
        let script = r#"exec bootctl install "$@" --private-key=$fd/3 --certificate=$fd/4"#;
        let mut command = self.with_keys(script, keys, date);
        command.arg(option("--root=", root)).args([
            "--install-source=image",
            "--all-architectures",
            "--no-variables",
            "--secure-boot-auto-enroll=yes",
            // No entry is made. By itself bootctl names entries after this host, and fails if the host has no machine ID.
            "--entry-token=literal:none",
        ]);
        // It is not the partition, and is not mounted.
        command.env("SYSTEMD_RELAX_ESP_CHECKS", "1").env("SYSTEMD_ESP_PATH", "/efi");
        tools::output(doing, &mut command).map(drop)
    }

    fn with_keys(&self, script: &str, keys: &SecureBoot, date: Date) -> Command {
        let mut command = self.command("bash");
        command.args(["-euc", &format!("{OPEN}{script}"), "bash"]).current_dir(keys.absolute());
        command.env("SOURCE_DATE_EPOCH", date.seconds().to_string());
        command
    }

    /// Not another Python of this host, and nothing of the user's.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.source.command(program);
        match &self.source {
            Source::Host => command.env(VARIABLE, &self.usr),
            Source::Tree(_) => command.env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin").env_remove(VARIABLE),
        };
        for name in ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"] {
            command.env_remove(name);
        }
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("OPENSSL_CONF", "/dev/null").env("PATTERN_WORK", self.work());
        command
    }
}

/// Returns the first part that a folder in the place of `/usr` does not have.
fn lacking(usr: &Path) -> Option<&'static str> {
    PARTS.into_iter().find(|part| !usr.join(part).exists())
}

fn of_tree(doing: &str, tools: &Tools) -> Result<Source> {
    let build = format!("`pattern build{}`", tools.option());
    let tree = tools.tree().map_err(|why| {
        anyhow!("{doing}: {why:#}: let {build} make the tree, or name the folder of another with --tools DIR")
    })?;
    if let Some(part) = lacking(&tree.path.join("usr")) {
        bail!(
            "{doing}: the tools tree {} has no /usr/{part}, because another version of pattern made it: let {build} make the tree \
             anew",
            tree.path.display()
        );
    }
    Ok(Source::Tree(tree))
}

/// Returns an option with a path, which need not be text.
pub(crate) fn option(name: &str, path: impl AsRef<OsStr>) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_another_version_is_named_with_what_to_do() {
        let place = temporary::folder().unwrap();
        let said = || {
            let tools = Tools::At(place.path().canonicalize().unwrap());
            let error = of_tree("signing", &tools).err().map(|error| error.to_string()).unwrap_or_default();
            error.replace(&place.path().canonicalize().unwrap().display().to_string(), "t")
        };
        let wanted = "signing: t has no tools tree: let `pattern build --tools t` make the tree, or name the folder of another with \
                      --tools DIR";
        assert_eq!(said(), wanted);
        for part in PARTS {
            let path = place.path().join("tree/usr").join(part);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let wanted = format!(
                "signing: the tools tree t/tree has no /usr/{part}, because another version of pattern made it: let `pattern build \
                 --tools t` make the tree anew"
            );
            assert_eq!(said(), wanted);
            fs::write(path, "").unwrap();
        }
        assert_eq!(said(), "");
    }
}
