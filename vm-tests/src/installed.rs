//! Computers that booted once. Each is made when a scenario first needs it, and then copied for
//! each scenario.

mod for_use;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::computer::{Computer, MORE_DISK, recovery_key_in};
use crate::scratch::Scratch;
use crate::setting;

/// The output of the first boot, in the folder of each copy.
const FIRST_BOOT_LOG: &str = "first-boot.log";

/// A computer that booted once.
pub(crate) struct Installed {
    name: &'static str,
    image: fn() -> PathBuf,
    first_boot: fn(Computer),
}

/// The image that `PATTERN_IMAGE` names.
const OURS: Installed = Installed { name: "installed", image: setting::image, first_boot: ours };
/// The image with `debug = false`. Nobody can type anything there.
const PRODUCTION: Installed =
    Installed { name: "installed-production", image: setting::production, first_boot: reported };
/// The system built with stock means, with the same settings.
const STABLE: Installed =
    Installed { name: "installed-stock", image: || setting::stock_image("stock"), first_boot: reported };
const TESTING: Installed = Installed {
    name: "installed-stock-testing",
    image: || setting::stock_image("stock-testing"),
    first_boot: reported,
};

/// The kind of stock system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stock {
    /// With the packages that our image has: systemd 257.
    Stable,
    /// With the packages of Debian testing.
    Testing,
}

impl Stock {
    /// Returns the systems whose image was built. The first one must exist.
    ///
    /// # Panics
    /// When the first one was not built.
    #[must_use]
    pub fn built() -> Vec<Self> {
        let stable = Self::Stable.image();
        assert!(stable.is_file(), "{} is missing: `make attacks` makes it", stable.display());
        [Self::Stable, Self::Testing].into_iter().filter(|stock| stock.image().is_file()).collect()
    }

    /// Returns its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stock",
            Self::Testing => "testing",
        }
    }

    pub(crate) fn image(self) -> PathBuf {
        (self.installed().image)()
    }

    pub(crate) fn installed(self) -> &'static Installed {
        match self {
            Self::Stable => &STABLE,
            Self::Testing => &TESTING,
        }
    }
}

impl Computer {
    /// Copies the computer that all scenarios share. It booted once, and has `kept` in a file named
    /// `kept` in each persisted directory.
    #[must_use]
    pub fn installed(name: &str) -> Self {
        let scratch = Scratch::new(name);
        OURS.copy_to(scratch.path());
        Self::in_scratch(scratch, &setting::image())
    }

    /// Returns the recovery key that the first boot showed.
    #[must_use]
    pub fn recovery_key(&self) -> String {
        let log = |name| fs::read(self.folder().join(name));
        let log = log(FIRST_BOOT_LOG).or_else(|_| log("console-1.log"));
        recovery_key_in(&String::from_utf8_lossy(&log.expect("reading the first boot's log")))
    }
}

impl Installed {
    /// Copies the computer to a scenario's folder, which must not exist.
    pub(crate) fn copy_to(&self, folder: &Path) {
        let installed = setting::machines().join(self.name);
        fs::create_dir_all(setting::machines()).expect("creating the folder for machines");
        // Two scenarios that start together must not both make it.
        let lock = File::create(installed.with_extension("lock")).expect("creating the lock file");
        lock.lock().expect("waiting for another scenario to make the installed computer");
        let image = identity(&(self.image)());
        let made_from = installed.join("made-from");
        if fs::read_to_string(&made_from).ok() != Some(image.clone()) {
            self.make(&installed);
            fs::write(&made_from, image).expect("noting what the installed computer was made from");
        }
        let mut copy = Command::new("cp");
        copy.args(["-r", "--reflink=auto", "--sparse=always", "--"]);
        let status = copy.arg(&installed).arg(folder).status().expect("starting cp");
        assert!(status.success(), "copying {} to {}", installed.display(), folder.display());
        // The scenario's own boots are counted from 1.
        let renamed = fs::rename(folder.join("console-1.log"), folder.join(FIRST_BOOT_LOG));
        renamed.expect("renaming the log of the first boot");
    }

    fn make(&self, folder: &Path) {
        fs::remove_dir_all(folder).ok();
        let computer = Computer::at(folder.to_owned(), &(self.image)());
        computer.enlarge(MORE_DISK);
        (self.first_boot)(computer);
    }
}

fn ours(mut computer: Computer) {
    let mut guest = computer.boot();
    for folder in ["etc", "home", "srv", "var"] {
        guest.must(&format!("echo kept >/{folder}/kept"));
    }
    guest.power_off();
}

/// Boots once. The system itself writes the files, and reports. Everything is on the disk then.
fn reported(mut computer: Computer) {
    computer.no_words();
    computer.secure_boot_with_keys();
    let mut guest = computer.start();
    let said = guest.expect("report: end");
    assert!(said.contains("report: etc: new"), "{said}");
}

/// Returns a text that changes when the image is built again.
fn identity(image: &Path) -> String {
    let facts = fs::metadata(image).expect("reading the image's age");
    let age = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {} {age:?}", image.display(), facts.len())
}
