//! Finds the files that `make install` puts beside this program: mkosi configuration, units, static
//! program.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folders of the installed files.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    share: PathBuf,
    lib: PathBuf,
}

impl Data {
    /// Looks at `given`, at `$PATTERN_DATA`, or beside this program. The first of these that is set
    /// is used.
    ///
    /// # Errors
    /// When something is missing there. The error names it.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self> {
        let named = given.map(Path::to_owned).or_else(|| env::var_os("PATTERN_DATA").map(PathBuf::from));
        let share = match named {
            Some(share) => share,
            None => beside(&env::current_exe().context("finding this program")?),
        };
        let found = share.canonicalize();
        let share = found.with_context(|| {
            let share = share.display();
            format!("reading the installed files at {share} (`make install` puts them there, --data names another folder)")
        })?;
        let data = Self { lib: share.join("../../lib/pattern"), share };
        data.check()?;
        Ok(data)
    }

    fn check(&self) -> Result<()> {
        let paths = [
            self.mkosi(),
            self.units(),
            self.tools(),
            self.components(),
            self.components_of_fetcher(),
            self.program(),
            self.fetcher(),
        ];
        match paths.iter().find(|path| !path.exists()) {
            Some(path) => bail!("{} is missing: `make install` puts it there", path.display()),
            None => Ok(()),
        }
    }

    /// Returns the mkosi configuration.
    pub(crate) fn mkosi(&self) -> PathBuf {
        self.share.join("mkosi")
    }

    /// Returns the constant units.
    pub(crate) fn units(&self) -> PathBuf {
        self.share.join("units")
    }

    /// Returns the script that makes the tools tree.
    pub(crate) fn tools(&self) -> PathBuf {
        self.share.join("tools")
    }

    /// Returns the list of what the static program was linked from.
    pub(crate) fn components(&self) -> PathBuf {
        self.share.join("components")
    }

    /// Returns the same list for the program that fetches updates.
    pub(crate) fn components_of_fetcher(&self) -> PathBuf {
        self.share.join("components-of-fetch")
    }

    /// Returns the static program of the initrd and of the image.
    pub(crate) fn program(&self) -> PathBuf {
        self.lib.join("pattern-initrd")
    }

    /// Returns the program of the running system that fetches updates.
    pub(crate) fn fetcher(&self) -> PathBuf {
        self.lib.join("pattern-fetch")
    }
}

fn beside(program: &Path) -> PathBuf {
    program.parent().unwrap_or(Path::new("/")).join("../share/pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Data::find(Some(Path::new("/nonexistent"))).unwrap_err();
        assert!(
            format!("{error:#}")
                .starts_with("reading the installed files at /nonexistent (`make install` puts them there")
        );
        let place = crate::host::temporary::folder().unwrap();
        let error = Data::find(Some(place.path())).unwrap_err().to_string();
        assert!(error.ends_with("/mkosi is missing: `make install` puts it there"), "{error}");
    }

    #[test]
    fn data_lies_beside_the_program() {
        assert_eq!(beside(Path::new("/usr/bin/pattern")), Path::new("/usr/bin/../share/pattern"));
    }
}
