//! The values of keys that must be one of several words.

/// File systems that a new persist volume can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filesystem {
    /// The default.
    Xfs,
    /// ext4
    Ext4,
    /// btrfs
    Btrfs,
}

impl Filesystem {
    /// All file systems, the default first.
    pub const ALL: [Self; 3] = [Self::Xfs, Self::Ext4, Self::Btrfs];

    /// Returns the name in `pattern.toml`, for `mount` and in `mkfs.NAME`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xfs => "xfs",
            Self::Ext4 => "ext4",
            Self::Btrfs => "btrfs",
        }
    }
}

/// Whether a new volume needs Secure Boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecureBoot {
    /// The volume is made only while Secure Boot is on.
    Required,
    /// The volume is made in any state.
    Optional,
}

impl SecureBoot {
    /// Both values. The first is the default of an image with `debug = false`.
    pub const ALL: [Self; 2] = [Self::Required, Self::Optional];

    /// Returns the name in `pattern.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

/// Whether a new volume needs a TPM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TpmNeed {
    /// No volume is made on a machine without a TPM.
    Required,
    /// On a machine without a TPM, a passphrase opens the volume.
    Preferred,
}

impl TpmNeed {
    /// Both values, the default first.
    pub const ALL: [Self; 2] = [Self::Required, Self::Preferred];

    /// Returns the name in `pattern.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
        }
    }
}

/// What to do when a block of `/usr` has a wrong hash. Its data is never readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Corruption {
    /// Restart the machine once. If that does not help, act like [`Corruption::IoError`].
    Restart,
    /// Stop with a kernel panic.
    Panic,
    /// The read fails, and the system goes on.
    IoError,
}

impl Corruption {
    /// All values, the default first.
    pub const ALL: [Self; 3] = [Self::Restart, Self::Panic, Self::IoError];

    /// Returns the name in `pattern.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Panic => "panic",
            Self::IoError => "io-error",
        }
    }
}

/// When systemd-boot enrolls the image's keys in firmware that has none (loader.conf(5),
/// `secure-boot-enroll`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Enroll {
    /// Automatically in a virtual machine. Elsewhere, when somebody selects it in the boot menu.
    IfSafe,
    /// When somebody selects it in the boot menu.
    Manual,
    /// Automatically.
    Force,
    /// Never. The image has no keys.
    Off,
}

impl Enroll {
    /// All values, the default first.
    pub const ALL: [Self; 4] = [Self::IfSafe, Self::Manual, Self::Force, Self::Off];

    /// Returns the name in `pattern.toml` and in `loader.conf`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IfSafe => "if-safe",
            Self::Manual => "manual",
            Self::Force => "force",
            Self::Off => "off",
        }
    }
}

/// Kernel command line flags that change what a boot does. The logging flags change nothing and are
/// always honoured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagName {
    /// `pattern.break=`, honoured only if `debug` is true.
    Break,
    /// `pattern.volatile`
    Volatile,
    /// `pattern.plan_only`
    PlanOnly,
    /// `pattern.grow=`
    Grow,
}

impl FlagName {
    /// All flags.
    pub const ALL: [Self; 4] = [Self::Break, Self::Volatile, Self::PlanOnly, Self::Grow];

    /// Returns the name in `pattern.toml`, and after `pattern.` on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::Volatile => "volatile",
            Self::PlanOnly => "plan_only",
            Self::Grow => "grow",
        }
    }
}
