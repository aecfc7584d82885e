//! Makes a disk of an input: a base image, and what a stranger changed in it.
//!
//! An input is a byte of flags, the number of sectors, and changes. Each change is a byte that says
//! what and where, an offset or the number of an entry, and a value.

use super::disk::{ARRAY, Disk};
use super::{RUNNING, RUNNING_VERITY};

/// The changes leave the primary copy with its old checksums, as a cut write does.
const KEEP_PRIMARY: u8 = 1;
/// The changes leave the backup copy with its old checksums.
const KEEP_BACKUP: u8 = 1 << 1;
/// The disk has sectors of 4096 bytes.
const LARGE_SECTORS: u8 = 1 << 2;
/// The image was written to a larger disk: its backup is where the image ended.
const LARGER_DISK: u8 = 1 << 3;
/// The image persists nothing.
pub(super) const NO_PERSIST: u8 = 1 << 4;

const MIB: u64 = 1 << 20;
/// Bytes of an image, with room for the backup.
const IMAGE: u64 = 5 * MIB;
/// Sectors of the largest disk.
const LARGEST: u64 = 4 << 20;
static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
/// A checksum over more entries than these stays wrong.
const MOST: u32 = 512;
/// Bytes of a header.
const HEADER: usize = 92;
const ESP: u128 = 0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B;
const USR: u128 = 0x8484680C_9521_48C6_9C11_B0720656F69E;
const USR_VERITY: u128 = 0x77FF5F63_E7B6_4633_ACF4_1565B864C0E6;
const USR_ARM: u128 = 0xB0E01050_EE5F_4390_949A_9101B17104E9;
const GENERIC: u128 = 0x0FC63DAF_8483_4772_8E79_3D69D8477DE4;
/// Places of the fields of an entry.
const KIND: usize = 0;
const UUID: usize = 16;
const FIRST: usize = 32;
const LABEL: usize = 56;

/// A copy of the table: a header, then the entries. Both have their places on the disk.
struct Half {
    bytes: Vec<u8>,
    lba: u64,
    entries: u64,
}

/// Returns the disk and the flags, or `None` if the input is too short for them.
pub(super) fn made(input: &[u8]) -> Option<(Disk, u8)> {
    let (flags, rest) = input.split_first()?;
    let (sectors, changes) = rest.split_first_chunk::<4>()?;
    let flag = |flag: u8| flags & flag != 0;
    let sector_size = if flag(LARGE_SECTORS) { 4096 } else { 512 };
    let sectors = 128 + u64::from(u32::from_le_bytes(*sectors)) % (LARGEST - 128);
    let mut disk = Disk::new(sector_size, sectors);
    let image = if flag(LARGER_DISK) { sectors.min(IMAGE / sector_size) } else { sectors };
    let mut boot = boot_record(image);
    let mut copies = [1, image - 1].map(|lba| base(&disk, lba, image));
    change(changes, sectors, &mut boot, &mut copies);
    disk.put(0, &boot);
    for (copy, keep) in copies.iter().zip([KEEP_PRIMARY, KEEP_BACKUP]) {
        disk.put(copy.lba * sector_size, &copy.bytes[..HEADER]);
        disk.put(copy.entries * sector_size, &copy.bytes[HEADER..]);
        if !flag(keep) {
            correct(&mut disk, copy);
        }
    }
    Some((disk, *flags))
}

