//! Which sections of a unified kernel image systemd-stub takes and measures (UAPI.5, "Unified Kernel Image", "Measurement" and
//! "Multi-profile UKIs"; systemd's `src/fundamental/uki.c`).

use super::{File, Unknown};
use crate::uki;

/// In the order in which they are measured. `.pcrsig` is not: it is made last.
pub(super) const MEASURED: [&str; 13] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey",
    ".profile", ".dtbauto", ".hwids",
];
/// Taken only on the hardware that they name, which is not known here.
const OF_HARDWARE: [&str; 2] = [".dtbauto", ".efifw"];
const PROFILE: &str = ".profile";
/// What the section `.sdmagic` has before the version of the stub, and of the boot loader.
const MAGIC: &str = "#### LoaderInfo: systemd-stub ";
const LOADER: &str = "#### LoaderInfo: systemd-boot ";

/// A kernel image, or an add-on for one.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    file: &'a File,
    profile: u32,
}

impl<'a> Image<'a> {
    pub(super) fn new(file: &'a File, profile: u32) -> Self {
        Self { file, profile }
    }

    /// Returns the sections that are taken: those before the first profile, and in their place those of the chosen one. If the
    /// first profile is chosen, it need not be there.
    fn sections(&self) -> Result<Vec<(String, &'a [u8])>, Unknown> {
        let table = uki::table(&self.file.bytes).ok_or_else(|| self.no_program())?;
        let (mut current, mut sections) = (None, Vec::<(String, Option<u32>, &'a [u8])>::new());
        for (name, place) in table {
            if name == PROFILE {
                current = Some(current.map_or(0, |current| current + 1));
            }
            if current.is_some_and(|current| current != self.profile) {
                continue;
            }
            let content = self.file.bytes.get(place).ok_or_else(|| self.no_program())?;
            // In each part, the first section of a name counts.
            match sections.iter_mut().find(|(other, ..)| *other == name) {
                Some((_, part, old)) if *part != current => (*part, *old) = (current, content),
                Some(_) => {}
                None => sections.push((name, current, content)),
            }
        }
        if self.profile > 0 && current.is_none_or(|last| last < self.profile) {
            return Err(Unknown::NoProfile(self.profile));
        }
        Ok(sections.into_iter().map(|(name, _, content)| (name, content)).collect())
    }

    fn no_program(&self) -> Unknown {
        Unknown::NotAProgram(self.file.path.clone())
    }

    /// Returns a section that is taken.
    ///
    /// # Errors
    /// When the file is not a program.
    pub(super) fn section(&self, name: &str) -> Result<Option<&'a [u8]>, Unknown> {
        Ok(self.sections()?.into_iter().find(|(other, _)| other == name).map(|(_, content)| content))
    }

    /// Returns the measured sections in their order.
    ///
    /// # Errors
    /// When the file is not a kernel image, or what is measured depends on the hardware.
    pub(super) fn measured(&self) -> Result<Vec<(&'static str, &'a [u8])>, Unknown> {
        let sections = self.sections()?;
        let has = |name: &str| sections.iter().any(|(other, _)| other == name);
        if !has(".linux") {
            return Err(self.no_program());
        }
        if let Some(name) = OF_HARDWARE.into_iter().find(|name| has(name)) {
            return Err(Unknown::OfHardware(self.file.path.clone(), name));
        }
        let of = |name| sections.iter().find(|(other, _)| other == name).map(|(_, content)| (name, *content));
        Ok(MEASURED.into_iter().filter_map(of).collect())
    }

    /// Returns the major version of systemd-stub.
    ///
    /// # Errors
    /// When the image was made with another stub.
    pub(super) fn stub(&self) -> Result<u32, Unknown> {
        let magic = self.section(".sdmagic")?.unwrap_or_default();
        let text = String::from_utf8_lossy(magic);
        let version =
            text.split_once(MAGIC).map(|(_, version)| version.chars().take_while(char::is_ascii_digit));
        version.and_then(|digits| digits.collect::<String>().parse().ok()).ok_or(Unknown::OtherStub)
    }

    /// Returns whether it is not an image but the boot loader systemd-boot.
    pub(super) fn is_systemd_boot(&self) -> bool {
        let magic = self.section(".sdmagic").ok().flatten().unwrap_or_default();
        magic.starts_with(LOADER.as_bytes())
    }

    /// Returns the text of a section, up to its first zero.
    ///
    /// # Errors
    /// When the file is not a program.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Unknown> {
        let text = self.section(name)?.map(|bytes| bytes.split(|byte| *byte == 0).next().unwrap_or_default());
        Ok(text.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }
}
