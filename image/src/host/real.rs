//! Paths without links.

use std::path::{Path, PathBuf};

/// Returns the path without links, also of something that does not exist yet.
pub(crate) fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let Some((part, real)) = found else { return path };
    let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
    // Joining nothing would add a "/".
    if rest.as_os_str().is_empty() { real } else { real.join(rest) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn what_does_not_exist_is_where_it_would_be_made() {
        let place = temporary::folder().unwrap();
        let own = place.path().canonicalize().unwrap();
        symlink(place.path(), place.path().join("link")).unwrap();
        for (name, wanted) in [("link", own.clone()), ("link/a/b", own.join("a/b"))] {
            assert_eq!(real(&place.path().join(name)), wanted, "{name}");
        }
    }
}
