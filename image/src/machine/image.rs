//! A base image: tells the file that `pattern build` made from everything else.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::table::{Found, Guid, ReadError, Refusal};
use sha2::{Digest as _, Sha256};

use crate::esp::ESP;
use crate::host::file;
use crate::host::word::word;
use crate::release::image::{self, NOT_OURS};

/// QEMU shows disks with such sectors.
const SECTOR: u64 = 512;

/// The first bytes of other files that are taken for an image, and what to do with such a file.
const OTHERS: [(&[u8], &str); 5] = [
    (b"\xfd7zXZ\0", "is compressed; unpack it: xz --decompress --keep"),
    (b"\x1f\x8b", "is compressed; unpack it: gzip --decompress --keep"),
    (b"\x28\xb5\x2f\xfd", "is compressed; unpack it: zstd --decompress"),
    (b"BZh", "is compressed; unpack it: bzip2 --decompress --keep"),
    (b"QFI\xfb", "is a qcow2 file; make a raw one: qemu-img convert -O raw"),
];

/// A file with a partition table and an EFI system partition.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    bytes: u64,
    /// Where the EFI system partition ends.
    esp_end: u64,
    /// What tells its partition table from others, also when the table was changed.
    disk: Guid,
}

impl Image {
    /// Looks at a file, or at the newest image in a folder.
    ///
    /// # Errors
    /// When it is not an image. The error says what it is, as far as that can be seen.
    pub fn open(path: &Path) -> Result<Self> {
        let path = &image::find(path)?;
        let reading = || format!("reading {}", path.display());
        let found = fs::metadata(path).with_context(reading)?;
        if !found.is_file() {
            bail!("{} is not a file: name the image that `pattern build` made", path.display());
        }
        let mut file = file::open(path).with_context(reading)?;
        let mut start = Vec::new();
        let _length = file.by_ref().take(8).read_to_end(&mut start).with_context(reading)?;
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
            bail!("{} {what} {}", path.display(), word(path));
        }
        let (esp_end, disk) = table(&mut file)
            .map_err(|why| anyhow::anyhow!("{} is not an image by `pattern build`: {why}", path.display()))?;
        Ok(Self { path: path.to_owned(), bytes: found.len(), esp_end, disk })
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether a disk can be one that was made from this image. What a machine does to its table keeps the table's
    /// UUID. A disk that can't be read is left to whoever reads it next.
    pub(super) fn is_of(&self, disk: &Path) -> bool {
        let Ok(mut file) = file::open(disk) else { return true };
        match Found::read(&mut file, SECTOR) {
            Ok(found) => found.table.disk_guid() == self.disk,
            Err(ReadError::Disk(_) | ReadError::Earlier) => true,
            Err(_) => false,
        }
    }

