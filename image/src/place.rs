//! Places where no secret key may go: others get what is there, or it is somebody's secrets already.

use std::path::{Component, Path, PathBuf};

use crate::check;
use crate::host::real::real;
use crate::release::{MANIFEST, SIGNATURE, is_result};
use crate::secret::above;

/// mkosi writes here, and reads nothing from here.
const MKOSI_WRITES: [&str; 4] = ["mkosi.builddir", "mkosi.cache", "mkosi.output", "mkosi.workspace"];
/// An image's folder has one of these.
const OF_IMAGE: [&str; 2] = ["mkosi.conf", "pattern.toml"];

/// Returns the folder that a path is or would be in where no secret key may go, and what that folder is.
pub(crate) fn unfit(path: &Path) -> Option<(PathBuf, &'static str)> {
    above(path).or_else(|| published(path)).or_else(|| part_of_image(path))
}

/// Returns the release or the result of a build that a path is or would be in, and which of these that folder is.
pub(crate) fn published(path: &Path) -> Option<(PathBuf, &'static str)> {
    let kind = |folder: &Path| {
        let is_release = [MANIFEST, SIGNATURE].iter().all(|name| folder.join(name).exists());
        is_release.then_some("a release").or_else(|| is_result(folder).then_some("the result of a build"))
    };
    real(path).ancestors().find_map(|folder| Some((folder.to_owned(), kind(folder)?)))
}

/// Returns what of the image in a folder a path without links is or is in.
pub(crate) fn read_by_mkosi(folder: &Path, to: &Path) -> Option<PathBuf> {
    let own = real(folder);
    if let Some(Component::Normal(first)) =
        to.strip_prefix(&own).ok().and_then(|rest| rest.components().next())
    {
        let name = first.to_string_lossy();
        if name.starts_with("mkosi.") && !MKOSI_WRITES.contains(&&*name) {
            return Some(folder.join(first));
        }
    }
    check::trees(folder).into_iter().find(|tree| to.starts_with(real(tree)))
}

fn part_of_image(path: &Path) -> Option<(PathBuf, &'static str)> {
    let to = real(path);
    let is_image = |folder: &&Path| OF_IMAGE.iter().any(|name| folder.join(name).is_file());
    let read = to.ancestors().filter(is_image).find_map(|folder| read_by_mkosi(folder, &to))?;
    Some((read, "what mkosi reads for an image"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn what_mkosi_reads_is_known_by_its_name_and_by_settings() {
        let place = temporary::folder().unwrap();
        let folder = place.path().join("x");
        fs::create_dir_all(folder.join("mkosi.extra")).unwrap();
        fs::create_dir_all(place.path().join("trees/one")).unwrap();
        fs::write(folder.join("mkosi.conf"), "[Content]\nExtraTrees=../trees/one:/usr\n").unwrap();
        symlink("mkosi.extra", folder.join("link")).unwrap();
        let said = |name: &str| {
            let read = read_by_mkosi(&folder, &real(&folder.join(name)));
            read.map(|read| read.strip_prefix(&folder).unwrap().display().to_string())
        };
        for (name, wanted) in [
            ("mkosi.extra", "mkosi.extra"),
            ("link/usr/share", "mkosi.extra"),
            ("mkosi.conf.d/results", "mkosi.conf.d"),
            ("mkosi.skeleton", "mkosi.skeleton"),
            ("../trees/one/results", "../trees/one"),
        ] {
            assert_eq!(said(name).as_deref(), Some(wanted), "{name}");
        }
        for name in ["build/images", "mkosi.output", "../trees", "results/mkosi.extra"] {
            assert_eq!(said(name), None, "{name}");
        }
    }

    #[test]
    fn no_secret_key_goes_where_others_get_it() {
        let place = temporary::folder().unwrap();
        let own = place.path().canonicalize().unwrap();
        for file in [
            "release/SHA256SUMS",
            "release/SHA256SUMS.gpg",
            "x_1/x_1.pubring.pgp",
            "downloads/SHA256SUMS",
            "x/pattern.toml",
            "x/pattern-release/SHA256SUMS",
            "x/pattern-release/SHA256SUMS.gpg",
            "x/files/usr/file",
            "x/x-keys/pcr-private.pem",
            "x-gpg/private-keys-v1.d/key",
        ] {
            fs::create_dir_all(own.join(file).parent().unwrap()).unwrap();
            fs::write(own.join(file), "").unwrap();
        }
        fs::write(own.join("x/mkosi.conf"), "[Content]\nExtraTrees=files:/\n").unwrap();
        symlink("release", own.join("link")).unwrap();
        let mkosi = "what mkosi reads for an image";
        for (path, folder, kind) in [
            ("release", "release", "a release"),
            ("link/new/er", "release", "a release"),
            ("x/pattern-release/keys", "x/pattern-release", "a release"),
            ("x_1/a", "x_1", "the result of a build"),
            ("x/mkosi.extra/usr", "x/mkosi.extra", mkosi),
            ("x/mkosi.images/y", "x/mkosi.images", mkosi),
            ("x/files/usr/share", "x/files", mkosi),
            ("x/x-keys", "x/x-keys", "a folder of secret keys"),
            ("x-gpg/private-keys-v1.d", "x-gpg", "a GnuPG home"),
        ] {
            assert_eq!(unfit(&own.join(path)), Some((own.join(folder), kind)), "{path}");
        }
        for path in ["", "new", "downloads/new", "x", "x/keys", "x/mkosi.output/keys"] {
            assert_eq!(unfit(&own.join(path)), None, "{path}");
        }
    }
}
