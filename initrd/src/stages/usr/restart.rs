//! Decides what dm-verity does on corruption, and when all of `/usr` is read before it is used.
//!
//! Each boot writes its root hash to a variable, and an orderly shutdown removes it. If the same
//! root hash is still there, the last boot from this `/usr` was cut short, by a power cut or by a
//! changed block. An attacker who changes a block must not be able to choose which files are
//! missing from a boot with an open volume. So all of `/usr` is read first.

use std::fmt;

use anyhow::Result;
use pattern::boot::usr::UsrHash;
use pattern_machine::efi_variable::Variable;

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

/// Decides by the variable and, if there is a doubt, by the result of reading all of `/usr`.
pub(super) fn judge(variable: &Variable, usr: &UsrHash, read_all: impl FnOnce() -> Result<u64>) -> Verdict {
    let Some(doubt) = doubt(variable, usr) else { return Verdict::plain(Response::Restart) };
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
fn doubt(variable: &Variable, usr: &UsrHash) -> Option<String> {
    match variable.read() {
        Ok(Some(before)) if before == usr.bytes() => {
            Some("the last boot from this /usr did not end in an orderly way".to_owned())
        }
        Ok(_) => variable.write(usr.bytes()).err().map(|error| format!("{error:#}")),
        Err(error) => Some(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use anyhow::bail;

    use super::*;

    /// Makes a folder in place of efivarfs, with another variable, as a real one always has.
    fn variables(name: &str) -> (PathBuf, Variable) {
        let folder = std::env::temp_dir().join(format!("pattern-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("BootOrder"), "").unwrap();
        let variable = Variable::below(folder.clone());
        (folder, variable)
    }

    fn usr(digits: &str) -> UsrHash {
        UsrHash::parse(&digits.repeat(32)).unwrap()
    }

    fn not_read() -> Result<u64> {
        panic!("it was read without need")
    }

    #[test]
    fn after_an_orderly_end_and_with_another_image_nothing_is_read() {
        let (folder, variable) = variables("orderly");
        assert_eq!(judge(&variable, &usr("ab"), not_read), Verdict::plain(Response::Restart));
        assert_eq!(judge(&variable, &usr("cd"), not_read), Verdict::plain(Response::Restart));
        variable.remove().unwrap();
        assert_eq!(judge(&variable, &usr("cd"), not_read), Verdict::plain(Response::Restart));
        assert_eq!(variable.read().unwrap().unwrap(), usr("cd").bytes());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn after_a_boot_that_was_cut_short_all_is_read_and_a_whole_usr_may_restart_again() {
        let (folder, variable) = variables("whole");
        variable.write(usr("ab").bytes()).unwrap();
        let verdict = judge(&variable, &usr("ab"), || Ok(169 << 20));
        assert_eq!((verdict.response, verdict.damage), (Response::Restart, None));
        assert_eq!(
            verdict.remark,
            " (the last boot from this /usr did not end in an orderly way; all of its 169 MiB are whole)"
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damage_is_told_and_does_not_restart_for_ever() {
        let (folder, variable) = variables("damaged");
        variable.write(usr("ab").bytes()).unwrap();
        let verdict = judge(&variable, &usr("ab"), || bail!("at byte 4096"));
        assert_eq!(verdict.response, Response::IoError);
        assert_eq!(verdict.damage.as_deref(), Some("at byte 4096"));
        assert!(verdict.remark.ends_with("in an orderly way, and it is damaged)"), "{}", verdict.remark);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_variables_all_is_read_at_each_boot() {
        let none = || Variable::below(PathBuf::from("/nonexistent"));
        let verdict = judge(&none(), &usr("ab"), || Ok(1 << 20));
        assert_eq!(verdict.response, Response::Restart);
        assert!(
            verdict.remark.starts_with(" (there are no EFI variables in /nonexistent; all of"),
            "{}",
            verdict.remark
        );
        assert!(judge(&none(), &usr("ab"), || bail!("at byte 0")).damage.is_some());
    }
}
