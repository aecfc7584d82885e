//! Verifies a version in the other slot, in this process: the kernel is not asked for a device.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use libcryptsetup_rs::consts::flags::{CryptActivate, CryptVerity};
use libcryptsetup_rs::consts::vals::EncryptionFormat;
use libcryptsetup_rs::{CryptInit, CryptParamsVerity, CryptParamsVerityRef};
use pattern::boot::usr::UsrHash;
use pattern::table::{Partition, Table};
use pattern::update::release::Part;
use pattern_machine::disk::Disk;

/// Reads every block of a version's `/usr`, and compares it with the hash tree, whose root hash is
/// in the UUIDs of the two partitions.
///
/// # Errors
/// When a partition is missing, or a block can't be read or verified.
pub(super) fn verify(disk: &Disk, table: &Table, version: &str) -> Result<()> {
    let [tree, data] = Part::ALL.map(|part| partition(table, part, version));
    let (tree, data) = (tree?, data?);
    let [hash, content] = [&tree, &data].map(|part| disk.partition_path(part.number));
    compare(&hash, &content, &UsrHash::of_partitions(data.uuid, tree.uuid))
}

fn compare(hash: &Path, content: &Path, root: &UsrHash) -> Result<()> {
    let params = CryptParamsVerity {
        hash_name: String::new(),
        data_device: content.to_owned(),
        hash_device: None,
        fec_device: None,
        salt: Vec::new(),
        hash_type: 1,
        data_block_size: 0,
        hash_block_size: 0,
        data_size: 0,
        hash_area_offset: 0,
        fec_area_offset: 0,
        fec_roots: 0,
        flags: CryptVerity::CHECK_HASH,
    };
    let opening = |error| anyhow!("opening {}: {error}", hash.display());
    let mut device = CryptInit::init(hash).map_err(opening)?;
    let mut reference: CryptParamsVerityRef<'_> = (&params).try_into().map_err(opening)?;
    let load = device.context_handle().load(Some(EncryptionFormat::Verity), Some(&mut reference));
    load.map_err(|error| anyhow!("reading the superblock of {}: {error}", hash.display()))?;
    // Without a name, nothing is activated.
    let verified =
        device.activate_handle().activate_by_volume_key(None, Some(root.bytes()), CryptActivate::empty());
    verified.map_err(|error| anyhow!("comparing {} with its hash tree: {error}", content.display()))
}

fn partition(table: &Table, part: Part, version: &str) -> Result<Partition> {
    let label = format!("{}-{version}", part.name());
    let found = table.partitions().find(|partition| partition.label == label);
    found.with_context(|| format!("the disk has no partition with the label {label}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn one_changed_block_is_found_wherever_it_is() {
        let folder = std::env::temp_dir().join(format!("pattern-slot-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [content, hash, root] = ["content", "hash", "root"].map(|name| folder.join(name));
        let bytes: Vec<u8> = (0..300 * 4096_u32).map(|index| (index / 4096) as u8).collect();
        fs::write(&content, &bytes).unwrap();
        let mut format = Command::new("veritysetup");
        format.args(["format", "--root-hash-file"]).args([&root, &content, &hash]);
        assert!(format.output().unwrap().status.success());
        let root = UsrHash::parse(fs::read_to_string(&root).unwrap().trim()).unwrap();
        compare(&hash, &content, &root).unwrap();
        for at in [0, 150 * 4096 + 7, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&content, changed).unwrap();
            let error = compare(&hash, &content, &root).unwrap_err().to_string();
            assert!(
                error.starts_with("comparing ") && error.contains("with its hash tree: "),
                "{at}: {error}"
            );
        }
        fs::write(&content, &bytes).unwrap();
        assert!(compare(&hash, &content, &UsrHash::parse(&"00".repeat(32)).unwrap()).is_err());
        fs::write(&hash, [0; 512]).unwrap();
        let error = compare(&hash, &content, &root).unwrap_err().to_string();
        assert!(error.contains("superblock"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
