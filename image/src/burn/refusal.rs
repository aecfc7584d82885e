//! Decides which disks must not be written to, whatever anybody types.

use super::blocks::Block;

/// Returns why a device is not burned to, and what to do about it. `disk` is the one that it is on.
pub(super) fn refusal(block: &Block, disk: &Block) -> Option<String> {
    let path = &block.path;
    if block.is_partition() {
        return Some(format!("{path} is a partition; name the whole disk: {}", disk.path));
    }
    if !["disk", "loop"].contains(&block.kind.as_str()) {
        return Some(format!("{path} is not a disk: lsblk calls it {}", block.kind));
    }
    if block.size == 0 || block.sector == 0 {
        return Some(format!("{path} has no medium"));
    }
    if let Some(refusal) = block.all().into_iter().find_map(mounted) {
        return Some(refusal);
    }
    if let Some(used) = block.all().into_iter().skip(1).find(|one| !one.is_partition()) {
        let (user, kind) = (&used.path, &used.kind);
        return Some(format!("{path} is in use: {user} ({kind}) is on it; stop that first"));
    }
    block.ro.then(|| format!("{path} is read-only: look for a switch on the medium"))
}

/// Says what a device is that lsblk does not list: it lists none without a medium that is a loop device.
pub(super) fn unlisted(path: &str, numbers: &str) -> String {
    if numbers.starts_with("7:") {
        return format!("{path} is a loop device without a file; to give it one, run: losetup {path} FILE");
    }
    format!("{path} is not a disk that lsblk lists (its numbers are {numbers})")
}

fn mounted(block: &Block) -> Option<String> {
    let path = &block.path;
    match block.mounts().next()? {
        "/" => Some(format!("{path} is mounted at /: this system runs from it")),
        "[SWAP]" => Some(format!("{path} is swap space in use; to end that, run: swapoff {path}")),
        place => Some(format!("{path} is mounted at {place}; to end that, run: umount {path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burn::blocks::{find, samples::blocks};

    fn said(numbers: &str) -> Option<String> {
        let blocks = blocks();
        let (block, disk) = find(&blocks, numbers).unwrap();
        refusal(block, disk)
    }

    #[test]
    fn what_is_in_use_is_never_burned_to() {
        for (numbers, wanted) in [
            ("259:0", "/dev/nvme0n1p1 is mounted at /boot/efi; to end that, run: umount /dev/nvme0n1p1"),
            ("8:0", "/dev/sda is in use: /dev/md0 (raid1) is on it; stop that first"),
            ("8:80", "/dev/sdf1 is swap space in use; to end that, run: swapoff /dev/sdf1"),
            ("254:0", "/dev/zram0 is swap space in use; to end that, run: swapoff /dev/zram0"),
            ("7:0", "/dev/loop0 is mounted at /snap/x; to end that, run: umount /dev/loop0"),
        ] {
            assert_eq!(said(numbers).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn the_disk_of_this_system_is_named_as_such() {
        let mut disk = crate::burn::blocks::samples::block("nvme0n1");
        disk.children.remove(0);
        let refusal = refusal(&disk, &disk).unwrap();
        assert_eq!(refusal, "/dev/mapper/root is mounted at /: this system runs from it");
    }

    #[test]
    fn what_is_not_a_whole_disk_that_can_be_written_is_refused() {
        for (numbers, wanted) in [
            ("8:18", "/dev/sdb2 is a partition; name the whole disk: /dev/sdb"),
            ("9:0", "/dev/md0 is not a disk: lsblk calls it raid1"),
            ("11:0", "/dev/sr0 is not a disk: lsblk calls it rom"),
            ("8:48", "/dev/sdd has no medium"),
            ("8:64", "/dev/sde is read-only: look for a switch on the medium"),
        ] {
            assert_eq!(said(numbers).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn a_device_that_is_not_listed_is_named() {
        let loops =
            "/dev/loop3 is a loop device without a file; to give it one, run: losetup /dev/loop3 FILE";
        assert_eq!(unlisted("/dev/loop3", "7:3"), loops);
        assert_eq!(
            unlisted("/dev/x", "70:3"),
            "/dev/x is not a disk that lsblk lists (its numbers are 70:3)"
        );
    }

    #[test]
    fn an_unused_disk_may_be_burned_to() {
        assert_eq!(said("8:16"), None);
        assert_eq!(said("8:32"), None);
    }
}
