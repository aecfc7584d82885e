//! The disk: a file with a partition table.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::{Rig, SLOT, ok};

/// Partition types of `/usr` and its hash tree for x86-64 (Discoverable Partitions Specification).
const KINDS: [(&str, &str); 2] =
    [("verity", "77FF5F63-E7B6-4633-ACF4-1565B864C0E6"), ("usr", "8484680C-9521-48C6-9C11-B0720656F69E")];
/// What an update leaves.
#[derive(PartialEq, Eq)]
pub struct Left {
    /// Labels and UUIDs of the other slot.
    pub table: Vec<(String, String)>,
    pub verity: Vec<u8>,
    pub usr: Vec<u8>,
    pub kernel: Vec<u8>,
}

impl Rig {
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// The order on a machine: hash tree and `/usr` of the first slot, then those of the second.
    pub(super) fn partition(&self, slots: [&str; 2]) {
        let size = 2 * self.sizes.iter().sum::<u64>() + 4 * SLOT;
        fs::File::create(self.disk()).unwrap().set_len(size).unwrap();
        let mut script = "label: gpt\n".to_owned();
        for slot in slots {
            for ((part, kind), size) in KINDS.iter().zip(self.sizes) {
                let label = if slot.is_empty() { "_empty".to_owned() } else { format!("{part}-{slot}") };
                let size = size >> 20;
                script.push_str(&format!("size={size}MiB, type={kind}, name=\"{label}\"\n"));
            }
        }
        let input = self.folder.join("script");
        fs::write(&input, script).unwrap();
        let done =
            self.tree(&["sfdisk", "--quiet"]).arg(self.disk()).stdin(fs::File::open(input).unwrap()).output();
        ok(&done.unwrap());
    }

    /// The labels of the partitions, in order.
    pub fn labels(&self) -> Vec<String> {
        self.partitions().iter().map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn partitions(&self) -> Vec<serde_json::Value> {
        let output = self.tree(&["sfdisk", "--json"]).arg(self.disk()).output().unwrap();
        ok(&output);
        let table: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        table["partitiontable"]["partitions"].as_array().unwrap().clone()
    }

    /// What an update leaves in the other slot, of which each partition has so many bytes, and in a kernel image.
    pub fn left(&self, kernel: &str, bytes: [u64; 2]) -> Left {
        let partitions = self.partitions();
        let other = &partitions[2..];
        let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let table = other.iter().map(|one| (text(one, "name"), text(one, "uuid"))).collect();
        let [verity, usr] = [0, 1].map(|index| self.start_of(&other[index], bytes[index]));
        Left { table, verity, usr, kernel: fs::read(self.entry(kernel)).unwrap_or_default() }
    }

    fn start_of(&self, partition: &serde_json::Value, bytes: u64) -> Vec<u8> {
        let mut content = vec![0; bytes as usize];
        let disk = fs::File::open(self.disk()).unwrap();
        disk.read_exact_at(&mut content, partition["start"].as_u64().unwrap() * 512).unwrap();
        content
    }
}
