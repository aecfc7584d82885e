//! A disk in a file, with a hash tree that veritysetup made and a `/usr` that was written in part.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pattern::boot::usr::UsrHash;
use pattern::delta::unfinished::{Slot, Unfinished};
use pattern::table::Found;

use super::*;

/// Partition types of `/usr` and of its hash tree for x86-64, and what systemd-sysupdate 262 makes of them meanwhile.
const KINDS: [&str; 2] = ["77FF5F63-E7B6-4633-ACF4-1565B864C0E6", "8484680C-9521-48C6-9C11-B0720656F69E"];
const CLAIMED: [&str; 2] = ["F7362106-3756-44AD-8E7A-24EDB3468AD1", "DC0226F3-2B45-4572-844B-C7575B748B24"];
const MIB: u64 = 1 << 20;
const BLOCKS: usize = 2048;
/// Where the other slot begins: behind the table and the running slot.
const TREE: u64 = 10 * MIB;
const USR: u64 = 11 * MIB;

struct Made {
    folder: PathBuf,
    content: Vec<u8>,
    tree: Vec<u8>,
    root: UsrHash,
}

impl Made {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pattern-unfinished-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let content: Vec<u8> =
            (0..BLOCKS).flat_map(|block| (block as u64 + 1).to_le_bytes().repeat(512)).collect();
        let [data, tree, root] = ["data", "tree", "root"].map(|name| folder.join(name));
        fs::write(&data, &content).unwrap();
        let mut format = Command::new("veritysetup");
        format.args(["format", "--root-hash-file"]).args([&root, &data, &tree]);
        assert!(format.output().unwrap().status.success());
        let root = UsrHash::parse(fs::read_to_string(root).unwrap().trim()).unwrap();
        Self { content, tree: fs::read(tree).unwrap(), root, folder }
    }

    /// What is said of a disk whose other slot has these kinds, this label and the UUIDs of this root hash, and so many blocks.
    fn said(&self, kinds: [&str; 2], label: &str, uuids: &UsrHash, blocks: usize) -> Option<String> {
        let disk = self.folder.join("disk");
        let file = File::create(&disk).unwrap();
        file.set_len(24 * MIB).unwrap();
        let running = hash("03", "04");
        let name =
            |part: &str| if label.is_empty() { "_empty".to_owned() } else { format!("{part}-{label}") };
        let slots = [
            (KINDS, 1, "verity-1".to_owned(), "usr-1".to_owned(), &running),
            (kinds, 10, name("verity"), name("usr"), uuids),
        ];
        let mut script = "label: gpt\n".to_owned();
        for (kinds, start, tree, usr, of) in slots {
            let [tree_kind, usr_kind] = kinds;
            script += &format!(
                "start={start}MiB, size=1MiB, type={tree_kind}, uuid={}, name=\"{tree}\"\n",
                of.tree()
            );
            script += &format!(
                "start={}MiB, size=8MiB, type={usr_kind}, uuid={}, name=\"{usr}\"\n",
                start + 1,
                of.data()
            );
        }
        partition(&disk, &script);
        let file = File::options().read(true).write(true).open(&disk).unwrap();
        file.write_all_at(&self.tree, TREE).unwrap();
        file.write_all_at(&self.content[..blocks * BLOCK], USR).unwrap();
        let table = Found::read(&mut &file, 512).unwrap().table;
        let slot = Slot::find(&table, &running)?;
        let [tree, usr, before] = slot.words(&table);
        // As root, this process would become nobody.
        let before = hex::decode(&before).and_then(|hash| hash.try_into().ok());
        let (right, all) =
            inside(&file, tree.parse().unwrap(), usr.parse().unwrap(), before.as_ref()).unwrap()?;
        Unfinished::read(&format!("{right} {all}"), &slot).map(|found| found.to_string())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A root hash of two halves.
fn hash(one: &str, other: &str) -> UsrHash {
    UsrHash::parse(&(one.repeat(16) + &other.repeat(16))).unwrap()
}

fn partition(disk: &Path, script: &str) {
    let mut sfdisk = Command::new("sfdisk");
    let mut child = sfdisk.arg("--quiet").arg(disk).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_download_that_was_cut_in_the_middle_is_said_by_any_systemd() {
    let made = Made::new("cut");
    let older = hash("ab", "cd");
    let of = |right: &str, what: &str| {
        Some(format!("about {right} of 8.4 MB of {what} are in the other slot; pattern update goes on there"))
    };
    assert_eq!(made.said(KINDS, "", &older, BLOCKS / 2), of("4.2", "a version"));
    assert_eq!(made.said(KINDS, "", &older, 0), of("0.0", "a version"));
    assert_eq!(made.said(KINDS, "", &older, BLOCKS), of("8.4", "a version"));
    assert_eq!(made.said(CLAIMED, "0.0.2", &older, BLOCKS / 4), of("2.1", "version 0.0.2"));
}

#[test]
fn a_slot_with_a_whole_version_or_without_a_whole_tree_has_nothing_unfinished() {
    let mut made = Made::new("none");
    let older = hash("ab", "cd");
    // Installed; and given up.
    assert_eq!(made.said(KINDS, "0.0.2", &made.root, BLOCKS), None);
    assert_eq!(made.said(KINDS, "", &made.root, BLOCKS), None);
    // The older tree was overwritten in part.
    let cut = made.tree.len() - 5000;
    made.tree[cut..].fill(0xee);
    assert_eq!(made.said(KINDS, "", &older, 0), None);
    made.tree.fill(0);
    assert_eq!(made.said(KINDS, "", &older, 0), None);
    // A superblock that asks for more than the partition has.
    made.tree = Made::new("large").tree.clone();
    made.tree[72..80].copy_from_slice(&(1_u64 << 20).to_le_bytes());
    assert_eq!(made.said(KINDS, "", &older, 0), None);
}

#[test]
fn other_words_are_refused() {
    assert_eq!(say(&[]).unwrap_err().to_string(), "four words are needed");
    let words = ["/no/disk", "0", "1", "-"].map(str::to_owned);
    assert_eq!(say(&words).unwrap_err().to_string(), "opening /no/disk");
}
