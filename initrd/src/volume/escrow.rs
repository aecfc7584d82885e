//! The escrow of the recovery key on the EFI system partition: a copy of what the header has.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::volume::Header;
use pattern::volume::recovery::RecoverySlot;
use pattern_machine::esp;
use pattern_machine::replace::{self, UNFINISHED};

/// Folder below the root of the EFI system partition.
const FOLDER: &str = "EFI/pattern";

/// Makes the EFI system partition match the header. If the header has a key in escrow, the file has
/// the same content. If not, there is no file. A file of an earlier volume is removed, too. Returns
/// what was done, in words.
///
/// # Errors
/// When the EFI system partition can't be read or written.
pub(crate) fn copy(header: &Header, slots: &[RecoverySlot]) -> Result<String> {
    let wanted = slots.iter().find_map(|slot| slot.escrow.as_ref());
    let folder = match esp::partition() {
        Ok(partition) => partition.join(FOLDER),
        // A machine that booted without UEFI firmware has no such partition, and needs no copy.
        Err(_) if wanted.is_none() => return Ok("no key in escrow".to_owned()),
        Err(error) => return Err(error).context("copying the escrow of the recovery key"),
    };
    let wanted = wanted.map(|escrow| (format!("{}.age", header.uuid()), escrow.file.as_bytes()));
    let done = bring(&folder, wanted.as_ref().map(|(name, file)| (name.as_str(), *file)));
    done.with_context(|| format!("bringing {} to what the header has", folder.display()))
}

/// Makes the folder match. The header is authoritative: a cut here leaves work for the next boot.
fn bring(folder: &Path, wanted: Option<(&str, &[u8])>) -> Result<String> {
    let mut done = Vec::new();
    for name in names(folder)? {
        if wanted.is_none_or(|(wanted, _)| wanted != name) {
            match fs::remove_file(folder.join(&name)) {
                Ok(()) => done.push(format!("removed {FOLDER}/{name}")),
                // The file does no harm, and the next boot tries again.
                Err(error) => log::warn!("removing {FOLDER}/{name}: {error}"),
            }
        }
    }
    if let Some((name, file)) = wanted
        && fs::read(folder.join(name)).ok().as_deref() != Some(file)
    {
        write(folder, name, file)?;
        done.push(format!("wrote {FOLDER}/{name}"));
    }
    if done.is_empty() {
        let kept = if wanted.is_some() { "the escrow is as it must be" } else { "no key in escrow" };
        return Ok(kept.to_owned());
    }
    File::open(folder)?.sync_all()?;
    Ok(done.join(", "))
}

/// Returns the names of files with recovery keys, complete or not.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name().into_string())).collect();
    let ours =
        |name: &String| (name.ends_with(".age") || name.ends_with(UNFINISHED)) && folder.join(name).is_file();
    Ok(names?.into_iter().flatten().filter(ours).collect())
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    fs::create_dir_all(folder)?;
    Ok(replace::file(folder, name, content, 0o600)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_becomes_what_the_header_has() {
        let parent = std::env::temp_dir().join(format!("pattern-escrow-{}", std::process::id()));
        let folder = parent.join(FOLDER);
        let bring = |wanted| bring(&folder, wanted).unwrap();
        assert_eq!(bring(None), "no key in escrow");
        assert_eq!(bring(Some(("a.age", b"one"))), "wrote EFI/pattern/a.age");
        assert_eq!(bring(Some(("a.age", b"one"))), "the escrow is as it must be");
        assert_eq!(bring(Some(("a.age", b"two"))), "wrote EFI/pattern/a.age");
        assert_eq!(fs::read(folder.join("a.age")).unwrap(), b"two");
        fs::write(folder.join("a.age"), "").unwrap();
        fs::write(folder.join("kept"), "").unwrap();
        // Foreign entries do not stop it.
        fs::create_dir(folder.join("folder.age")).unwrap();
        assert_eq!(bring(Some(("a.age", b"two"))), "wrote EFI/pattern/a.age");
        assert_eq!(bring(Some(("b.age", b"two"))), "removed EFI/pattern/a.age, wrote EFI/pattern/b.age");
        fs::write(folder.join("b.age.new"), "").unwrap();
        assert_eq!(bring(Some(("b.age", b"two"))), "removed EFI/pattern/b.age.new");
        assert_eq!(bring(None), "removed EFI/pattern/b.age");
        assert_eq!(names(&folder).unwrap(), <[String; 0]>::default());
        assert!(folder.join("kept").is_file());
        fs::remove_dir_all(parent).unwrap();
    }
}
