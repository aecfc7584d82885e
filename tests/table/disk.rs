//! A sparse disk in memory, and tables on it that gptman wrote.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use gptman::{GPT, GPTHeader, GPTPartitionEntry};
use pattern::table::{Extent, Found, Guid, Step, Table, Wanted, target};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const ESP: u128 = 0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B;
pub(crate) const USR: u128 = 0x8484680C_9521_48C6_9C11_B0720656F69E;
pub(crate) const USR_VERITY: u128 = 0x77FF5F63_E7B6_4633_ACF4_1565B864C0E6;
pub(crate) const USR_ARM: u128 = 0xB0E01050_EE5F_4390_949A_9101B17104E9;
pub(crate) const GENERIC: u128 = 0x0FC63DAF_8483_4772_8E79_3D69D8477DE4;
/// UUIDs of the running `/usr` and its hash tree in every table here.
const RUNNING: [u8; 16] = [0xa; 16];
const RUNNING_VERITY: [u8; 16] = [0xb; 16];

/// A tear never splits a block of this size.
pub(crate) const BLOCK: u64 = 512;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Disk {
    pub(crate) sector_size: u64,
    pub(crate) size: u64,
    pub(crate) blocks: BTreeMap<u64, Vec<u8>>,
    position: u64,
}

/// Type, label, start and size in MiB.
pub(crate) type Part = (u128, &'static str, u64, u64);

/// An installed machine, which had one version.
pub(crate) const INSTALLED: [Part; 6] = [
    (ESP, "esp", 1, 200),
    (USR_VERITY, "verity-1", 201, 200),
    (USR, "usr-1", 401, 2048),
    (USR_VERITY, "_empty", 2449, 200),
    (USR, "_empty", 2649, 2048),
    (GENERIC, "persist", 4697, 3494),
];

/// The base image: ESP, verity A, usr A.
pub(crate) const BASE: [Part; 3] =
    [(ESP, "esp", 1, 200), (USR_VERITY, "verity-1", 201, 200), (USR, "usr-1", 401, 174)];

impl Disk {
    pub(crate) fn new(sector_size: u64, mib: u64) -> Self {
        Self { sector_size, size: mib * MIB, blocks: BTreeMap::new(), position: 0 }
    }

    /// A disk with a table written by gptman. The partition labelled usr-1 is the running one.
    pub(crate) fn with(sector_size: u64, mib: u64, parts: &[Part]) -> Self {
        let mut disk = Self::new(sector_size, mib);
        disk.install([7; 16], parts);
        disk
    }

    pub(crate) fn install(&mut self, disk_guid: [u8; 16], parts: &[Part]) {
        let size = self.sector_size;
        let mut gpt = GPT::new_from(self, size, disk_guid).unwrap();
        for (number, part) in (1..).zip(parts) {
            gpt[number] = self.entry(number, part);
        }
        self.write_gpt(gpt);
    }

    pub(crate) fn write_gpt(&mut self, mut gpt: GPT) {
        // Not GPT::write_into: it refuses the tables that some tests are about.
        let entries: Vec<GPTPartitionEntry> = gpt.iter().map(|(_, entry)| entry.clone()).collect();
        let size = self.sector_size;
        let mut backup = gpt.header.clone();
        (backup.primary_lba, backup.backup_lba) = (gpt.header.backup_lba, 1);
        backup.partition_entry_lba = gpt.header.last_usable_lba + 1;
        gpt.header.write_into(self, size, &entries).unwrap();
        backup.write_into(self, size, &entries).unwrap();
        GPT::write_protective_mbr_into(self, size).unwrap();
    }

    /// Changes the primary's header, and corrects its checksum.
    pub(crate) fn edit_header(&mut self, change: impl FnOnce(&mut GPTHeader)) {
        let mut header = self.gptman().header;
        change(&mut header);
        header.update_crc32_checksum();
        // gptman writes a header only with all of its entries.
        let mut bytes = [b"EFI PART", &header.revision[..]].concat();
        let four = |bytes: &mut Vec<u8>, field: u32| bytes.extend(field.to_le_bytes());
        four(&mut bytes, header.header_size);
        four(&mut bytes, header.crc32_checksum);
        bytes.extend(header.reserved);
        for lba in [header.primary_lba, header.backup_lba, header.first_usable_lba, header.last_usable_lba] {
            bytes.extend(lba.to_le_bytes());
        }
        bytes.extend(header.disk_guid);
        bytes.extend(header.partition_entry_lba.to_le_bytes());
        four(&mut bytes, header.number_of_partition_entries);
        four(&mut bytes, header.size_of_partition_entry);
        four(&mut bytes, header.partition_entry_array_crc32);
        self.put(self.sector_size, &bytes);
    }

    pub(crate) fn entry(&self, number: u32, part: &Part) -> GPTPartitionEntry {
        let (kind, label, start, size) = *part;
        let sectors = MIB / self.sector_size;
        let uuid = match label {
            "usr-1" => RUNNING,
            "verity-1" => RUNNING_VERITY,
            _ => [0x40 + number as u8; 16],
        };
        GPTPartitionEntry {
            partition_type_guid: on_disk(kind),
            unique_partition_guid: uuid,
            starting_lba: start * sectors,
            ending_lba: (start + size) * sectors - 1,
            attribute_bits: 0,
            partition_name: label.into(),
        }
    }

    /// The table as gptman finds it: the primary, or else the backup in the last sector, as a kernel does that was
    /// started with `gpt`.
    pub(crate) fn gptman(&self) -> GPT {
        GPT::read_from(&mut self.clone(), self.sector_size).unwrap()
    }

    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut GPT)) {
        let mut gpt = self.gptman();
        change(&mut gpt);
        self.write_gpt(gpt);
    }

    pub(crate) fn found(&self) -> Found {
        Found::read(&mut self.clone(), self.sector_size).unwrap()
    }

    pub(crate) fn refused(&self) -> String {
        Found::read(&mut self.clone(), self.sector_size).unwrap_err().to_string()
    }

    pub(crate) fn put(&mut self, offset: u64, bytes: &[u8]) {
        self.seek(SeekFrom::Start(offset)).unwrap();
        self.write_all(bytes).unwrap();
    }

    pub(crate) fn get(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut disk = self.clone();
        disk.seek(SeekFrom::Start(offset)).unwrap();
        disk.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Write { offset, bytes } = step {
                self.put(*offset, bytes);
            }
        }
    }

    /// Copies another disk's bytes.
    pub(crate) fn copy(&mut self, from: &Self, offset: u64, length: usize) {
        self.put(offset, &from.get(offset, length));
    }

    pub(crate) fn last_sector(&self) -> u64 {
        self.size - self.sector_size
    }

    pub(crate) fn dump(&self, path: &std::path::Path) {
        let file = std::fs::File::create(path).unwrap();
        file.set_len(self.size).unwrap();
        for (block, bytes) in &self.blocks {
            std::os::unix::fs::FileExt::write_all_at(&file, bytes, block * BLOCK).unwrap();
        }
    }
}

