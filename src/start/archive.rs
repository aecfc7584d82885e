//! Packs files as systemd-stub does before it measures them and gives them to the initrd: an archive of the kind `newc` (Linux,
//! `Documentation/driver-api/early-userspace/buffer-format.rst`; systemd-stub(7), "Companion files").

use super::File;

const FOLDER: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
/// The folders above the last one.
const ABOVE: u32 = 0o555;
/// The longest name that the stub takes.
const LONGEST: usize = 255;

/// A folder of the initrd that systemd-stub fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Credentials beside one kernel image.
    Credentials,
    /// Credentials for all of them.
    AllCredentials,
    /// System extensions beside one kernel image.
    Extensions,
    /// System extensions for all of them, since systemd 258.
    AllExtensions,
    /// Extensions of `/etc` beside one kernel image.
    Settings,
    /// Extensions of `/etc` for all of them, since systemd 258.
    AllSettings,
}

impl Target {
    /// In the order in which they are measured.
    pub(super) const ALL: [Self; 6] = [
        Self::Credentials,
        Self::AllCredentials,
        Self::Extensions,
        Self::AllExtensions,
        Self::Settings,
        Self::AllSettings,
    ];

    /// The register (UAPI.7, "Linux TPM PCR Registry").
    pub(super) fn pcr(self) -> u8 {
        match self {
            Self::Extensions | Self::AllExtensions => 13,
            _ => 12,
        }
    }

    /// What the event log has about it.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Credentials => "Credentials initrd",
            Self::AllCredentials => "Global credentials initrd",
            Self::Extensions => "System extension initrd",
            Self::AllExtensions => "Global system extension initrd",
            Self::Settings => "Configuration extension initrd",
            Self::AllSettings => "Global configuration extension initrd",
        }
    }

    /// Whether older stubs don't know it.
    pub(super) fn is_since_258(self) -> bool {
        matches!(self, Self::AllExtensions | Self::AllSettings)
    }

    /// Whether the stub takes a file of this name.
    pub(super) fn takes(self, name: &str) -> bool {
        let ends = |end: &str| {
            let start = name.len().checked_sub(end.len());
            start.and_then(|start| name.get(start..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
        };
        let kind = match self {
            Self::Credentials | Self::AllCredentials => ends(".cred"),
            Self::Extensions | Self::AllExtensions => ends(".raw") && !ends(".confext.raw"),
            Self::Settings | Self::AllSettings => ends(".confext.raw"),
        };
        kind && name.is_ascii() && name.len() <= LONGEST && !name.starts_with('.')
    }

    /// Where its files lie on the EFI system partition.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::AllCredentials => "/loader/credentials",
            Self::AllExtensions | Self::AllSettings => "/loader/extensions",
            Self::Credentials | Self::Extensions | Self::Settings => {
                "the folder .efi.extra.d of the kernel image"
            }
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Credentials => ".extra/credentials",
            Self::AllCredentials => ".extra/global_credentials",
            Self::Extensions => ".extra/sysext",
            Self::AllExtensions => ".extra/global_sysext",
            Self::Settings => ".extra/confext",
            Self::AllSettings => ".extra/global_confext",
        }
    }

    /// Modes of the folder and of a file.
    fn modes(self) -> (u32, u32) {
        match self {
            Self::Credentials | Self::AllCredentials => (0o500, 0o400),
            _ => (0o555, 0o444),
        }
    }

    /// Returns the archive of these files, which are in the order of their names.
    pub(super) fn archive(self, files: &[&File]) -> Vec<u8> {
        let (folder, (mode_of_folder, mode)) = (self.folder(), self.modes());
        let mut archive = Archive::default();
        let above = folder.match_indices('/').filter_map(|(at, _)| folder.get(..at));
        above.for_each(|path| archive.add(path, ABOVE | FOLDER, &[]));
        archive.add(folder, mode_of_folder | FOLDER, &[]);
        for file in files {
            archive.add(&format!("{folder}/{}", file.name()), mode | REGULAR, &file.bytes);
        }
        archive.end()
    }
}

/// Returns the archive with which the stub hands a section of the image to the initrd, as a file of this name.
pub(super) fn of_section(name: &str, content: &[u8]) -> Vec<u8> {
    const FILE: u32 = 0o444;
    let mut archive = Archive::default();
    archive.add(".extra", ABOVE | FOLDER, &[]);
    archive.add(&format!(".extra/{name}"), FILE | REGULAR, content);
    archive.end()
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    inodes: usize,
}

impl Archive {
    fn add(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.inodes += 1;
        let mut fields = [0; 13];
        [fields[0], fields[1], fields[4], fields[6], fields[11]] =
            [self.inodes, mode as usize, 1, content.len(), path.len() + 1];
        self.bytes.extend(b"070701");
        fields.iter().for_each(|field| self.bytes.extend(format!("{field:08x}").bytes()));
        self.bytes.extend(path.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Unlike the other records, the last one has its numbers in capitals.
    fn end(mut self) -> Vec<u8> {
        const NLINK: usize = 4;
        const NAME: usize = 11;
        self.bytes.extend(b"070701");
        for field in 0..13 {
            let number = match field {
                NLINK => 1,
                NAME => 11,
                _ => 0,
            };
            self.bytes.extend(format!("{number:08X}").bytes());
        }
        self.bytes.extend(b"TRAILER!!!\0\0\0\0");
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_takes_files_by_their_ends() {
        assert!(Target::Credentials.takes("a.CRED") && !Target::Credentials.takes("a.cred.bak"));
        assert!(Target::Extensions.takes("a.raw") && !Target::Extensions.takes("a.confext.raw"));
        assert!(Target::Settings.takes("a.confext.raw") && !Target::Settings.takes("a.raw"));
        for name in [".a.cred", "\u{e4}.cred", "cred", ""] {
            assert!(!Target::AllCredentials.takes(name), "{name:?}");
        }
        assert!(!Target::Credentials.takes(&format!("{}.cred", "a".repeat(251))));
    }

    #[test]
    fn an_archive_begins_with_its_folders_and_ends_with_its_trailer() {
        let file = File { path: "/loader/credentials/a.cred".to_owned(), bytes: b"abcde".to_vec() };
        let archive = Target::AllCredentials.archive(&[&file]);
        let text = String::from_utf8(archive.clone()).unwrap();
        let names: Vec<_> =
            text.split("070701").skip(1).map(|record| record[104..].trim_end_matches('\0')).collect();
        let file = ".extra/global_credentials/a.cred\0\0abcde";
        let end = "TRAILER!!!";
        assert_eq!(names, [".extra", ".extra/global_credentials", file, end]);
        assert!(text.starts_with("0707010000000100004"), "{text:?}");
        assert_eq!(archive.len() % 4, 0);
    }
}
