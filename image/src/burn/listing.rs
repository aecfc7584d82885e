//! Lists the disks of this host: those that can be burned to, and why the others can't.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;

use pattern::table::Amount;
use rustix::fs::OFlags;
use serde_json::{Value, json};

use super::blocks::Block;
use super::refusal::refusal;

/// A disk of this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row<'a> {
    block: &'a Block,
    /// Why it can't be burned to.
    refusal: Option<String>,
}

/// Returns the disks. `is_busy` says whether the kernel refuses a path to whoever wants it alone.
pub(super) fn rows(blocks: &[Block], is_busy: impl Fn(&str) -> bool) -> Vec<Row<'_>> {
    fn row<'a>(block: &'a Block, is_busy: &impl Fn(&str) -> bool) -> Row<'a> {
        let busy = || is_busy(&block.path).then(|| format!("{} is in use", block.path));
        Row { block, refusal: refusal(block, block).or_else(busy) }
    }
    let disks = blocks.iter().filter(|block| block.kind == "disk");
    disks.map(|block| row(block, &is_busy)).collect()
}

/// Returns whether the kernel says that a device is in use. Without the rights to open it, it says nothing.
pub(super) fn is_busy(path: &str) -> bool {
    let alone = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(alone).open(path);
    opened.is_err_and(|error| error.kind() == ErrorKind::ResourceBusy)
}

/// Returns a disk in a line: model, serial number, size, connection.
pub(super) fn describe(block: &Block) -> String {
    let serial = block.serial.as_ref().map(|serial| format!("serial {serial}"));
    let mut words: Vec<String> = block.model.iter().cloned().chain(serial).collect();
    words.push(Amount(block.size).to_string());
    words.extend(block.tran.clone());
    if block.rm {
        words.push("removable".to_owned());
    }
    words.join(", ")
}

/// Returns what udev knows of the content of a disk.
fn contents(block: &Block) -> Vec<String> {
    let named = block.all().into_iter().filter_map(|one| {
        let kind = one.fstype.as_ref().or(one.parttypename.as_ref())?;
        let label = one.label.as_ref().or(one.partlabel.as_ref());
        let label = label.map(|label| format!(" {label:?}")).unwrap_or_default();
        Some(format!("{}, {}: {kind}{label}", one.name, Amount(one.size)))
    });
    named.collect()
}

/// Returns the disks for a person.
pub(super) fn text(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    let (free, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.refusal.is_none());
    let head = if free.is_empty() { "No disk can be burned to.\n" } else { "Disks that can be burned to:\n" };
    text.push_str(head);
    for row in free {
        // A String takes everything.
        writeln!(text, "  {}  {}", row.block.path, describe(row.block)).ok();
        contents(row.block).iter().for_each(|thing| text.push_str(&format!("      {thing}\n")));
    }
    if !others.is_empty() {
        text.push_str("Other disks:\n");
    }
    for row in others {
        writeln!(text, "  {}  {}", row.block.path, describe(row.block)).ok();
        writeln!(text, "      {}", row.refusal.as_deref().unwrap_or_default()).ok();
    }
    text
}

/// Returns the disks for a program.
pub(super) fn json(rows: &[Row<'_>]) -> Value {
    let disk = |row: &Row<'_>| {
        let block = row.block;
        json!({
            "path": block.path, "model": block.model, "serial": block.serial, "size": block.size, "sector": block.sector,
            "transport": block.tran, "removable": block.rm, "contents": contents(block), "refused": row.refusal,
        })
    };
    rows.iter().map(disk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burn::blocks::samples::blocks;

    fn only(names: &[&str]) -> Vec<Block> {
        blocks().into_iter().filter(|block| names.contains(&block.name.as_str())).collect()
    }

    #[test]
    fn a_person_sees_what_lies_on_each_disk_and_why_others_are_refused() {
        let blocks = only(&["nvme0n1", "sdb", "sdc", "sr0", "loop0"]);
        let expected = "\
Disks that can be burned to:
  /dev/sdb  Ultra Fit, serial 4C530001, 31 GiB, usb, removable
      sdb1, 200 MiB: vfat \"ESP\"
      sdb2, 30 GiB: crypto_LUKS \"persist\"
Other disks:
  /dev/nvme0n1  SAMSUNG MZVLB512, serial S4EVNX0M, 477 GiB, nvme
      /dev/nvme0n1p1 is mounted at /boot/efi; to end that, run: umount /dev/nvme0n1p1
  /dev/sdc  Card Reader, serial 0001, 16 GiB, usb, removable
      /dev/sdc is in use
";
        assert_eq!(text(&rows(&blocks, |path| path == "/dev/sdc")), expected);
        assert_eq!(text(&[]), "No disk can be burned to.\n");
    }

    #[test]
    fn a_program_gets_the_same() {
        let blocks = only(&["sdb", "sde"]);
        let expected = json!([
            {
                "path": "/dev/sdb", "model": "Ultra Fit", "serial": "4C530001", "size": 33285996544_u64, "sector": 512,
                "transport": "usb", "removable": true, "refused": null,
                "contents": ["sdb1, 200 MiB: vfat \"ESP\"", "sdb2, 30 GiB: crypto_LUKS \"persist\""],
            },
            {
                "path": "/dev/sde", "model": "Locked", "serial": null, "size": 8589934592_u64, "sector": 512,
                "transport": "usb", "removable": true, "contents": [],
                "refused": "/dev/sde is read-only: look for a switch on the medium",
            },
        ]);
        assert_eq!(json(&rows(&blocks, |_| false)), expected);
    }
}
