//! What a start measures, in the order in which it does: systemd's `src/boot/stub.c`, `run`, of 257 and 262; the firmware, when a
//! program is loaded (TCG PC Client Platform Firmware Profile, "PCR 4").

use super::archive::{Target, of_section};
use super::image::Image;
use super::words::{tidy, utf16};
use super::{Extension, File, Origin, Start, Unknown};
use crate::firmware::{digest_of, program};
use crate::token::Bank;

/// Registers (UAPI.7, "Linux TPM PCR Registry").
const PROGRAMS: u8 = 4;
const KERNEL: u8 = 9;
const IMAGE: u8 = 11;
const PARAMETERS: u8 = 12;
/// From this version on the stub loads the kernel itself, and takes extensions for all images.
const LOADS_ITSELF: u32 = 258;
const ADD_ON: &str = ".addon.efi";
/// What makes a file an add-on.
const PARTS: [&str; 3] = [".cmdline", ".initrd", ".ucode"];
/// Device trees are of other machines: whether the stub takes and measures one here was not tried.
const DEVICE_TREES: [&str; 2] = [".dtb", ".dtbauto"];

/// Sections that the stub hands to the initrd as files, in its order.
const HANDED_ON: [(&str, &str); 4] = [
    (".pcrsig", "tpm2-pcr-signature.json"),
    (".pcrpkey", "tpm2-pcr-public-key.pem"),
    (".osrel", "os-release"),
    (".profile", "profile"),
];

impl Start {
    /// Returns what is measured from the moment when the image is loaded until its initrd begins, in the order of each register.
    ///
    /// # Errors
    /// When that depends on something that is not known.
    pub fn extensions(&self, bank: Bank) -> Result<Vec<Extension>, Unknown> {
        let measure = Measure { start: self, image: Image::new(&self.image, self.profile), bank };
        measure.all()
    }

    /// Programs that the firmware loads and verifies, but for the boot loader.
    pub(super) fn loaded(&self) -> impl Iterator<Item = &File> {
        let add_ons = self.candidates().filter(|file| self.is_loaded(file));
        std::iter::once(&self.image).chain(add_ons)
    }

    /// Files that may be add-ons, in the order in which they are loaded.
    fn candidates(&self) -> impl Iterator<Item = &File> {
        let named = |file: &&File| {
            let name = file.name();
            name.is_ascii()
                && name.len() <= 255
                && !name.starts_with('.')
                && name.to_ascii_lowercase().ends_with(ADD_ON)
        };
        self.add_ons.iter().chain(&self.beside).filter(named)
    }

    fn is_loaded(&self, file: &File) -> bool {
        let is_signed = || crate::uki::signature(&file.bytes).is_some();
        program::is_whole(&file.bytes) && (!self.secure_boot || is_signed())
    }
}

struct Measure<'a> {
    start: &'a Start,
    image: Image<'a>,
    bank: Bank,
}

impl<'a> Measure<'a> {
    fn all(&self) -> Result<Vec<Extension>, Unknown> {
        let add_ons = self.add_ons()?;
        let loads_itself = self.image.stub()? >= LOADS_ITSELF;
        let mut all = self.start.loaded().map(|file| self.program(file)).collect::<Result<Vec<_>, _>>()?;
        all.extend(self.given()?);
        all.extend(self.sections()?);
        all.extend(self.words(&add_ons)?);
        all.extend(self.files(loads_itself));
        all.extend(self.parts(&add_ons, ".ucode")?);
        all.extend(self.parts(&add_ons, ".initrd")?);
        if !loads_itself && !self.start.secure_boot {
            all.push(self.kernel()?);
        }
        if !loads_itself {
            all.push(self.extension(KERNEL, &utf16(&self.command_line(&add_ons)?), Origin::CommandLine));
            let initrd = self.initrd(&add_ons)?;
            all.push(self.extension(KERNEL, &initrd, Origin::Initrd(self.start.image.path.clone())));
        }
        Ok(all)
    }

