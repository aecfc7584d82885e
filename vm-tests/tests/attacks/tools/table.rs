//! Entries of the partition table, added, changed and removed as somebody does who has the disk.

use std::fs::{self, File};
use std::path::Path;

use pattern_vm_tests::Computer;

use crate::tools::planted::run;

/// What a partition is to somebody who reads the table (UAPI.2 "Discoverable Partitions Specification").
pub(crate) const SWAP: &str = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F";
pub(crate) const HOME: &str = "933AC7E1-2EB4-4F13-B844-0E14E2AEF915";
pub(crate) const SRV: &str = "3B8F8425-20E0-4F3B-907F-1A25A76F98E8";
pub(crate) const VAR_TMP: &str = "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1";
pub(crate) const XBOOTLDR: &str = "BC13C2FF-59E6-4262-A352-B275FD6F7172";
pub(crate) const ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

/// Makes the disk longer, and adds a partition of a type there, with this label and content.
pub(crate) fn add(computer: &Computer, kind: &str, label: &str, content: &Path) {
    let disk = computer.disk();
    let length = fs::metadata(content).expect("reading the size of a partition's content").len();
    let file = File::options().write(true).open(disk.path()).expect("opening the disk");
    // Room for what goes around it: alignment, and the table's second copy.
    let size = fs::metadata(disk.path()).expect("reading the disk's size").len() + length + (4 << 20);
    file.set_len(size).expect("making the disk longer");
    let line = format!("size={}KiB, type={kind}, name=\"{label}\"\n", length >> 10);
    let path = computer.folder().join("script.sfdisk");
    fs::write(&path, line).expect("writing a script");
    let mut sfdisk = computer.command("sfdisk");
    sfdisk.args(["--quiet", "--no-reread", "--no-tell-kernel", "--append", "disk.raw"]);
    run(sfdisk.stdin(File::open(path).expect("opening the script")));
    disk.insert(disk.partition(label), content);
}

/// Removes an entry.
pub(crate) fn delete(computer: &Computer, number: &str) {
    run(computer.command("sfdisk").args(["--quiet", "--delete", "disk.raw", number]));
}

/// Changes one entry, such as `--part-label`, `5`, `label`.
pub(crate) fn set(computer: &Computer, what: &str, number: &str, value: &str) {
    run(computer.command("sfdisk").args(["--quiet", what, "disk.raw", number, value]));
}
