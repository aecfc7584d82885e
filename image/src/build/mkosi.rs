//! The two mkosi commands of a build: the initrd, then the image that contains it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::config::{Config, Enroll};

use super::date::Date;
use super::debian::Debian;
use super::keys::{Keys, Signing};
use crate::host::tools::Source;

/// The folders of a build, and its date. All paths are absolute.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// `ID_VERSION`
    pub(crate) base: String,
    /// What all files have.
    pub(crate) date: Date,
    /// The user's folder, with `pattern.toml`.
    pub(crate) folder: PathBuf,
    /// Our mkosi configuration.
    pub(crate) mkosi: PathBuf,
    /// The tools tree and its caches.
    pub(crate) tools: PathBuf,
    /// What mkosi keeps between builds of the initrd. mkosi can keep one image per folder.
    pub(crate) initrd_cache: PathBuf,
    /// What mkosi keeps between builds of the image.
    pub(crate) image_cache: PathBuf,
    /// This build's own files.
    pub(crate) work: PathBuf,
}

impl Places {
    /// Returns the folder of the files that pattern adds to initrd and image.
    pub(crate) fn tree(&self) -> PathBuf {
        self.work.join("tree")
    }

    /// Returns the folder of the files that pattern adds to the image alone.
    pub(crate) fn image_tree(&self) -> PathBuf {
        self.work.join("image-tree")
    }

    /// Returns the folder of the partition definitions.
    pub(crate) fn repart(&self) -> PathBuf {
        self.work.join("repart")
    }

    /// Returns the folder of mkosi's output.
    pub(crate) fn made(&self) -> PathBuf {
        self.work.join("made")
    }

    /// Returns the folder where the result is finished before it gets its place.
    pub(crate) fn result(&self) -> PathBuf {
        self.work.join("result")
    }

    fn initrd(&self) -> PathBuf {
        self.made().join("initrd.cpio.zst")
    }
}

/// Returns the command that makes the initrd, without kernel modules.
pub(crate) fn initrd(places: &Places, config: &Config, debian: &Debian) -> Command {
    let mut command = mkosi(places, config, &places.mkosi.join("initrd"), &places.initrd_cache);
    of(&mut command, debian);
    command.arg("build");
    command
}

/// Returns the command that prints what the image's configuration comes to.
pub(crate) fn summary(places: &Places, config: &Config) -> Command {
    let mut command = configured(places, config);
    command.args(["--json", "summary"]);
    command
}

/// Returns the command that makes the image and its split partitions.
pub(crate) fn image(
    places: &Places,
    config: &Config,
    debian: &Debian,
    keys: Option<(&Keys, &Signing)>,
) -> Command {
    let mut command = configured(places, config);
    of(&mut command, debian);
    command.args([
        option("initrd", &places.initrd()),
        option("extra-tree", &places.image_tree()),
        option("repart-directory", &places.repart()),
        option("extra-search-path", &places.mkosi.join("ukify")),
        option("extra-search-path", &places.mkosi.join("sbsign")),
        option("extra-search-path", &places.mkosi.join("erofs")),
    ]);
    command.arg(format!("--seed={}", places.date.seed(&places.base)));
    if let Some((keys, pcr)) = keys {
        command.args(signing(keys, pcr, config.boot.secure_boot_enroll));
    }
    command.arg("build");
    command
}

/// Returns mkosi with the image's configuration: the user's folder extends and overrides ours.
fn configured(places: &Places, config: &Config) -> Command {
    let mut command = mkosi(places, config, &places.folder, &places.image_cache);
    command.arg(option("include", &places.mkosi.join("image")));
    let folders = options(config).map(|name| option("include", &places.mkosi.join("options").join(name)));
    command.args(folders);
    command.arg(format!("--image-id={}", config.image.id));
    command.arg(format!("--image-version={}", config.image.version));
    command
}

/// Settles the release before any configuration is read, so that parts of ours can be for one.
fn of(command: &mut Command, debian: &Debian) {
    command.arg(format!("--release={}", debian.release));
    command.arg(option("sandbox-tree", &debian.apt));
}

/// Returns the folders for the options of the image.
fn options(config: &Config) -> impl Iterator<Item = &'static str> {
    let userspace = config.userspace;
    let all = [
        ("homed", userspace.homed),
        ("desktop", userspace.desktop),
        ("distrobox", userspace.distrobox),
        ("sandboxing", userspace.sandboxing),
        ("firmware", userspace.firmware),
        ("production", !config.debug),
    ];
    all.into_iter().filter_map(|(name, wanted)| wanted.then_some(name))
}

fn signing(keys: &Keys, pcr: &Signing, enroll: Enroll) -> [OsString; 7] {
    [
        "--secure-boot=yes".into(),
        // One certificate for PK, KEK and db: its owner alone decides what these machines start.
        format!("--secure-boot-auto-enroll={}", if enroll == Enroll::Off { "no" } else { "yes" }).into(),
        option("secure-boot-key", &keys.absolute(&keys.key())),
        option("secure-boot-certificate", &keys.absolute(&keys.certificate())),
        "--sign-expected-pcr=yes".into(),
        option("sign-expected-pcr-key", pcr.file()),
        // mkosi requires one, and uses it only with keys that are not in files.
        option("sign-expected-pcr-certificate", &keys.absolute(&keys.certificate())),
    ]
}

fn mkosi(places: &Places, config: &Config, folder: &Path, cache: &Path) -> Command {
    let tools = &places.tools;
    let mut command = Source::Host.command(tools.join("mkosi"));
    // A signal from the terminal reaches it once, through this process. mkosi does not clean up if it gets two.
    command.process_group(0);
    command.args([
        option("directory", folder),
        option("tools-tree", &tools.join("tree")),
        option("package-cache-directory", &tools.join("packages")),
        option("workspace-directory", &tools.join("work")),
        option("cache-directory", cache),
        option("output-directory", &places.made()),
        option("extra-tree", &places.tree()),
    ]);
    let debug = if config.debug { "yes" } else { "no" };
    command.arg(format!("--environment=PATTERN_FILESYSTEM={}", config.volume.filesystem.name()));
    command.arg(format!("--environment=PATTERN_DEBUG={debug}"));
    let enroll = config.boot.secure_boot_enroll.name();
    command.arg(format!("--environment=PATTERN_SECURE_BOOT_ENROLL={enroll}"));
    command.args(["--incremental=yes", "--force"]);
    command.arg(format!("--source-date-epoch={}", places.date.seconds()));
    command
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(format!("--{name}="));
    option.push(value);
    option
}
