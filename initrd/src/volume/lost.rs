//! Describes in words what a factory reset erases.

use std::fmt;
use std::path::PathBuf;

use pattern::table::{Amount, Found, Partition};
use pattern_machine::disk::Disk;
use pattern_machine::tpm_device;

use crate::context::Context;
use crate::volume::place;

/// The volume, in terms that its owner knows.
pub(crate) struct Lost {
    device: PathBuf,
    size: Amount,
    uuid: Option<String>,
    /// The TPM's record of the volume is found by the UUID. Without it the record stays, and no volume is made beside it.
    record_stays: bool,
    directories: Vec<&'static str>,
}

impl Lost {
    pub(crate) fn look(ctx: &Context, disk: &Disk, found: &Found, part: &Partition) -> Self {
        let device = disk.partition_path(part.number);
        let uuid = place::uuid(&device);
        Self {
            size: Amount(found.table.bytes(part.extent)),
            record_stays: uuid.is_none() && tpm_device::exists(),
            uuid,
            directories: ctx.config.partitions.persist.asked().collect(),
            device,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the volume on {} ({}", self.device.display(), self.size)?;
        if let Some(uuid) = &self.uuid {
            write!(f, ", {uuid}")?;
        }
        f.write_str(") with ")?;
        let names: Vec<String> = self.directories.iter().map(|name| format!("/{name}")).collect();
        match names.split_last() {
            None => f.write_str("all that it holds")?,
            Some((last, [])) => write!(f, "all of {last}")?,
            Some((last, others)) => write!(f, "all of {} and {last}", others.join(", "))?,
        }
        if self.record_stays {
            f.write_str(
                "; its header can't be read, so the TPM may have to be cleared in the firmware's setup, too, before a new \
                 volume is made",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_named() {
        let lost = |uuid: Option<&str>, directories: &[&'static str]| {
            let (uuid, directories) = (uuid.map(str::to_owned), directories.to_vec());
            let record_stays = uuid.is_none();
            let (device, size) = ("/dev/vda6".into(), Amount(4 << 30));
            Lost { device, size, uuid, record_stays, directories }.to_string()
        };
        assert_eq!(
            lost(Some("f00f"), &["etc", "home", "var"]),
            "the volume on /dev/vda6 (4 GiB, f00f) with all of /etc, /home and /var"
        );
        let stays = "; its header can't be read, so the TPM may have to be cleared in the firmware's setup, too, before a new \
                     volume is made";
        let cases = [(&["var"][..], "all of /var"), (&[], "all that it holds")];
        for (directories, all) in cases {
            let expected = format!("the volume on /dev/vda6 (4 GiB) with {all}{stays}");
            assert_eq!(lost(None, directories), expected);
        }
    }
}
