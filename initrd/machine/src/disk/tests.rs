mod commit;

use std::os::unix::fs::symlink;

use gptman::{GPT, GPTPartitionEntry};
use pattern::table::Guid;

use super::*;

const HASH: &str = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

impl Disk {
    /// Uses a plain file in place of a disk.
    pub fn plain(path: &Path) -> Self {
        Self {
            file: File::open(path).unwrap(),
            path: path.to_owned(),
            sysfs: PathBuf::new(),
            sector_size: 512,
        }
    }
}

/// A UUID that the root hash does not name.
fn other(byte: u8) -> Guid {
    Guid::from_uuid([byte; 16])
}

/// The first three fields are little-endian on a disk.
fn on_disk(uuid: Guid) -> [u8; 16] {
    let mut bytes = uuid.to_uuid();
    [0..4, 4..6, 6..8].into_iter().for_each(|field| bytes[field].reverse());
    bytes
}

/// A tree with `/dev` and `/sys`, as on a machine with two disks of three partitions each.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("pattern-disk-{name}-{}", std::process::id()));
        let tree = Self(root);
        for directory in ["dev/mapper", "sys/class/block"] {
            fs::create_dir_all(tree.0.join(directory)).unwrap();
        }
        for disk in ["vda", "vdb"] {
            tree.disk(disk);
            for number in 1..=3 {
                tree.partition(disk, &format!("{disk}{number}"), number);
            }
        }
        tree
    }

    fn disk(&self, disk: &str) {
        let directory = self.0.join("sys/devices").join(disk);
        fs::create_dir_all(directory.join("device")).unwrap();
        fs::create_dir_all(directory.join("queue")).unwrap();
        fs::write(directory.join("queue/logical_block_size"), "512\n").unwrap();
        symlink(&directory, self.0.join("sys/class/block").join(disk)).unwrap();
        fs::write(self.0.join("dev").join(disk), "").unwrap();
    }

    /// Gives a disk a table with these partitions.
    fn table(&self, disk: &str, uuids: &[Guid]) {
        let mut file = File::options().read(true).write(true).open(self.0.join("dev").join(disk)).unwrap();
        file.set_len(1 << 20).unwrap();
        let mut gpt = GPT::new_from(&mut file, 512, [7; 16]).unwrap();
        for (number, uuid) in (1..).zip(uuids) {
            let first = 64 * u64::from(number);
            gpt[number] = GPTPartitionEntry {
                partition_type_guid: [1; 16],
                unique_partition_guid: on_disk(*uuid),
                starting_lba: first,
                ending_lba: first + 63,
                attribute_bits: 0,
                partition_name: "any".into(),
            };
        }
        gpt.write_into(&mut file).unwrap();
    }

    fn partition(&self, disk: &str, name: &str, number: u32) {
        let directory = self.0.join("sys/devices").join(disk).join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("partition"), format!("{number}\n")).unwrap();
        symlink(&directory, self.0.join("sys/class/block").join(name)).unwrap();
        fs::write(self.0.join("dev").join(name), "").unwrap();
    }

    fn mapper(&self, slaves: &[&str]) {
        let device = self.0.join("sys/class/block/dm-0");
        fs::create_dir_all(device.join("dm")).unwrap();
        fs::write(device.join("dm/name"), "usr\n").unwrap();
        for slave in slaves {
            fs::create_dir_all(self.0.join("sys/class/block/dm-0/slaves").join(slave)).unwrap();
        }
    }

    fn locate(&self) -> Result<String> {
        let usr = UsrHash::parse(HASH).unwrap();
        let found = locate(&self.0, &usr)?;
        Ok(found.file_name().unwrap().to_string_lossy().into_owned())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn the_disk_is_the_one_that_usr_runs_from_whatever_the_tables_say() {
    let (tree, usr) = (Tree::new("mapper"), UsrHash::parse(HASH).unwrap());
    tree.table("vdb", &[other(9), usr.tree(), usr.data()]);
    assert_eq!(tree.locate().unwrap(), "vdb");
    tree.mapper(&["vda2", "vda3"]);
    assert_eq!(tree.locate().unwrap(), "vda");
}

#[test]
fn both_partitions_of_usr_are_found_on_one_disk() {
    let (tree, usr) = (Tree::new("search"), UsrHash::parse(HASH).unwrap());
    let find = || search::find(&tree.0, &usr);
    assert_eq!(find().unwrap(), None);
    // One of the two, and one that the kernel does not know.
    tree.table("vda", &[usr.data(), other(9)]);
    assert_eq!(find().unwrap(), None);
    tree.table("vda", &[other(9), other(8), usr.data(), usr.tree()]);
    assert_eq!(find().unwrap(), None);
    tree.table("vda", &[other(9), usr.tree(), usr.data()]);
    let found = find().unwrap().unwrap();
    let dev = |name: &str| tree.0.join("dev").join(name);
    assert_eq!((found.data, found.tree), (dev("vda3"), dev("vda2")));
    // The primary copy is torn, as the kernel reads on from the backup.
    let file = File::options().write(true).open(dev("vda")).unwrap();
    file.write_all_at(&[0; 512], 512).unwrap();
    assert_eq!(find().unwrap().unwrap().data, dev("vda3"));
}

#[test]
fn a_copy_of_the_disk_is_not_chosen_at_random() {
    let (tree, usr) = (Tree::new("copies"), UsrHash::parse(HASH).unwrap());
    for disk in ["vda", "vdb"] {
        tree.table(disk, &[other(9), usr.tree(), usr.data()]);
    }
    assert_eq!(
        search::find(&tree.0, &usr).unwrap_err().to_string(),
        "the disks vda and vdb both hold the /usr to start; remove the one that is not meant"
    );
}

#[test]
fn no_disk_or_two_are_refused() {
    let none = Tree::new("none");
    let words = format!("{:#}", none.locate().unwrap_err());
    assert!(words.contains("its two partitions are not on a disk"), "{words}");
    let two = Tree::new("two");
    two.mapper(&["vda2", "vdb3"]);
    let words = two.locate().unwrap_err().to_string();
    assert_eq!(words, "/usr and its hash tree are on 2 disks; remove the disk with the other copy");
    let whole = Tree::new("whole");
    fs::create_dir_all(whole.0.join("sys/class/block/loop0")).unwrap();
    whole.mapper(&["loop0"]);
    assert_eq!(whole.locate().unwrap_err().to_string(), "loop0 is not a partition of a disk");
}

#[test]
fn partitions_are_named_as_the_kernel_does() {
    for (disk, partition) in
        [("vda", "/dev/vda2"), ("nvme0n1", "/dev/nvme0n1p2"), ("mmcblk0", "/dev/mmcblk0p2")]
    {
        let mut named = Disk::plain(Path::new("/dev/null"));
        named.path = Path::new("/dev").join(disk);
        assert_eq!(named.partition_path(2), Path::new(partition));
    }
}

#[test]
fn a_configured_disk_must_be_the_one() {
    let disk = Disk::plain(Path::new("/dev/null"));
    assert!(disk.check(&DiskChoice::Auto).is_ok());
    assert!(disk.check(&DiskChoice::Path("/dev/null".to_owned())).is_ok());
    assert_eq!(
        disk.check(&DiskChoice::Path("/dev/zero".to_owned())).unwrap_err().to_string(),
        "partitions.disk is /dev/zero (/dev/zero), but /usr runs from /dev/null; correct pattern.toml or remove the \
         other disk"
    );
    let absent = disk.check(&DiskChoice::Path("/dev/absent".to_owned())).unwrap_err();
    assert_eq!(absent.to_string(), "partitions.disk: looking at /dev/absent");
}

#[test]
fn the_kernel_is_told_only_what_it_does_not_know() {
    let part = |number, start, length| Known { number, start, length };
    let (a, b) = (part(1, 0, 10), part(2, 10, 10));
    let longer = part(2, 10, 90);
    let third = part(3, 20, 10);
    let (scratch, other) = (part(3, 15, 50), part(7, 90, 20));
    for (known, wanted, expected) in [
        (vec![a, b], vec![a, b], vec![]),
        (vec![a], vec![a, b], vec![(Blkpg::Add, b)]),
        (vec![a, b], vec![a, longer], vec![(Blkpg::Resize, longer)]),
        (vec![a, b, scratch], vec![a, b, third], vec![(Blkpg::Delete, scratch), (Blkpg::Add, third)]),
        (vec![a, b, other], vec![a, longer], vec![(Blkpg::Delete, other), (Blkpg::Resize, longer)]),
        (vec![a, b, other], vec![a, b, third], vec![(Blkpg::Add, third)]),
    ] {
        assert_eq!(differences(&known, &wanted, &wanted), expected);
    }
    // A partition that the table lists is never deleted for one that it does not list.
    assert_eq!(differences(&[a, b], &[scratch], &[a, b]), [(Blkpg::Add, scratch)]);
}
