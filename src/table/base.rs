//! The partitions of the base image, as definitions for systemd-repart (repart.d(5)).

use crate::config::Config;
use crate::config::size::Size;

/// Set explicitly: otherwise they follow the sector size, and the hash tree gets seven times
/// larger.
const VERITY_BLOCKS: &str = "VerityDataBlockSizeBytes=4096\nVerityHashBlockSizeBytes=4096\n";

/// Returns the definition files, as name and text, in the order of the disk: EFI system partition,
/// hash tree of slot A, `/usr` of slot A. `/usr` is the last, so that the first boot can enlarge
/// it. The hash tree has its final size from the start.
#[must_use]
pub fn definitions(config: &Config) -> [(&'static str, String); 3] {
    let (sizes, version) = (config.partitions.sizes, &config.image.version);
    [
        ("10-esp.conf", esp(sizes.esp)),
        ("20-verity.conf", verity(version, sizes.verity)),
        ("30-usr.conf", usr(version, sizes.usr)),
    ]
}

fn esp(size: Size) -> String {
    let mut text = head("esp", size);
    text.push_str(&format!("SizeMinBytes={size}\n"));
    text.push_str("Format=vfat\nCopyFiles=/boot:/\nCopyFiles=/efi:/\nSplitName=-\n");
    text
}

fn verity(version: &str, size: Size) -> String {
    let mut text = head("usr-verity", size);
    text.push_str(&format!("SizeMinBytes={size}\nLabel=verity-{version}\n"));
    text.push_str("Verity=hash\nVerityMatchKey=usr\n");
    text.push_str(VERITY_BLOCKS);
    text.push_str("SplitName=verity.%U\n");
    text
}

fn usr(version: &str, size: Size) -> String {
    let mut text = head("usr", size);
    text.push_str(&format!("Label=usr-{version}\n"));
    text.push_str("Verity=data\nVerityMatchKey=usr\n");
    text.push_str(VERITY_BLOCKS);
    // lz4 unpacks fastest, and the higher levels only cost build time.
    text.push_str("Format=erofs\nCompression=lz4hc\nCompressionLevel=9\n");
    text.push_str("CopyFiles=/usr:/\nMinimize=best\nSplitName=usr.%U\n");
    text
}

/// Returns what all definitions have. If `/usr` does not fit into its partition, the build fails,
/// not the first boot.
fn head(kind: &str, size: Size) -> String {
    format!("# Written by pattern build from pattern.toml\n[Partition]\nType={kind}\nSizeMaxBytes={size}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;

    fn text(name: &str) -> String {
        let config = config(false, "");
        let found = definitions(&config).into_iter().find(|(file, _)| *file == name);
        found.unwrap().1
    }

    #[test]
    fn esp_and_hash_tree_have_their_final_size() {
        for name in ["10-esp.conf", "20-verity.conf"] {
            let text = text(name);
            assert!(
                text.contains("\nSizeMinBytes=200M\n") && text.contains("\nSizeMaxBytes=200M\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn usr_is_as_small_as_can_be_and_never_outgrows_its_slot() {
        let text = text("30-usr.conf");
        assert!(text.contains("\nSizeMaxBytes=2G\n") && text.contains("\nMinimize=best\n"), "{text}");
        assert!(!text.contains("SizeMinBytes"), "{text}");
    }

    #[test]
    fn labels_hold_the_version() {
        assert!(text("20-verity.conf").contains("\nLabel=verity-1\n"));
        assert!(text("30-usr.conf").contains("\nLabel=usr-1\n"));
    }

    #[test]
    fn usr_is_the_last_on_the_disk() {
        let config = config(false, "");
        let names = definitions(&config).map(|(name, _)| name);
        assert!(names.is_sorted());
        assert_eq!(names.last(), Some(&"30-usr.conf"));
    }
}
