//! Signs what is on the EFI system partition: puts the signed kernel image there, signs the boot loader, and adds the keys that it
//! enrolls in firmware without any.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use pattern::config::Enroll;

use super::Work;
use crate::esp::Esp;
use crate::host::full;

/// Programs that firmware starts first, and the folder that bootctl takes them from.
const LOADERS: [&str; 2] = ["EFI/BOOT/", "EFI/systemd/"];
const KERNELS: &str = "EFI/Linux/";
const CONFIG: &str = "loader/loader.conf";
const KEYS: &str = "loader/keys/auto";

/// The files of the partition that become others.
struct Changed<'a> {
    work: &'a Work<'a>,
    /// Where they lie until then, below their paths.
    folder: PathBuf,
}

/// Signs the partition of an image.
///
/// # Errors
/// When it has not one kernel image, a program fails, or the partition is too small.
pub(super) fn sign(work: &Work<'_>, image: &Path, kernel: &[u8]) -> Result<()> {
    let changed = Changed { work, folder: work.programs.work().join("partition") };
    let esp = Esp::of_image(image, work.tools)?;
    let made = changed.make(&esp, &esp.all()?, kernel);
    made.map_err(|error| full::explain(work.programs.work(), error))?;
    esp.put(&changed.folder).with_context(|| format!("signing {}", image.display()))
}

impl Changed<'_> {
    fn make(&self, esp: &Esp, names: &[String], kernel: &[u8]) -> Result<()> {
        let is_program = |name: &&String| name.to_lowercase().ends_with(".efi");
        let programs: Vec<_> = names.iter().filter(is_program).collect();
        let kernels: Vec<_> = programs.iter().filter(|name| name.starts_with(KERNELS)).collect();
        let [name] = kernels[..] else {
            bail!("the EFI system partition has {} kernel images in {KERNELS}, not one", kernels.len());
        };
        self.put(name, kernel)?;
        let is_loader = |name: &&&String| LOADERS.iter().any(|folder| name.starts_with(folder));
        for name in programs.iter().filter(is_loader) {
            self.put(name, &self.boot_loader(name, &esp.file(name)?)?)?;
        }
        let enroll = self.work.config.boot.secure_boot_enroll;
        let text = if names.iter().any(|name| name == CONFIG) { esp.file(CONFIG)? } else { Vec::new() };
        self.put(CONFIG, with_enroll(&String::from_utf8_lossy(&text), enroll).as_bytes())?;
        if enroll == Enroll::Off { Ok(()) } else { self.enrolled() }
    }

    fn boot_loader(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let [from, to] =
            ["boot-loader", "boot-loader.signed"].map(|name| self.work.programs.work().join(name));
        fs::write(&from, bytes).with_context(|| format!("writing {}", from.display()))?;
        let doing = format!("signing {name} with systemd-sbsign");
        self.work.programs.sign(&doing, &from, &to, self.work.keys.secure_boot(), self.work.date)?;
        read(&to)
    }

    /// One certificate for PK, KEK and db, as bootctl makes these files beside a boot loader that it installs.
    fn enrolled(&self) -> Result<()> {
        let root = self.work.programs.work().join("root");
        let (efi, source) = (root.join("efi"), root.join("usr/lib/systemd/boot/efi"));
        for folder in [&efi, &source] {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let loaders = self.folder.join(LOADERS[1]);
        let reading = || format!("reading {}, the boot loaders of the image", loaders.display());
        for entry in fs::read_dir(&loaders).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let _bytes = fs::copy(entry.path(), source.join(entry.file_name())).with_context(reading)?;
        }
        let doing = "making the keys that the boot loader enrolls with bootctl";
        self.work.programs.install(doing, &root, self.work.keys.secure_boot(), self.work.date)?;
        for name in ["PK.auth", "KEK.auth", "db.auth"] {
            let name = format!("{KEYS}/{name}");
            self.put(&name, &read(&efi.join(&name))?)?;
        }
        Ok(())
    }

    /// Writes a file. It and the folders above it get the date of the image.
    fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let time = UNIX_EPOCH + Duration::from_secs(self.work.date.seconds().into());
        let time = FileTimes::new().set_modified(time);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))
            .and_then(|()| fs::write(&path, content))
            .and_then(|()| {
                let mut own = path.ancestors().take_while(|path| **path != self.folder);
                own.try_for_each(|path| File::open(path)?.set_times(time))
            })
            .with_context(|| format!("writing {}", path.display()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// What pattern.toml says, as in an image by `pattern build`.
fn with_enroll(text: &str, enroll: Enroll) -> String {
    let is_other = |line: &&str| line.split([' ', '\t']).next() != Some("secure-boot-enroll");
    let others = text.lines().filter(is_other).map(|line| format!("{line}\n"));
    others.chain([format!("secure-boot-enroll {}\n", enroll.name())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_loader_enrolls_as_pattern_toml_says() {
        let written =
            with_enroll("timeout 3\nsecure-boot-enroll\tforce\n#secure-boot-enroll x", Enroll::IfSafe);
        assert_eq!(written, "timeout 3\n#secure-boot-enroll x\nsecure-boot-enroll if-safe\n");
        assert_eq!(with_enroll("", Enroll::Off), "secure-boot-enroll off\n");
    }
}
