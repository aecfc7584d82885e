//! Decides what to do about a damaged file system: check it, repair what is safe, and ask a person
//! before a repair that can lose files. It is never made anew.

use super::filesystem;
use super::recognise::signature;
use crate::config::Filesystem;

/// The word that a person types.
pub const WORD: &str = "repair";

/// ext4: its superblock, the state in it, and the flag of errors that the kernel met (kernel
/// documentation, filesystems/ext4/super.rst).
const EXT4_STATE: usize = 1024 + 0x3a;
const EXT4_ERRORS: u8 = 2;
/// What the kernel says of a damaged file system: `EBADMSG`, `EUCLEAN`.
const DAMAGED: [i32; 2] = [74, 117];
/// What ext4 and btrfs say, too: `EINVAL`. xfs says it, and `ENOSYS`, of what is newer than the kernel or too large for it, and
/// that is not damage; and of a superblock of no version that it ever had.
const INVALID: i32 = 22;
const NOT_IMPLEMENTED: i32 = 38;
/// xfs: the version of its superblock, whose last four bits are the number (XFS Algorithms & Data Structures, "Superblocks").
const XFS_VERSION: usize = 101;
const XFS_VERSIONS: [u8; 2] = [4, 5];

/// `EIO`, of a broken disk. xfs says it too, when it meets damage while it is mounted, and shuts down.
const INPUT_OUTPUT: i32 = 5;

/// A program and what comes before the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tool {
    /// Its name.
    pub program: &'static str,
    /// Its options.
    pub options: &'static [&'static str],
    /// The exit statuses that say that the file system is whole.
    pub whole: &'static [i32],
    /// The exit status that asks for these options instead.
    pub instead: Option<(i32, &'static [&'static str])>,
}

/// Returns the program that repairs what loses no file, and asks nobody. xfs and btrfs do that in
/// the kernel, when they are mounted.
#[must_use]
pub fn safe(kind: Filesystem) -> Option<Tool> {
    // e2fsck(8), EXIT CODE: 1 is "errors corrected".
    let ext4 = Tool { program: "e2fsck", options: &["-p"], whole: &[0, 1], instead: None };
    (kind == Filesystem::Ext4).then_some(ext4)
}

/// Returns the program that repairs all that it can, whatever is lost. btrfs has none that its own
/// manual recommends (btrfs-check(8)).
#[must_use]
pub fn full(kind: Filesystem) -> Option<Tool> {
    // xfs_repair(8), EXIT STATUS: 2 is a log with changes. Mounting replays them, and was tried; what is left is to drop them.
    let without_log = Some((2, &["-L"][..]));
    match kind {
        Filesystem::Xfs => {
            Some(Tool { program: "xfs_repair", options: &[], whole: &[0], instead: without_log })
        }
        Filesystem::Ext4 => {
            Some(Tool { program: "e2fsck", options: &["-f", "-y"], whole: &[0, 1], instead: None })
        }
        Filesystem::Btrfs => None,
    }
}

/// Returns whether a file system says that the kernel met errors in it. `head` has the device's
/// first [`super::HEAD_BYTES`]. Such a file system can still be mounted, and gets worse.
#[must_use]
pub fn has_errors(head: &[u8]) -> bool {
    let state = head.get(EXT4_STATE).copied().unwrap_or_default();
    filesystem(head) == Some(Filesystem::Ext4) && state & EXT4_ERRORS != 0
}

/// Returns whether the kernel refused a mount because of damage, by the number of the error, and the device's first bytes.
#[must_use]
pub fn is_damage(kind: Filesystem, head: &[u8], error: Option<i32>) -> bool {
    let newer = || head.get(XFS_VERSION).is_some_and(|version| XFS_VERSIONS.contains(&(version & 0xf)));
    error.is_some_and(|error| match (kind, error) {
        (_, error) if DAMAGED.contains(&error) => true,
        (Filesystem::Xfs, INVALID | NOT_IMPLEMENTED) => !newer(),
        (_, error) => error == INVALID,
    })
}

/// Returns the file system that an open volume had whose first bytes show none of ours: the one that `pattern.toml` names.
///
/// # Errors
/// When the first bytes are known as something else, which somebody may have put there.
pub fn lost(head: &[u8], named: Filesystem) -> Result<Filesystem, String> {
    match signature(head) {
        Some(other) => Err(format!("it holds {other}; nothing was changed; look at it from a rescue system")),
        None => Ok(named),
    }
}

/// Returns the program that looks for damage and changes nothing, if the error of a mount does not say whether the file system is
/// damaged.
#[must_use]
pub fn look(kind: Filesystem, error: Option<i32>) -> Option<Tool> {
    let tool = |program, options| Some(Tool { program, options, whole: &[0], instead: None });
    match kind {
        _ if error != Some(INPUT_OUTPUT) => None,
        Filesystem::Xfs => tool("xfs_repair", &["-n"]),
        Filesystem::Ext4 => tool("e2fsck", &["-f", "-n"]),
        Filesystem::Btrfs => None,
    }
}

