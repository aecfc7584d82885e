//! Waits for the disk that holds `/usr`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use pattern::boot::usr::UsrHash;
use pattern_machine::disk::{UsrPartitions, disks, refused};
use pattern_machine::drivers::Drivers;

/// As long as systemd waits for a device (systemd-system.conf(5), `DefaultDeviceTimeoutSec=`).
const PATIENCE: Duration = Duration::from_secs(90);

/// Loads the drivers of devices as they appear, until a disk has both partitions.
///
/// # Errors
/// When none appears for 90 seconds, or two disks have them.
pub(super) fn find(usr: &UsrHash, drivers: &mut Drivers) -> Result<UsrPartitions> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        drivers.load();
        if let Some(found) = UsrPartitions::find(usr)? {
            return Ok(found);
        }
        if !drivers.wait(deadline)? {
            bail!("{}", missing(usr, &disks(), &refused(usr)));
        }
    }
}

fn missing(usr: &UsrHash, disks: &[String], refused: &[String]) -> String {
    let to_do = match refused {
        [] => "connect the disk, or start another version".to_owned(),
        [disk, ..] => format!(
            "the partition table of {disk} lists them, but the kernel does not accept it: the disk is smaller than it was, or the \
             protective MBR in its first sector is damaged; restore the disk's old size, or repair the table from a rescue system"
        ),
    };
    let seen = if disks.is_empty() {
        "the kernel has not found a disk".to_owned()
    } else {
        format!("the kernel has found {}", disks.join(", "))
    };
    format!(
        "the partitions {} (/usr) and {} (its hash tree) did not appear on a disk in {} s; {seen}; {to_do}",
        usr.data(),
        usr.tree(),
        PATIENCE.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_disks_that_are_there() {
        let usr = UsrHash::parse(&"ab".repeat(32)).unwrap();
        let uuid = "abababab-abab-abab-abab-abababababab";
        let start = format!(
            "the partitions {uuid} (/usr) and {uuid} (its hash tree) did not appear on a disk in 90 s; "
        );
        let rest = "; connect the disk, or start another version";
        assert_eq!(missing(&usr, &[], &[]), format!("{start}the kernel has not found a disk{rest}"));
        let disks = ["nvme0n1".to_owned(), "sda".to_owned()];
        assert_eq!(missing(&usr, &disks, &[]), format!("{start}the kernel has found nvme0n1, sda{rest}"));
        let refused = missing(&usr, &disks, &disks[1..]);
        let wanted = "sda; the partition table of sda lists them, but the kernel does not accept it: the disk is smaller";
        assert!(refused.contains(wanted), "{refused}");
    }
}