fn on_disk(kind: u128) -> [u8; 16] {
    let b = kind.to_be_bytes();
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::End(back) => self.size.checked_add_signed(back).unwrap(),
            SeekFrom::Current(by) => self.position.checked_add_signed(by).unwrap(),
        };
        Ok(self.position)
    }
}

impl Read for Disk {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (block, within) = (self.position / BLOCK, (self.position % BLOCK) as usize);
        let room = self.size.saturating_sub(self.position).min(BLOCK - within as u64) as usize;
        let length = bytes.len().min(room);
        match self.blocks.get(&block) {
            Some(data) => bytes[..length].copy_from_slice(&data[within..within + length]),
            None => bytes[..length].fill(0),
        }
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (block, within) = (self.position / BLOCK, (self.position % BLOCK) as usize);
        let room = self.size.saturating_sub(self.position).min(BLOCK - within as u64) as usize;
        let length = bytes.len().min(room);
        let data = self.blocks.entry(block).or_insert_with(|| vec![0; BLOCK as usize]);
        data[within..within + length].copy_from_slice(&bytes[..length]);
        self.position += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// 2 GiB of usr, 200 MiB of verity, and room for a persist.
pub(crate) fn wanted() -> Wanted {
    Wanted {
        usr: Guid::from_uuid(RUNNING),
        verity: Guid::from_uuid(RUNNING_VERITY),
        usr_size: 2048 * MIB,
        verity_size: 200 * MIB,
        persist_least: 320 * MIB,
    }
}

/// The table that the decision would commit.
pub(crate) fn target_table(found: &Found, wanted: &Wanted) -> Table {
    target(found, wanted).unwrap().table([Guid::from_random([1; 16]), Guid::from_random([2; 16])])
}

/// Number, label, start and size in MiB, of a table as we read it.
pub(crate) fn layout(table: &pattern::table::Table) -> Vec<(u32, String, u64, u64)> {
    let mib = |sectors: u64| sectors * table.sector_size() / MIB;
    let size = |extent: Extent| table.bytes(extent) / MIB;
    table.partitions().map(|p| (p.number, p.label, mib(p.extent.first), size(p.extent))).collect()
}