/// Returns what a person is asked, or why nobody is.
///
/// # Errors
/// During a trial the version before may be able to mount it, and some have no program for it.
pub fn question(kind: Filesystem, is_lost: bool, on_trial: bool) -> Result<(Tool, String), String> {
    let damaged = match (is_lost, kind.name()) {
        (true, name) => format!("its file system can't be recognised; by pattern.toml it is {name}"),
        (false, name) => format!("its {name} file system is damaged"),
    };
    if on_trial {
        return Err(format!("{damaged}; this version is on trial, so nobody is asked to repair it"));
    }
    let Some(tool) = full(kind) else {
        return Err(format!("{damaged}; nothing was changed; repair it from a rescue system"));
    };
    let question = format!(
        "The volume is open, and {damaged}. {} may repair it, and files may be lost. Type {WORD} to try, anything else to \
         leave all as it is:",
        tool.program
    );
    Ok((tool, question))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::HEAD_BYTES;

    #[test]
    fn a_file_system_with_errors_says_so() {
        let head = |state: u8| {
            let mut head = vec![0; HEAD_BYTES];
            head[1080..1082].copy_from_slice(b"\x53\xef");
            head[EXT4_STATE] = state;
            head
        };
        assert!(has_errors(&head(3)) && has_errors(&head(2)));
        assert!(!has_errors(&head(1)) && !has_errors(&head(0)) && !has_errors(b"XFSB") && !has_errors(&[]));
    }

    /// A missing driver or a broken disk is not repaired.
    #[test]
    fn only_damage_is_repaired() {
        let damage = |kind, error| is_damage(kind, &xfs(5), error);
        for kind in [Filesystem::Xfs, Filesystem::Ext4, Filesystem::Btrfs] {
            assert!(damage(kind, Some(117)) && damage(kind, Some(74)), "{kind:?}");
            assert!(
                [None, Some(5), Some(19), Some(1)].into_iter().all(|error| !damage(kind, error)),
                "{kind:?}"
            );
            assert_eq!(damage(kind, Some(22)), kind != Filesystem::Xfs, "{kind:?}");
        }
        // Zeros behind the signature.
        for (version, error, damaged) in [(0, 22, true), (0, 38, true), (0, 5, false), (5, 38, false)] {
            assert_eq!(is_damage(Filesystem::Xfs, &xfs(version), Some(error)), damaged, "{version} {error}");
        }
        assert!(!is_damage(Filesystem::Ext4, &[], Some(38)));
    }

    /// The start of an xfs file system, whose superblock has this version.
    fn xfs(version: u8) -> Vec<u8> {
        let mut head = b"XFSB".to_vec();
        head.resize(HEAD_BYTES, 0);
        head[100..102].copy_from_slice(&[0xb4, 0xa0 | version]);
        head
    }

    #[test]
    fn a_volume_whose_superblock_is_gone_has_the_file_system_that_was_asked_for() {
        for noise in [0, 0xa5] {
            assert_eq!(lost(&vec![noise; HEAD_BYTES], Filesystem::Ext4), Ok(Filesystem::Ext4));
        }
        let mut head = vec![0; HEAD_BYTES];
        head[4086..4096].copy_from_slice(b"SWAPSPACE2");
        assert!(
            lost(&head, Filesystem::Xfs).unwrap_err().starts_with("it holds swap space; nothing was changed")
        );
        let (tool, words) = question(Filesystem::Xfs, true, false).unwrap();
        assert_eq!(tool.program, "xfs_repair");
        assert!(
            words.contains("its file system can't be recognised; by pattern.toml it is xfs. xfs_repair may"),
            "{words}"
        );
        assert!(question(Filesystem::Xfs, true, true).unwrap_err().contains("this version is on trial"));
    }

    #[test]
    fn an_error_that_a_broken_disk_gives_too_is_looked_into() {
        assert_eq!(look(Filesystem::Xfs, Some(5)).unwrap().options, ["-n"]);
        assert_eq!(look(Filesystem::Ext4, Some(5)).unwrap().options, ["-f", "-n"]);
        for (kind, error) in
            [(Filesystem::Btrfs, Some(5)), (Filesystem::Xfs, Some(117)), (Filesystem::Ext4, None)]
        {
            assert_eq!(look(kind, error), None, "{kind:?}");
        }
    }

    #[test]
    fn a_person_decides_about_what_can_lose_files() {
        let (tool, words) = question(Filesystem::Xfs, false, false).unwrap();
        assert_eq!((tool.program, tool.options), ("xfs_repair", &[][..]));
        assert_eq!(tool.instead, Some((2, &["-L"][..])));
        assert!(
            words.starts_with("The volume is open, and its xfs file system is damaged. xfs_repair may"),
            "{words}"
        );
        assert!(question(Filesystem::Ext4, false, false).unwrap().1.contains("Type repair to try"));
        let btrfs = question(Filesystem::Btrfs, false, false).unwrap_err();
        assert!(btrfs.ends_with("nothing was changed; repair it from a rescue system"), "{btrfs}");
        assert!(question(Filesystem::Ext4, false, true).unwrap_err().contains("this version is on trial"));
        assert_eq!((safe(Filesystem::Xfs), safe(Filesystem::Btrfs)), (None, None));
    }
}
