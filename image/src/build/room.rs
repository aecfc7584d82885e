//! Checks that the EFI system partition has room for an update.

use anyhow::{Result, bail};
use pattern::config::size::Size;

/// The boot loader in both of its places and once more while it is replaced, its settings and keys,
/// and what FAT needs for itself.
const REST: u64 = 4 << 20;

/// Checks the size of the partition against that of the kernel image, which lies twice on it: an
/// update writes the new one beside the one that runs.
///
/// # Errors
/// When two do not fit. The error names the size that is needed.
pub(crate) fn check(esp: Size, kernel_image: u64) -> Result<()> {
    let needed = Size::from_bytes(2 * kernel_image + REST).whole_mib();
    if esp < needed {
        let mib = Size::from_bytes(kernel_image).whole_mib();
        bail!(
            "the kernel image has {mib}, and partitions.sizes.esp = \"{esp}\" has no room for a second one, which every \
             update needs: write at least \"{needed}\""
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kernel_images_and_the_boot_loader_fit_or_the_size_is_named() {
        let mib = |mib: u64| Size::from_bytes(mib << 20);
        check(mib(50), 23 << 20).unwrap();
        let said = check(mib(49), 23 << 20).unwrap_err().to_string();
        assert_eq!(
            said,
            "the kernel image has 23M, and partitions.sizes.esp = \"49M\" has no room for a second one, which every \
             update needs: write at least \"50M\""
        );
        assert!(check(mib(50), (23 << 20) + 1).unwrap_err().to_string().ends_with("\"51M\""));
    }
}
