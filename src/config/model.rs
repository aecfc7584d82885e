//! A configuration in which every value is valid.

use super::choice::{Corruption, Enroll, Filesystem, FlagName, SecureBoot, TpmNeed};
use crate::age::Recipient;
use crate::config::limit::Limit;
use crate::config::size::Size;
use crate::token::Pcrs;

/// A complete, validated configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Root is logged in on the consoles, and every flag is honoured.
    pub debug: bool,
    /// `[image]`
    pub image: Image,
    /// `[partitions]`
    pub partitions: Partitions,
    /// `[userspace]`
    pub userspace: Userspace,
    /// `[volume]`
    pub volume: Volume,
    /// `[verity]`
    pub verity: Verity,
    /// `[boot]`
    pub boot: Boot,
}

/// The image's name, and where newer versions come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Name in file names and os-release: `a-z0-9.-`, at most 64.
    pub id: String,
    /// Version in file names and partition labels: `A-Za-z0-9.-`, at most 29.
    pub version: String,
    /// Versions with a lower epoch lose the volume, see [`crate::config::epoch`].
    pub epoch: u32,
    /// `updates`
    pub updates: Updates,
}

/// Where updates come from, and who may sign them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Updates {
    /// URL prefix: https, http or file.
    pub url: String,
    /// File name of the OpenPGP keyring beside `pattern.toml`.
    pub pubring: String,
    /// `limit` and `window`: how much a timer may have fetched.
    pub limit: Option<Limit>,
}

/// The disk and its partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partitions {
    /// Which disk.
    pub disk: DiskChoice,
    /// The sizes of its fixed partitions.
    pub sizes: Sizes,
    /// The directories that are kept between boots.
    pub persist: Persist,
}

/// The disk with the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskChoice {
    /// The disk with the `/usr` partition.
    Auto,
    /// This device must hold that partition, or the boot stops.
    Path(String),
}

/// Sizes of the partitions with a fixed size, each a multiple of 1 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// EFI system partition.
    pub esp: Size,
    /// Each of the two hash tree partitions. The tree over `usr` must fit.
    pub verity: Size,
    /// Each of the two `/usr` partitions.
    pub usr: Size,
}

/// Directories bound from the persist volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Persist {
    /// `/etc`
    pub etc: bool,
    /// `/home`
    pub home: bool,
    /// `/srv`
    pub srv: bool,
    /// `/var`
    pub var: bool,
    /// What goes back with a version that fails its trial: absolute paths below `/var`, none in another.
    pub rollback: Vec<String>,
}

impl Persist {
    /// Returns what goes back with a version that fails its trial, as paths below `/var`.
    pub fn rolled_back(&self) -> impl Iterator<Item = &str> {
        self.rollback.iter().filter_map(|path| path.strip_prefix("/var/"))
    }

    /// Returns the names of the requested directories, in alphabetical order.
    pub fn asked(&self) -> impl Iterator<Item = &'static str> {
        let all = [("etc", self.etc), ("home", self.home), ("srv", self.srv), ("var", self.var)];
        all.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name)
    }
}

impl Config {
    /// Returns whether the machine's ID and SSH host keys are on the volume. They are in `/etc` where that
    /// is persisted. With systemd-homed and without any user that is kept, each boot asks for one, as the
    /// first boot of a machine does: `/home` and `/var` are persisted together then.
    #[must_use]
    pub fn keeps_host(&self) -> bool {
        let Persist { etc, var, .. } = &self.partitions.persist;
        let (etc, var) = (*etc, *var);
        !etc && (var || !self.userspace.homed)
    }
}

/// What the running system provides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Userspace {
    /// systemd-homed.
    pub homed: bool,
    /// A desktop.
    pub desktop: bool,
    /// Other distributions in containers.
    pub distrobox: bool,
    /// Tools that confine applications.
    pub sandboxing: bool,
    /// Firmware and microcode.
    pub firmware: bool,
}

/// The persist volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Volume {
    /// The file system of a new volume.
    pub filesystem: Filesystem,
    /// Whether a new volume needs a TPM.
    pub tpm: TpmNeed,
    /// TPM registers that the key is sealed to, besides those that the image always has. `None` if
    /// the file does not say.
    pub pcrs: Option<Pcrs>,
    /// Whether each boot asks for a PIN.
    pub pin: bool,
    /// Whether the TPM counts the volume's openings, so that an old copy is refused.
    pub counter: bool,
    /// Whether a new volume needs Secure Boot. `None` if the file does not say. See
    /// [`Config::secure_boot`].
    pub secure_boot: Option<SecureBoot>,
    /// Whether a recovery key is made with the volume.
    pub recovery_key: bool,
    /// Who each new recovery key is encrypted to: at most 8 recipients, each once.
    pub escrow: Vec<Recipient>,
}

/// How `/usr` is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verity {
    /// What to do when a block has a wrong hash.
    pub on_corruption: Corruption,
}

/// What a boot has to achieve, and what the kernel command line may change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boot {
    /// Units that must work for a new version to be kept, each once.
    pub essential: Vec<String>,
    /// Flags that are honoured although `debug` is false, each once.
    pub flags: Vec<FlagName>,
    /// Credentials that an image with `debug = false` takes from firmware, each once.
    pub credentials: Vec<String>,
    /// Words of the kernel command line that a signed add-on may have, each once ([`super::add_on`]).
    pub add_on_words: Vec<String>,
    /// When Secure Boot keys are enrolled.
    pub secure_boot_enroll: Enroll,
}

impl Config {
    /// Returns whether a new volume needs Secure Boot. A debug image gives root to anyone, so
    /// Secure Boot protects nothing there.
    #[must_use]
    pub fn secure_boot(&self) -> SecureBoot {
        let default = if self.debug { SecureBoot::Optional } else { SecureBoot::Required };
        self.volume.secure_boot.unwrap_or(default)
    }

    /// Returns whether this image lets the command line use this flag.
    #[must_use]
    pub fn honours(&self, flag: FlagName) -> bool {
        self.debug || self.boot.flags.contains(&flag)
    }
}
