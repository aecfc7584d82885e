//! Predicts the registers of a later start: what firmware, boot loader and systemd-stub measure of the files that lie on the EFI
//! system partition.
//!
//! A prediction is only believed where the same rules explain the event log of this boot.

mod additions;
mod archive;
mod boot;
mod doubt;
mod explain;
mod image;
mod later;
mod measure;
mod predict;
mod words;

use std::fmt;

pub use additions::{ADDITIONS, AddOn, NotAllowed, consent};
pub use archive::Target;
pub use boot::Boot;
pub use doubt::Doubt;
pub use explain::loader;
pub use later::Later;
pub use predict::Prediction;

use crate::firmware::Program;
use crate::plain::plain;

/// A file of the EFI system partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its path on the partition, such as `/loader/credentials/a.cred`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    fn program(&self) -> Program<'_> {
        Program { path: &self.path, bytes: &self.bytes }
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// One start of a kernel image: what lies there for it, and what it is given. Files are in the order of their names' bytes, which
/// is the stub's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The unified kernel image.
    pub image: File,
    /// Its profile. The first one is 0.
    pub profile: u32,
    /// What a person or the boot loader's entry gives it as a kernel command line.
    pub options: Option<String>,
    /// Words of the machine's maker or hypervisor: the SMBIOS string `io.systemd.stub.kernel-cmdline-extra`.
    pub words: Option<String>,
    /// What lies beside the image, in `NAME.efi.extra.d`.
    pub beside: Vec<File>,
    /// What lies in `/loader/addons`.
    pub add_ons: Vec<File>,
    /// What lies in `/loader/credentials`.
    pub credentials: Vec<File>,
    /// What lies in `/loader/extensions`.
    pub extensions: Vec<File>,
    /// Whether the firmware checks signatures.
    pub secure_boot: bool,
}

/// Something that one register is extended with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    /// The register.
    pub pcr: u8,
    /// The digest.
    pub digest: Vec<u8>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where something that is measured comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A program that the firmware loads, by its path.
    Program(String),
    /// The kernel in an image.
    Kernel(String),
    /// The name or the content of a section of an image.
    Section(String, &'static str),
    /// What the boot loader was told to give to the image.
    Options(String),
    /// A profile of the image that is not its first.
    Profile(u32),
    /// Words of add-ons, by their paths.
    AddOns(Vec<String>),
    /// Words of the machine itself.
    Words(String),
    /// The whole kernel command line.
    CommandLine,
    /// All that the kernel of this image unpacks.
    Initrd(String),
    /// Files for the initrd, by their paths.
    Files(Target, Vec<String>),
    /// A part of an add-on that is not words.
    Part(String, &'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(path) => write!(f, "the program {}", plain(path)),
            Self::Kernel(path) => write!(f, "the kernel in {}", plain(path)),
            Self::Section(path, name) => write!(f, "the section {name} of {}", plain(path)),
            Self::Options(words) => write!(f, "the boot loader's words {:?}", plain(words)),
            Self::Profile(number) => write!(f, "profile {number} of the kernel image"),
            Self::AddOns(paths) => write!(f, "words of the add-on {}", plain(&paths.join(" and "))),
            Self::Words(words) => write!(f, "the machine's words {:?} (SMBIOS)", plain(words)),
            Self::CommandLine => f.write_str("the kernel command line"),
            Self::Initrd(path) => write!(f, "the initrd of {} and what is added to it", plain(path)),
            Self::Files(_, paths) => write!(f, "{}", plain(&paths.join(" and "))),
            Self::Part(path, name) => write!(f, "the section {name} of the add-on {}", plain(path)),
        }
    }
}

/// Why it is not known what will be measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// A file is not a program for this kind of machine, or not a whole one.
    NotAProgram(String),
    /// The image does not have this profile.
    NoProfile(u32),
    /// A section is taken on some hardware only.
    OfHardware(String, &'static str),
    /// The image was not made with systemd-stub.
    OtherStub,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAProgram(path) => write!(f, "{} is not a whole program for this machine", plain(path)),
            Self::NoProfile(profile) => write!(f, "the kernel image has no profile {profile}"),
            Self::OfHardware(path, name) => {
                write!(f, "{} has a section {name}, which is measured on some machines only", plain(path))
            }
            Self::OtherStub => f.write_str("the kernel image was not made with systemd-stub"),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