    /// Returns a number that is the same for files with the same content only, without reading all of it:
    /// the partition table has UUIDs by the root hash of `/usr`, and what is on the EFI system partition
    /// starts that `/usr` only.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn identity(&self) -> Result<String> {
        let reading = || format!("reading {}", self.path.display());
        let mut rest = file::open(&self.path).with_context(reading)?.take(self.esp_end);
        let mut hash = Sha256::new_with_prefix(self.bytes.to_le_bytes());
        let mut buffer = vec![0; 1 << 20];
        while let length @ 1.. = rest.read(&mut buffer).with_context(reading)? {
            hash.update(buffer.get(..length).unwrap_or_default());
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Returns where the EFI system partition ends, in bytes, and the UUID of the table, or why there is none.
fn table(file: &mut File) -> Result<(u64, Guid), String> {
    let found = match Found::read(file, SECTOR) {
        Ok(found) => found,
        Err(ReadError::Disk(cause)) => return Err(format!("it can't be read ({cause})")),
        Err(_) => {
            let bytes = file.metadata().map_or(1, |found| found.len());
            return Err(image::without_table(bytes).to_owned());
        }
    };
    match found.changeable() {
        Ok(()) => {}
        Err(Refusal::BeyondEnd { part, .. }) => {
            return Err(format!("the file ends before its {part} does; copy it again"));
        }
        Err(refusal) => return Err(format!("its partition table is damaged ({refusal})")),
    }
    let table = found.table;
    let esp = table.partitions().find(|part| part.kind == ESP);
    let esp = esp.ok_or("it has no EFI system partition")?;
    if !image::is_ours(&table) {
        return Err(NOT_OURS.to_owned());
    }
    Ok(((esp.extent.last + 1).saturating_mul(SECTOR), table.disk_guid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use gptman::{GPT, GPTPartitionEntry};

    use super::*;
    use crate::host::temporary;

    const MIB: u64 = 1 << 20;
    /// As on a disk: EFI system partition, and a generic one.
    const ESP: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
    const GENERIC: [u8; 16] = *b"\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4";

    /// Writes a file of 8 MiB with two partitions: from 1 MiB to 2 MiB, and the next MiB.
    fn write(path: &Path, kind: [u8; 16], second: &str) {
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(8 * MIB).unwrap();
        let mut table = GPT::new_from(&mut file, SECTOR, [7; 16]).unwrap();
        for (number, kind, label) in [(1, kind, "x"), (2, GENERIC, second)] {
            table[number] = GPTPartitionEntry {
                partition_type_guid: kind,
                unique_partition_guid: [number as u8; 16],
                starting_lba: u64::from(number) * MIB / SECTOR,
                ending_lba: u64::from(number + 1) * MIB / SECTOR - 1,
                attribute_bits: 0,
                partition_name: label.into(),
            };
        }
        table.write_into(&mut file).unwrap();
    }

    fn refusal(path: &Path) -> String {
        format!("{:#}", Image::open(path).unwrap_err())
    }

    #[test]
    fn what_is_not_an_image_is_refused_by_what_it_is() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("x.raw");
        let name = path.display();
        assert!(refusal(&path).starts_with(&format!("reading {name}: No such file")));
        let none = "it has no image: no file ID_VERSION.raw, .raw.xz or .raw.gz";
        assert_eq!(refusal(place.path()), format!("reading {}: {none}", place.path().display()));
        assert!(refusal(Path::new("/dev/null")).starts_with("/dev/null is not a file: name the image"));
        let none = format!("{name} is not an image by `pattern build`: it has no partition table");
        for (content, wanted) in [
            (
                &b"\xfd7zXZ\0\0\x04"[..],
                format!("{name} is compressed; unpack it: xz --decompress --keep {name}"),
            ),
            (b"\x1f\x8b\x08", format!("{name} is compressed; unpack it: gzip --decompress --keep {name}")),
            (b"\x28\xb5\x2f\xfd\x04", format!("{name} is compressed; unpack it: zstd --decompress {name}")),
            (b"BZh91AY", format!("{name} is compressed; unpack it: bzip2 --decompress --keep {name}")),
            (
                b"QFI\xfb\0\0",
                format!("{name} is a qcow2 file; make a raw one: qemu-img convert -O raw {name}"),
            ),
            (b"", format!("{name} is not an image by `pattern build`: it is empty")),
            (b"hello\n", none.clone()),
            (&[0; 100_000], none.clone()),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(refusal(&path), wanted);
        }
        write(&path, GENERIC, "usr-1");
        assert_eq!(
            refusal(&path),
            format!("{name} is not an image by `pattern build`: it has no EFI system partition")
        );
        write(&path, ESP, "EFI of another system");
        assert_eq!(
            refusal(&path),
            format!("{name} is not an image by `pattern build`: it has no partition usr-VERSION")
        );
        write(&path, ESP, "usr-1");
        fs::File::options().write(true).open(&path).unwrap().set_len(MIB + 5).unwrap();
        assert!(refusal(&path).ends_with("the file ends before its partition 1 (x) does; copy it again"));
    }

    #[test]
    fn an_image_is_known_by_its_table_and_its_efi_system_partition() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("x.raw");
        write(&path, ESP, "usr-1");
        let identity = || Image::open(&path).unwrap().identity().unwrap();
        let first = identity();
        let file = File::options().write(true).open(&path).unwrap();
        // What follows is named by the table.
        file.write_all_at(b"x", 2 * MIB).unwrap();
        assert_eq!(identity(), first);
        file.write_all_at(b"x", 2 * MIB - 1).unwrap();
        let second = identity();
        assert_ne!(second, first);
        // The size is part of it.
        file.set_len(9 * MIB).unwrap();
        assert_ne!(identity(), second);
        assert_eq!(Image::open(&path).unwrap().bytes(), 9 * MIB);
    }
}
