//! The disk of a machine as files, for updates that need no machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pattern::delta::order::Order;

use crate::setting;

/// A version as it was built: the partitions, not packed, and the kernel image.
#[derive(Clone, Debug)]
pub struct Version {
    /// `ID_VERSION`
    pub base: String,
    /// `/usr`
    pub usr: PathBuf,
    /// Its hash tree.
    pub verity: PathBuf,
    /// The kernel image.
    pub kernel: PathBuf,
}

impl Version {
    /// Finds the files of `ID_VERSION` in a folder: what `pattern build` wrote, or a release that is not packed.
    ///
    /// # Panics
    /// When one is missing.
    #[must_use]
    pub fn find(folder: &Path, base: &str) -> Self {
        let find = |end: &str| {
            let entries =
                fs::read_dir(folder).unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()));
            let is = |name: &str| name.starts_with(base) && name.ends_with(end);
            let mut paths = entries.map(|entry| entry.expect("reading a folder").path());
            paths
                .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is))
                .unwrap_or_else(|| panic!("{} has no {base}*{end}", folder.display()))
        };
        let [usr, verity, kernel] = [".usr.raw", ".verity.raw", ".efi"].map(find);
        Self { base: base.to_owned(), usr, verity, kernel }
    }

    /// Bytes of `/usr` and of the kernel image, as an update without parts would fetch them, but for packing.
    #[must_use]
    pub fn whole(&self) -> u64 {
        [&self.usr, &self.kernel].map(|path| length(path)).into_iter().sum()
    }

    /// The root hash, which the names tell.
    fn root(&self) -> String {
        let uuid = |path: &Path| path.to_str().and_then(|path| path.rsplit('_').nth(1)).map(str::to_owned);
        [&self.usr, &self.verity].map(|path| uuid(path).expect("a name with a UUID")).concat()
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display())).len()
}

/// A machine that runs a version, and lacks another. Its folder is removed at the end.
#[derive(Debug)]
pub struct Slots {
    folder: PathBuf,
    /// What runs.
    pub old: Version,
    /// What the machine lacks.
    pub new: Version,
    /// The running slot, which may be damaged.
    pub usr: File,
    /// The slot that is written, which is empty.
    pub target: File,
}

impl Slots {
    /// Runs the first of two versions.
    ///
    /// # Panics
    /// When the host has no room.
    #[must_use]
    pub fn between(name: &str, old: Version, new: Version) -> Self {
        let folder = std::env::temp_dir().join(format!("pattern-fetch-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("making a folder");
        let [usr, target] = ["usr", "target"].map(|name| folder.join(name));
        fs::copy(&old.usr, &usr).expect("copying /usr");
        // The program becomes nobody, which may not be able to look into this checkout.
        fs::copy(setting::pubring(), folder.join("keyring")).expect("copying the keyring");
        File::create(&target).expect("making the slot that is written");
        let open = |path| File::options().read(true).write(true).open(path).expect("opening a slot");
        let slots = Self { usr: open(&usr), target: open(&target), folder, old, new };
        slots.empty();
        slots
    }

    /// Runs the demonstration's 0.0.1, and lacks 0.0.2.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let release = setting::releases().join("delta");
        let [old, new] = ["demo_0.0.1", "demo_0.0.2"].map(|base| Version::find(&release, base));
        Self::between(name, old, new)
    }

    /// Empties the slot that is written.
    ///
    /// # Panics
    /// When the host has no room.
    pub fn empty(&self) {
        self.target.set_len(0).and_then(|()| self.target.set_len(1 << 30)).expect("emptying a slot");
    }

    /// Returns where files of the test may lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `pattern update` would ask of pattern-fetch, with the address of a release.
    #[must_use]
    pub fn order(&self, url: &str) -> Order {
        Order {
            url: url.to_owned(),
            new: self.new.base.clone(),
            running: self.old.base.clone(),
            root: self.old.root(),
            blocks: length(&self.old.usr) / 4096,
            keyrings: vec![self.folder.join("keyring")],
            usr: self.folder.join("usr"),
            target: Some(self.folder.join("target")),
            kernel: Some(self.old.kernel.clone()),
        }
    }

    /// The same of a machine for whose version the release has no patch.
    #[must_use]
    pub fn order_without_patch(&self, url: &str) -> Order {
        let id = self.old.base.split_once('_').map_or("", |(id, _)| id);
        Order { running: format!("{id}_0"), ..self.order(url) }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}
