//! Makes and signs an add-on with the programs of the tools tree, as `pattern build` does with kernel images.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

use crate::build::date::Date;
use crate::build::keys::SecureBoot;
use crate::host::tools::{self, Source};
use crate::host::tree::Tools;
use crate::host::{full, temporary};

const UKIFY: &str = "/usr/lib/systemd/ukify";
const STUB: &str = "/usr/lib/systemd/boot/efi/addonx64.efi.stub";
/// What a tools tree has for add-ons, that of an older version of pattern not the last one.
const PARTS: [&str; 3] = [UKIFY, "/usr/lib/systemd/systemd-sbsign", STUB];
/// What mkosi runs for kernel images: the date in a signature is that of the image.
const SBSIGN: &str = include_str!("../../mkosi/sbsign/systemd-sbsign");

/// From the folder of the keys: the mounted /usr hides one that lies below the host's /usr, and its path leads to nothing.
const OPEN: &str = "exec 3<secure-boot.key 4<secure-boot.crt\n";

/// The programs, and a folder for them to work in.
pub(super) struct Maker {
    programs: Source,
    work: TempDir,
}

impl Maker {
    /// # Errors
    /// When the tools tree does not exist, or lacks a part. The error says what to do.
    pub(super) fn new(tools: &Tools) -> Result<Self> {
        let build = format!("`pattern build{}`", tools.option());
        let tree = tools.tree().map_err(|why| {
            anyhow!(
                "making an add-on: {why:#}: let {build} make the tree, or name the folder of another with --tools DIR"
            )
        })?;
        let is_there = |part: &&&str| tree.path.join(part.trim_start_matches('/')).exists();
        if let Some(part) = PARTS.iter().find(|part| !is_there(part)) {
            bail!(
                "making an add-on: the tools tree {} has no {part}, because another version of pattern made it: let {build} make \
                 the tree anew",
                tree.path.display()
            );
        }
        Ok(Self { programs: Source::Tree(tree), work: temporary::folder()? })
    }

    /// Returns an add-on with this line.
    ///
    /// # Errors
    /// When a program fails, or a file can't be written.
    pub(super) fn make(&self, line: &str, keys: Option<&SecureBoot>, date: Date) -> Result<Vec<u8>> {
        let made = self.unsigned(line).and_then(|()| match keys {
            Some(keys) => self.signed(keys, date),
            None => self.content("unsigned"),
        });
        made.map_err(|error| full::explain(self.work.path(), error))
    }

    /// A word might be taken for the name of a file, so the line is in one. ukify adds a section .sbat, which shim asks for.
    fn unsigned(&self, line: &str) -> Result<()> {
        let words = self.work.path().join("words");
        fs::write(&words, line).with_context(|| format!("writing {}", words.display()))?;
        // Not another Python of this host, and no settings of this host.
        let mut command = self.programs.command("/usr/bin/python3");
        command.args(["-I", "-B", UKIFY, "build", "--config=/dev/null", &format!("--stub={STUB}")]);
        command
            .args([option("--cmdline=@", &words), option("--output=", &self.work.path().join("unsigned"))]);
        tools::output("making an add-on with ukify", &mut command).map(drop)
    }

    fn signed(&self, keys: &SecureBoot, date: Date) -> Result<Vec<u8>> {
        let mut command = self.programs.command("bash");
        command.args(["-c", &format!("{OPEN}{SBSIGN}"), "systemd-sbsign", "sign"]);
        command.args(["--private-key", "/proc/self/fd/3", "--certificate", "/proc/self/fd/4", "--output"]);
        command.args(["signed", "unsigned"].map(|name| self.work.path().join(name)));
        command.current_dir(keys.absolute());
        command.env("SOURCE_DATE_EPOCH", date.seconds().to_string()).env("OPENSSL_CONF", "/dev/null");
        tools::output("signing an add-on with systemd-sbsign", &mut command)?;
        self.content("signed")
    }

    fn content(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.work.path().join(name);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }
}

fn option(name: &str, path: &Path) -> OsString {
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
            let error = Maker::new(&tools).err().map(|error| error.to_string()).unwrap_or_default();
            error.replace(&place.path().canonicalize().unwrap().display().to_string(), "t")
        };
        let wanted = "making an add-on: t has no tools tree: let `pattern build --tools t` make the tree, or name the folder of \
                      another with --tools DIR";
        assert_eq!(said(), wanted);
        for part in PARTS {
            let path = place.path().join("tree").join(part.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let wanted = format!(
                "making an add-on: the tools tree t/tree has no {part}, because another version of pattern made it: let `pattern \
                 build --tools t` make the tree anew"
            );
            assert_eq!(said(), wanted);
            fs::write(path, "").unwrap();
        }
        assert_eq!(said(), "");
    }
}