/// A protective one (UEFI Specification 2.10, section 5.2.3).
fn boot_record(sectors: u64) -> Vec<u8> {
    let mut record = vec![0; 512];
    record[446..458].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    record[458..462].copy_from_slice(&(sectors as u32 - 1).to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    record
}

/// Returns a copy of the table of a base image of this many sectors.
fn base(disk: &Disk, lba: u64, image: u64) -> Half {
    let (array, last) = (disk.array_sectors(), image - 1);
    let (other, entries) = if lba == 1 { (last, 2) } else { (1, last - array) };
    let numbers = [lba, other, 2 + array, last - array - 1].map(u64::to_le_bytes).concat();
    let head = [&b"EFI PART"[..], &[0, 0, 1, 0, HEADER as u8, 0, 0, 0], &[0; 8], &numbers].concat();
    let shape = [&entries.to_le_bytes()[..], &[128, 0, 0, 0], &[128, 0, 0, 0], &[0; 4]].concat();
    let mut bytes = [&head[..], &[7; 16], &shape].concat();
    let parts =
        [(ESP, [1; 16], 1, "esp"), (USR_VERITY, RUNNING_VERITY, 2, "verity-1"), (USR, RUNNING, 3, "usr-1")];
    for (kind, uuid, mib, name) in parts {
        let place = [mib * MIB, (mib + 1) * MIB].map(|bytes| bytes / disk.sector_size);
        let extent = [place[0], place[1] - 1, 0].map(u64::to_le_bytes).concat();
        bytes.extend([&guid(kind)[..], &guid(u128::from_be_bytes(uuid)), &extent, &label(name)].concat());
    }
    bytes.resize(HEADER + ARRAY as usize, 0);
    let (header, array) = bytes.split_at_mut(HEADER);
    seal(header, array);
    Half { bytes, lba, entries }
}

/// Makes the changes, until one is cut. What is outside of a copy changes nothing.
fn change(mut input: &[u8], sectors: u64, boot: &mut [u8], copies: &mut [Half; 2]) {
    while let Some(([what, low, high, value], rest)) = input.split_first_chunk() {
        let offset = usize::from(u16::from_le_bytes([*low, *high]));
        input = rest;
        let (start, bytes) = match what >> 2 & 3 {
            0 => (offset, vec![*value]),
            1 => {
                let Some((number, rest)) = rest.split_first_chunk::<3>() else { return };
                input = rest;
                let number = i32::from_le_bytes([*value, number[0], number[1], number[2]]);
                (offset, sector(number, sectors).to_le_bytes().to_vec())
            }
            2 => word(entry(*low), *value),
            _ => (entry(*low), copies[0].bytes[entry(*value)..][..128].to_vec()),
        };
        let [primary, backup] = copies.each_mut().map(|copy| &mut copy.bytes[..]);
        let places = match what & 3 {
            0 => vec![&mut *boot],
            1 => vec![primary],
            2 => vec![backup],
            _ => vec![primary, backup],
        };
        for place in places.into_iter().filter_map(|place| place.get_mut(start..start + bytes.len())) {
            place.copy_from_slice(&bytes);
        }
    }
}

/// Returns the place of an entry in a copy.
fn entry(index: u8) -> usize {
    HEADER + 128 * usize::from(index % 128)
}

/// Returns a sector, counted from the end of the disk if the number is negative.
fn sector(number: i32, sectors: u64) -> u64 {
    sectors.checked_add_signed(number.into()).filter(|_| number < 0).unwrap_or(number as u64)
}

/// Returns a value that has a meaning, and its place in an entry. The fuzzer would not guess it.
fn word(entry: usize, number: u8) -> (usize, Vec<u8>) {
    let kinds = [USR, USR_VERITY, USR_ARM, GENERIC];
    let uuids = [RUNNING, RUNNING_VERITY];
    let labels = ["persist", "persist-reset", "_empty"];
    let number = usize::from(number);
    match number % 16 {
        0..4 => (entry + KIND, guid(kinds[number % 4]).to_vec()),
        4 | 5 => (entry + UUID, guid(u128::from_be_bytes(uuids[number % 2])).to_vec()),
        6..9 => (entry + LABEL, label(labels[number % 3])),
        9 => (entry + KIND, vec![0; 16]),
        // The extents behind the base image, at multiples of 1 MiB, as all tools make them.
        mib => {
            let first = (mib as u64 - 6) * 2048;
            (entry + FIRST, [first, first + 2047].map(u64::to_le_bytes).concat())
        }
    }
}

/// Makes the checksums of a copy right: they keep nobody out, and the fuzzer would not get past
/// them.
fn correct(disk: &mut Disk, copy: &Half) {
    let mut header = copy.bytes[..HEADER].to_vec();
    let entries = named(disk, &header).unwrap_or_default();
    seal(&mut header, &entries);
    disk.put(copy.lba * disk.sector_size, &header);
}

/// Returns the entries that a header names, which may be others than its own, or too many.
fn named(disk: &Disk, header: &[u8]) -> Option<Vec<u8>> {
    let lba = u64::from_le_bytes(*header[72..].first_chunk()?);
    let [number, size] = [80, 84].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte])));
    let offset = lba.checked_mul(disk.sector_size)?;
    let entry = |index| disk.get(offset.checked_add(u64::from(index) * u64::from(size))?, 128);
    let entries: Option<Vec<_>> = (0..number.min(MOST)).map(entry).collect();
    Some(entries?.concat())
}

/// Writes the checksums into a header.
fn seal(header: &mut [u8], entries: &[u8]) {
    header[88..HEADER].copy_from_slice(&CRC.checksum(entries).to_le_bytes());
    header[16..20].fill(0);
    let sum = CRC.checksum(header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
}

/// Returns the bytes of a GUID on a disk. The hexadecimal digits of the number are its text.
fn guid(digits: u128) -> [u8; 16] {
    let mut bytes = digits.to_be_bytes();
    [0..4, 4..6, 6..8].into_iter().for_each(|field| bytes[field].reverse());
    bytes
}

fn label(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.resize(72, 0);
    bytes
}
