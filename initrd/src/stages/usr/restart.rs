//! Decides what dm-verity does on corruption, and when all of `/usr` is read before it is used.
//!
//! Each boot leaves a mark with its root hash on the disk, and an orderly end removes it. If the mark
//! is still there, the last boot from this `/usr` was cut short, by a power cut or by a
//! changed block. An attacker who changes a block must not be able to choose which files are
//! missing from a boot with an open volume. So all of `/usr` is read first.

use std::fmt;

use anyhow::{Context as _, Result};
use pattern::boot::usr::UsrHash;
use pattern_machine::disk::Mark;

/// What a block with a wrong hash leads to in this boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Response {
    Restart,
    Panic,
    IoError,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Panic => "panic",
            Self::IoError => "I/O error",
        })
    }
}

/// The decision, and its reason.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    pub(super) response: Response,
    /// A remark for the log that begins with a space, or nothing.
    pub(super) remark: String,
    /// What can't be read of `/usr`.
    pub(super) damage: Option<String>,
}

impl Verdict {
    /// Returns the decision for a `/usr` without doubt.
    pub(super) fn plain(response: Response) -> Self {
        Self { response, remark: String::new(), damage: None }
    }
}

/// Decides by the mark and, if there is a doubt, by the result of reading all of `/usr`.
pub(super) fn judge(
    mark: Result<Option<Mark>>,
    usr: &UsrHash,
    read_all: impl FnOnce() -> Result<u64>,
) -> Verdict {
    let Some(doubt) = doubt(mark, usr) else { return Verdict::plain(Response::Restart) };
    log::warn!("{doubt}: reading all of /usr before anything is started from it");
    match read_all() {
        // If a block that was intact a moment ago changes, the machine restarts again. So no file
        // is ever missing.
        Ok(bytes) => Verdict {
            response: Response::Restart,
            remark: format!(" ({doubt}; all of its {} MiB are whole)", bytes >> 20),
            damage: None,
        },
        Err(error) => Verdict {
            response: Response::IoError,
            remark: format!(" ({doubt}, and it is damaged)"),
            damage: Some(format!("{error:#}")),
        },
    }
}

/// Returns why `/usr` may be damaged, or why the next boot would not learn of damage. Returns
/// nothing after an orderly end.
fn doubt(mark: Result<Option<Mark>>, usr: &UsrHash) -> Option<String> {
    let mark = mark.and_then(|mark| mark.context("the partition table has no room for the mark of a boot"));
    let marked = mark.and_then(|mark| match mark.is_set(usr)? {
        true => Ok(true),
        false => mark.set(usr).map(|()| false),
    });
    match marked {
        Ok(true) => Some("the last boot from this /usr did not end in an orderly way".to_owned()),
        Ok(false) => None,
        Err(error) => Some(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use anyhow::bail;

    use super::*;

    /// Makes a file in the place of a disk, with a block for the mark.
    fn disk(name: &str) -> (PathBuf, impl Fn() -> Result<Option<Mark>>) {
        let path = std::env::temp_dir().join(format!("pattern-{name}-{}", std::process::id()));
        fs::write(&path, [0; 8192]).unwrap();
        let mark = path.clone();
        (path, move || Ok(Some(Mark::new(mark.clone(), 4096))))
    }

    fn usr(digits: &str) -> UsrHash {
        UsrHash::parse(&digits.repeat(32)).unwrap()
    }

    fn not_read() -> Result<u64> {
        panic!("it was read without need")
    }

    #[test]
    fn after_an_orderly_end_and_with_another_image_nothing_is_read() {
        let (disk, mark) = disk("orderly");
        assert_eq!(judge(mark(), &usr("ab"), not_read), Verdict::plain(Response::Restart));
        assert_eq!(judge(mark(), &usr("cd"), not_read), Verdict::plain(Response::Restart));
        mark().unwrap().unwrap().remove().unwrap();
        assert_eq!(judge(mark(), &usr("cd"), not_read), Verdict::plain(Response::Restart));
        assert!(mark().unwrap().unwrap().is_set(&usr("cd")).unwrap());
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn after_a_boot_that_was_cut_short_all_is_read_and_a_whole_usr_may_restart_again() {
        let (disk, mark) = disk("whole");
        mark().unwrap().unwrap().set(&usr("ab")).unwrap();
        let verdict = judge(mark(), &usr("ab"), || Ok(169 << 20));
        assert_eq!((verdict.response, verdict.damage), (Response::Restart, None));
        assert_eq!(
            verdict.remark,
            " (the last boot from this /usr did not end in an orderly way; all of its 169 MiB are whole)"
        );
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn damage_is_told_and_does_not_restart_for_ever() {
        let (disk, mark) = disk("damaged");
        mark().unwrap().unwrap().set(&usr("ab")).unwrap();
        let verdict = judge(mark(), &usr("ab"), || bail!("at byte 4096"));
        assert_eq!(verdict.response, Response::IoError);
        assert_eq!(verdict.damage.as_deref(), Some("at byte 4096"));
        assert!(verdict.remark.ends_with("in an orderly way, and it is damaged)"), "{}", verdict.remark);
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn without_a_mark_all_is_read_at_each_boot() {
        let remark = |mark| judge(mark, &usr("ab"), || Ok(1 << 20)).remark;
        let said = remark(Ok(None));
        assert!(said.starts_with(" (the partition table has no room for the mark of a boot; all"), "{said}");
        let gone = || Ok(Some(Mark::new("/nonexistent/disk".into(), 4096)));
        let said = remark(gone());
        assert!(said.starts_with(" (reading the mark of a boot on /nonexistent/disk: No such"), "{said}");
        assert!(judge(gone(), &usr("ab"), || bail!("at byte 0")).damage.is_some());
    }
}
