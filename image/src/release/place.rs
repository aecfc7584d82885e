//! Where a release may be: everything in it is published, and what is above it is opened to the web server.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::PUBRING;
use crate::host::below::Below;
use crate::host::real::real;
use crate::host::{file, screen};
use crate::secret;

const NEXT: &str = "name another folder with --output";

/// Refuses a folder for a release that is something else.
///
/// # Errors
/// When it is not a folder, is in the result of a build or in a folder of secrets, or has secrets in it.
pub(super) fn refuse_other(output: &Path) -> Result<()> {
    let (adding, to) = (format!("adding to {}", output.display()), real(output));
    let existing = to.ancestors().find(|path| path.exists());
    if let Some((path, kind)) = existing.and_then(|path| Some((path, file::other_than_folder(path)?))) {
        let which = if path == to { "it".to_owned() } else { path.display().to_string() };
        bail!("{adding}: {which} is {kind}, not a folder: {NEXT}");
    }
    if let Some(result) = to.ancestors().find(|path| is_result(path)) {
        let which = if result == to { "it".to_owned() } else { result.display().to_string() };
        bail!("{adding}: {which} is the result of a build, and a release is a folder of its own: {NEXT}");
    }
    if let Some((path, kind)) = secret::above(&to) {
        bail!("{adding}: {} is {kind}: {NEXT}", path.display());
    }
    let mut below = Below::of(output, |_| true);
    if let Some(secret) = secret::below(&mut below) {
        bail!(
            "{adding}: it has secret keys, {}, and everything in a release is published: {NEXT}",
            secret.display()
        );
    }
    if !below.is_whole() {
        screen::warn(format_args!(
            "warning: {} has more files or deeper folders than were searched for secret keys, and everything in a release is \
             published: look there yourself, or {NEXT}",
            output.display()
        ));
    }
    Ok(())
}

/// A result has sums, too, which nobody signed.
pub(crate) fn is_result(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().ends_with(PUBRING))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_release_is_in_no_folder_of_something_else() {
        let place = temporary::folder().unwrap();
        let own = place.path().canonicalize().unwrap();
        for folder in ["x-keys", "x-gpg/private-keys-v1.d", "image/y-keys", "x_1", "escrow", "web/css"] {
            fs::create_dir_all(own.join(folder)).unwrap();
        }
        for file in ["x-keys/secure-boot.key", "image/y-keys/pcr-private.pem", "x_1/x_1.pubring.pgp", "web/a"]
        {
            fs::write(own.join(file), "").unwrap();
        }
        for file in ["escrow/recovery.key", "home/.ssh/id", "deep/a/b/c/d/tls.pem"] {
            fs::create_dir_all(own.join(file).parent().unwrap()).unwrap();
            fs::write(own.join(file), "AGE-SECRET-KEY-1QQ\n").unwrap();
        }
        fs::create_dir(own.join("linked")).unwrap();
        symlink("../home/.ssh/id", own.join("linked/id")).unwrap();
        fs::create_dir(own.join("around")).unwrap();
        symlink("../home", own.join("around/more")).unwrap();
        let said = |name: &str| {
            let output = own.join(name);
            let refused = refuse_other(&output).map_err(|error| error.to_string());
            refused.err().map(|error| error.replace(&format!("{}/", own.display()), ""))
        };
        let published = "and everything in a release is published";
        for (name, why) in [
            ("x-keys", "x-keys is a folder of secret keys"),
            ("x-keys/new/release", "x-keys is a folder of secret keys"),
            ("x-gpg", "x-gpg is a GnuPG home"),
            ("x-gpg/release", "x-gpg is a GnuPG home"),
            ("image", &*format!("it has secret keys, image/y-keys, {published}")),
            ("escrow", &format!("it has secret keys, escrow/recovery.key, {published}")),
            ("home", &format!("it has secret keys, home/.ssh/id, {published}")),
            ("deep", &format!("it has secret keys, deep/a/b/c/d/tls.pem, {published}")),
            ("linked", &format!("it has secret keys, linked/id, {published}")),
            ("around", &format!("it has secret keys, around/more/.ssh/id, {published}")),
            ("x_1", "it is the result of a build, and a release is a folder of its own"),
            ("x_1/release", "x_1 is the result of a build, and a release is a folder of its own"),
            ("web/a", "it is a file, not a folder"),
            ("web/a/release", "web/a is a file, not a folder"),
        ] {
            let wanted = format!("adding to {name}: {why}: name another folder with --output");
            assert_eq!(said(name), Some(wanted));
        }
        for name in ["new", "web", "image/pattern-release"] {
            assert_eq!(said(name), None, "{name}");
        }
        let null = refuse_other(Path::new("/dev/null")).unwrap_err().to_string();
        assert_eq!(
            null,
            "adding to /dev/null: it is a device, not a folder: name another folder with --output"
        );
    }
}