    /// The kernel's command line. A later stub may add words for its console.
    fn command_line(&self, add_ons: &[&File]) -> Result<String, Unknown> {
        let given = self.passed()?.map_or_else(|| self.image.text(".cmdline"), |passed| Ok(Some(passed)))?;
        let (of_add_ons, _) = self.add_on_words(add_ons)?;
        let machine = self.start.words.as_deref().unwrap_or_default();
        let all = [tidy(&given.unwrap_or_default()), of_add_ons, tidy(machine)];
        Ok(all.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" "))
    }

    /// All that the kernel unpacks, one archive behind the other. A later stub may add a secret.
    fn initrd(&self, add_ons: &[&File]) -> Result<Vec<u8>, Unknown> {
        let mut all: Vec<u8> = Vec::new();
        let mut add = |part: &[u8]| {
            all.extend(part);
            all.resize(all.len().next_multiple_of(4), 0);
        };
        let parts = |name| add_ons.iter().map(move |file| Image::new(file, 0).section(name));
        for part in parts(".ucode") {
            part?.into_iter().for_each(&mut add);
        }
        for name in [".ucode", ".initrd"] {
            self.image.section(name)?.into_iter().for_each(&mut add);
        }
        for (target, files) in self.groups(false) {
            add(&target.archive(&files));
        }
        for (section, name) in HANDED_ON {
            self.image.section(section)?.into_iter().for_each(|content| add(&of_section(name, content)));
        }
        for part in parts(".initrd") {
            part?.into_iter().for_each(&mut add);
        }
        Ok(all)
    }

    fn extension(&self, pcr: u8, bytes: &[u8], origin: Origin) -> Extension {
        Extension { pcr, digest: digest_of(self.bank, &[bytes]), origin }
    }

    fn program(&self, file: &File) -> Result<Extension, Unknown> {
        let path = || file.path.clone();
        let digest = program::digest(&file.bytes, self.bank).ok_or_else(|| Unknown::NotAProgram(path()))?;
        Ok(Extension { pcr: PROGRAMS, digest, origin: Origin::Program(path()) })
    }

    /// An older stub has the firmware load the kernel, which measures it unless the stub stands in the way for Secure Boot.
    fn kernel(&self) -> Result<Extension, Unknown> {
        let path = &self.start.image.path;
        let kernel = self.image.section(".linux")?.unwrap_or_default();
        let digest = program::digest(kernel, self.bank);
        let digest = digest.ok_or_else(|| Unknown::NotAProgram(path.clone()))?;
        Ok(Extension { pcr: PROGRAMS, digest, origin: Origin::Kernel(path.clone()) })
    }

    /// What the boot loader gives to the image. Both measure it.
    fn given(&self) -> Result<Vec<Extension>, Unknown> {
        let (options, profile) = (self.start.options.as_deref(), self.start.profile);
        let (mut given, mut all) = (options.unwrap_or_default().to_owned(), Vec::new());
        if profile > 0 {
            given = format!("@{profile} {given}").trim_end().to_owned();
        }
        let say = |words: &str| self.extension(PARAMETERS, &utf16(words), Origin::Options(words.to_owned()));
        if !given.is_empty() {
            all.push(say(&given));
        }
        if profile > 0 {
            let number = utf16(&profile.to_string());
            all.push(self.extension(PARAMETERS, &number, Origin::Profile(profile)));
        }
        all.extend(self.passed()?.map(|passed| say(&passed)));
        Ok(all)
    }

    /// Words of the boot loader, where the image takes them in the place of its own.
    fn passed(&self) -> Result<Option<String>, Unknown> {
        let passed = tidy(self.start.options.as_deref().unwrap_or_default());
        let dropped = self.start.secure_boot && self.image.section(".cmdline")?.is_some();
        Ok((!passed.is_empty() && !dropped).then_some(passed))
    }

    fn sections(&self) -> Result<Vec<Extension>, Unknown> {
        let path = &self.start.image.path;
        let origin = |name| Origin::Section(path.clone(), name);
        let sections = self.image.measured()?.into_iter().flat_map(|(name, content)| {
            let label = format!("{name}\0");
            [label.as_bytes(), content].map(|bytes| self.extension(IMAGE, bytes, origin(name)))
        });
        Ok(sections.collect())
    }

    /// Add-ons that are used.
    fn add_ons(&self) -> Result<Vec<&'a File>, Unknown> {
        let kernel = self.image.text(".uname")?;
        let mut used = Vec::new();
        for file in self.start.loaded().skip(1) {
            let add_on = Image::new(file, 0);
            let has = |name| add_on.section(name).map(|section| section.is_some());
            let of = add_on.text(".uname")?;
            let fits = kernel.is_none() || of.is_none() || kernel == of;
            let useful = PARTS.into_iter().map(has).collect::<Result<Vec<_>, _>>()?.contains(&true);
            if !fits || has(".linux")? {
                continue;
            }
            for name in DEVICE_TREES {
                if has(name)? {
                    return Err(Unknown::OfHardware(file.path.clone(), name));
                }
            }
            if useful {
                used.push(file);
            }
        }
        Ok(used)
    }

    /// The words of add-ons, and the paths of those that have some.
    fn add_on_words(&self, add_ons: &[&File]) -> Result<(String, Vec<String>), Unknown> {
        let (mut words, mut paths) = (String::new(), Vec::new());
        for file in add_ons {
            let Some(line) = Image::new(file, 0).text(".cmdline")? else { continue };
            let space = if words.is_empty() { "" } else { " " };
            words = format!("{words}{space}{}", tidy(&line));
            paths.push(file.path.clone());
        }
        Ok((tidy(&words), paths))
    }

    fn words(&self, add_ons: &[&File]) -> Result<Vec<Extension>, Unknown> {
        let (words, paths) = self.add_on_words(add_ons)?;
        let machine = tidy(self.start.words.as_deref().unwrap_or_default());
        let of_machine = Origin::Words(machine.clone());
        let all = [(words, Origin::AddOns(paths)), (machine, of_machine)];
        let said = all.into_iter().filter(|(words, _)| !words.is_empty());
        Ok(said.map(|(words, origin)| self.extension(PARAMETERS, &utf16(&words), origin)).collect())
    }

    fn parts(&self, add_ons: &[&File], name: &'static str) -> Result<Vec<Extension>, Unknown> {
        let mut all = Vec::new();
        for file in add_ons {
            if let Some(part) = Image::new(file, 0).section(name)? {
                all.push(self.extension(PARAMETERS, part, Origin::Part(file.path.clone(), name)));
            }
        }
        Ok(all)
    }

    fn files(&self, for_all: bool) -> Vec<Extension> {
        let archives = self.groups(for_all).map(|(target, files)| {
            let paths = files.iter().map(|file| file.path.clone()).collect();
            self.extension(target.pcr(), &target.archive(&files), Origin::Files(target, paths))
        });
        archives.collect()
    }

    /// Files for the initrd, by where it gets them.
    fn groups(&self, for_all: bool) -> impl Iterator<Item = (Target, Vec<&'a File>)> {
        let start = self.start;
        let targets = Target::ALL.into_iter().filter(move |target| for_all || !target.is_since_258());
        let groups = targets.map(move |target| {
            let of = match target {
                Target::AllCredentials => &start.credentials,
                Target::AllExtensions | Target::AllSettings => &start.extensions,
                _ => &start.beside,
            };
            (target, of.iter().filter(|file| target.takes(file.name())).collect::<Vec<_>>())
        });
        groups.filter(|(_, files)| !files.is_empty())
    }
}
