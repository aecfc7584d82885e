//! Decides whether the EFI system partition has room for another kernel image.

use std::fmt;

use crate::config::size::Size;

/// What is on the partition, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// Free.
    pub free: u64,
    /// The kernel image of the running version.
    pub running: u64,
    /// Those of other versions. An update removes them first.
    pub others: u64,
}

/// Another kernel image does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    free: u64,
    needed: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| Size::from_bytes(bytes.next_multiple_of(1 << 20));
        let Self { free, needed } = self;
        write!(
            f,
            "the EFI system partition is full: without the other version it has {} free, and a kernel image like the running \
             one needs {}; remove what does not belong there",
            Size::from_bytes(free & !0xf_ffff),
            mebibytes(*needed)
        )
    }
}

impl std::error::Error for Full {}

/// Checks that a kernel image as large as the running one fits. How large the new one is, no list of
/// a release says.
///
/// # Errors
/// When it does not fit.
pub fn check(room: Room) -> Result<(), Full> {
    let free = room.free.saturating_add(room.others);
    if free < room.running { Err(Full { free, needed: room.running }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_image_fits_beside_the_running_one_or_the_partition_is_named() {
        let mib = |free: u64, others: u64| Room { free: free << 20, running: 23 << 20, others: others << 20 };
        assert_eq!(check(mib(23, 0)), Ok(()));
        assert_eq!(check(mib(1, 22)), Ok(()));
        let said = check(mib(1, 21)).unwrap_err().to_string();
        let wanted = "the EFI system partition is full: without the other version it has 22M free, and a kernel image like \
                      the running one needs 23M; ";
        assert!(said.starts_with(wanted), "{said}");
        // Unknown: started from elsewhere.
        assert_eq!(check(Room::default()), Ok(()));
    }
}
