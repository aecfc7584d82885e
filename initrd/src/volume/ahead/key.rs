//! The key that signs announced changes: a file inside the volume that only root can read.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::token::ahead::Approver;
use pattern_machine::replace;
use zeroize::Zeroizing;

/// Folder at the volume's root.
const FOLDER: &str = "tpm";
const FILE: &str = "announcing-key";

/// Reads the key.
///
/// # Errors
/// When the file does not exist, or is not such a key.
pub(crate) fn read(root: &Path) -> Result<Approver> {
    let path = root.join(FOLDER).join(FILE);
    let about = || format!("reading the key for announced changes, {}", path.display());
    let bytes = Zeroizing::new(fs::read(&path).with_context(about)?);
    Approver::parse(&bytes).context("it is not such a key").with_context(about)
}

/// Writes the key below a folder that is root's alone.
///
/// # Errors
/// When the volume can't be written to.
pub(super) fn write(root: &Path, approver: &Approver) -> Result<()> {
    let folder = root.join(FOLDER);
    let about = || format!("writing the key for announced changes below {}", folder.display());
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error).with_context(about),
        _ => {}
    }
    replace::file(&folder, FILE, &approver.to_bytes(), 0o600).with_context(about)?;
    // The folder may be new.
    File::open(root).and_then(|root| root.sync_all()).with_context(about)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use pattern::token::Sealed;

    use super::*;

    #[test]
    fn the_key_is_kept_for_root_alone() {
        let root = std::env::temp_dir().join(format!("pattern-announcing-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let none = format!("{:#}", read(&root).err().unwrap());
        assert!(none.starts_with("reading the key for announced changes, "), "{none}");
        let key = Sealed { private: vec![1; 9], public: vec![2; 7] };
        let approver = Approver { auth: [3; 32].into(), key };
        for _ in 0..2 {
            write(&root, &approver).unwrap();
            assert!(read(&root).unwrap() == approver);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = root.join(FOLDER);
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        fs::write(folder.join(FILE), "x").unwrap();
        assert!(format!("{:#}", read(&root).err().unwrap()).ends_with("it is not such a key"));
        fs::remove_dir_all(root).unwrap();
    }
}
