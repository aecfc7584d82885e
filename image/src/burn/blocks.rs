//! The block devices of this host, as `lsblk` of util-linux lists them.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Deserializer};

use crate::host::tools;

const COLUMNS: &str = "NAME,PATH,MAJ:MIN,TYPE,SIZE,RO,RM,MODEL,SERIAL,TRAN,MOUNTPOINTS,FSTYPE,LABEL,PARTLABEL,PARTTYPENAME,\
                       START,LOG-SEC";

#[derive(Deserialize)]
struct Listing {
    blockdevices: Vec<Block>,
}

/// A disk, a partition, or a device that the kernel makes from others.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) path: String,
    /// Its numbers, such as `8:16`.
    #[serde(rename = "maj:min")]
    pub(super) numbers: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_zero")]
    pub(super) size: u64,
    pub(super) ro: bool,
    /// Whether its medium can be removed.
    pub(super) rm: bool,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) tran: Option<String>,
    mountpoints: Vec<Option<String>>,
    pub(super) fstype: Option<String>,
    pub(super) label: Option<String>,
    pub(super) partlabel: Option<String>,
    pub(super) parttypename: Option<String>,
    /// Where a partition begins, in units of 512 bytes.
    pub(super) start: Option<u64>,
    /// Bytes of a sector.
    #[serde(rename = "log-sec", deserialize_with = "or_zero")]
    pub(super) sector: u64,
    /// Its partitions, and what is made from it.
    #[serde(default)]
    pub(super) children: Vec<Block>,
}

/// Some devices do not tell a number.
fn or_zero<'de, D: Deserializer<'de>>(number: D) -> Result<u64, D::Error> {
    Option::deserialize(number).map(Option::unwrap_or_default)
}

/// Asks lsblk.
///
/// # Errors
/// When lsblk is missing or fails.
pub(super) fn list() -> Result<Vec<Block>> {
    let mut command = Command::new("lsblk");
    command.args(["--json", "--bytes", "--output", COLUMNS]);
    let doing = "listing disks with lsblk";
    parse(&tools::output(doing, &mut command)?).context(doing)
}

fn parse(json: &[u8]) -> Result<Vec<Block>> {
    let listing: Listing = serde_json::from_slice(json).context("its output is of another form")?;
    Ok(listing.blockdevices)
}

impl Block {
    /// Returns where it is mounted. Swap space is mounted at `[SWAP]`.
    pub(super) fn mounts(&self) -> impl Iterator<Item = &str> {
        self.mountpoints.iter().flatten().map(String::as_str)
    }

    pub(super) fn is_partition(&self) -> bool {
        self.kind == "part"
    }

    /// Returns this device and all that is on it.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.children.iter().flat_map(Self::all));
        all
    }
}

/// Finds a device by its numbers. Returns also the disk that it is on.
pub(super) fn find<'a>(blocks: &'a [Block], numbers: &str) -> Option<(&'a Block, &'a Block)> {
    let pairs = blocks.iter().flat_map(|disk| disk.all().into_iter().map(move |block| (disk, block)));
    let mut pairs = pairs.filter(|(_, block)| block.numbers == numbers);
    pairs.next().map(|(disk, block)| (block, disk))
}

#[cfg(test)]
pub(super) mod samples {
    use super::{Block, parse};

    /// A laptop's own disk, a stick with a former installation, a disk of a RAID, and a DVD.
    pub(in crate::burn) fn blocks() -> Vec<Block> {
        parse(include_bytes!("samples/lsblk.json")).unwrap()
    }

    pub(in crate::burn) fn block(name: &str) -> Block {
        let blocks = blocks();
        let all: Vec<_> = blocks.iter().flat_map(Block::all).collect();
        (*all.iter().find(|block| block.name == name).unwrap()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_with_their_disk() {
        let blocks = samples::blocks();
        let (block, disk) = find(&blocks, "8:18").unwrap();
        assert_eq!((block.name.as_str(), disk.name.as_str()), ("sdb2", "sdb"));
        assert_eq!(block.start, Some(411_648));
        assert_eq!(block.mounts().count(), 0);
        assert_eq!(find(&blocks, "8:99"), None);
    }

    #[test]
    fn a_number_that_is_not_told_is_zero() {
        let json = include_str!("samples/lsblk.json").replace("33285996544", "null");
        let blocks = parse(json.as_bytes()).unwrap();
        assert_eq!(find(&blocks, "8:16").unwrap().0.size, 0);
    }

    #[test]
    fn another_form_is_named() {
        let error = parse(b"{\"blockdevices\": [{}]}").unwrap_err();
        assert!(format!("{error:#}").starts_with("its output is of another form: missing field `name`"));
        assert!(parse(b"").is_err());
    }
}
