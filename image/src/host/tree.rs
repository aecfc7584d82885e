//! The tools tree: where it is, and that nobody makes it anew while somebody uses it.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::builder::{OsStringValueParser, TypedValueParser, ValueParser, ValueParserFactory};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::word::word;
use super::{durable, file};

/// The cache's folder as people write it; see [`Tools::folder`].
pub const CACHE: &str = "~/.cache/pattern/tools";

/// What the script that makes a tree writes first.
const LOG: &str = "tools.log";

/// The folder for the tools tree and what it is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tools {
    /// In the cache of the user: one for all images.
    Cache,
    /// Here.
    At(PathBuf),
}

/// The value of an option.
impl From<OsString> for Tools {
    fn from(value: OsString) -> Self {
        if value == CACHE { Self::Cache } else { Self::At(value.into()) }
    }
}

/// An empty one, as of a variable that is not set, would be the current folder.
impl ValueParserFactory for Tools {
    type Parser = ValueParser;

    fn value_parser() -> ValueParser {
        let parse = |value: OsString| match value.is_empty() {
            true => Err("it is empty: name a folder, or leave the option out"),
            false => Ok(Self::from(value)),
        };
        ValueParser::new(OsStringValueParser::new().try_map(parse))
    }
}

impl Tools {
    /// Returns the folder, which need not exist.
    ///
    /// # Errors
    /// When it is that of the cache, and the environment does not say where that is.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        match self {
            Self::At(folder) => Ok(folder.clone()),
            Self::Cache => cache(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"), is_another_users)
                .context("the environment has neither HOME nor XDG_CACHE_HOME"),
        }
    }

    /// Returns the option of a command line that names the folder, with a space before it, in whichever folder it is typed. The
    /// cache needs none.
    pub(crate) fn option(&self) -> String {
        let Self::At(folder) = self else { return String::new() };
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        format!(" --tools {}", word(&folder))
    }

    /// Returns the folder's absolute path, and makes it if it does not exist.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn made(&self) -> Result<PathBuf> {
        let folder = self.folder().context("no folder for the tools tree (name one with --tools DIR)")?;
        let made = fs::create_dir_all(&folder).and_then(|()| folder.canonicalize());
        let made = made.with_context(|| {
            format!("keeping the tools tree in {} (another folder: --tools DIR)", folder.display())
        })?;
        let log = made.join(LOG);
        if let Some(kind) =
            fs::metadata(&log).ok().map(|found| found.file_type()).filter(FileTypeExt::is_fifo)
        {
            bail!(
                "keeping the tools tree in {}: {LOG} in it is {}, not a file: remove it",
                folder.display(),
                file::what(kind)
            );
        }
        may_keep(&made).with_context(|| {
            format!(
                "keeping the tools tree in {}: you can't write there: name a folder of your own with --tools DIR, or build as the \
                 user whose tree it is",
                folder.display()
            )
        })?;
        Ok(made)
    }

    /// Returns the tree. Waits while it is made anew.
    ///
    /// # Errors
    /// When there is none, or a signal ends the waiting.
    pub(crate) fn tree(&self) -> Result<Tree> {
        let folder = self.folder().context("the tools tree has no folder")?;
        let used = Tree::hold(&folder)?;
        if !file::is_there(&folder.join("tree"))? {
            bail!("{} has no tools tree", folder.display());
        }
        let path = folder.join("tree").canonicalize();
        let path = path.with_context(|| format!("finding the tools tree in {}", folder.display()))?;
        Ok(Tree { path, _used: used.map(Arc::new) })
    }
}

/// Asks the kernel whether a folder and the log in it can be written.
fn may_keep(folder: &Path) -> io::Result<()> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    match access(folder.join(LOG), Access::WRITE_OK) {
        Err(Errno::NOENT) => Ok(()),
        result => Ok(result?),
    }
}

/// A tree that stays as it is while this value lives.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    _used: Option<Arc<File>>,
}

impl Tree {
    /// Keeps the tree in a folder as it is. A tree is complete when it has this file, which the script
    /// that makes trees locks before it replaces one.
    ///
    /// # Errors
    /// When a signal ends the waiting for that script.
    pub(crate) fn hold(folder: &Path) -> Result<Option<File>> {
        let file = folder.join("tree.conf");
        if file.exists() { durable::wait_to_share(&file).map(Some) } else { Ok(None) }
    }
}

/// Returns the folder in the cache. A relative path in the environment is not one (XDG Base Directory
/// Specification). What root makes does not go into the home of another user, which `sudo` may leave
/// in the environment.
fn cache(
    xdg: Option<OsString>,
    home: Option<OsString>,
    is_anothers: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let of_home = || {
        let home = absolute(home)?;
        Some(if is_anothers(&home) { PathBuf::from("/root") } else { home }.join(".cache"))
    };
    Some(absolute(xdg).or_else(of_home)?.join("pattern/tools"))
}

/// What root makes is nobody else's.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn is_another_users(home: &Path) -> bool {
    is_root() && fs::metadata(home).is_ok_and(|home| home.uid() != 0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::host::temporary;

    /// Not even root can make a file in /proc.
    #[test]
    fn a_tree_that_can_not_be_written_is_not_kept() {
        let error = format!("{:#}", Tools::At("/proc/self".into()).made().unwrap_err());
        let wanted = "keeping the tools tree in /proc/self: you can't write there: name a folder of your own with --tools DIR, or ";
        assert!(error.starts_with(wanted) && error.ends_with(")"), "{error}");
        let place = temporary::folder().unwrap();
        let log = place.path().join(LOG);
        for text in [None, Some("")] {
            text.iter().for_each(|text| fs::write(&log, text).unwrap());
            Tools::At(place.path().to_owned()).made().unwrap();
        }
        fs::remove_file(&log).unwrap();
        std::os::unix::fs::symlink(LOG, &log).unwrap();
        assert!(Tools::At(place.path().to_owned()).made().is_err());
    }

    #[test]
    fn the_option_can_be_typed_anywhere() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(Tools::At("a/b".into()).option(), format!(" --tools {}/a/b", here.display()));
        assert_eq!(Tools::At("/it's mine".into()).option(), r" --tools '/it'\''s mine'");
        assert_eq!(Tools::Cache.option(), "");
    }

    #[test]
    fn a_log_that_nobody_reads_is_not_waited_for() {
        let place = crate::host::temporary::folder().unwrap();
        let log = place.path().join(LOG);
        assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
        let error = Tools::At(place.path().to_owned()).made().unwrap_err().to_string();
        assert!(error.ends_with(": tools.log in it is a FIFO, not a file: remove it"), "{error}");
    }

    #[test]
    fn the_environment_says_where_the_cache_is() {
        let some = |value: &str| Some(OsString::from(value));
        let at = |xdg, home| cache(xdg, home, |home| home == "/home/another");
        for (xdg, home, wanted) in [
            (some("/x"), some("/home/me"), Some("/x/pattern/tools")),
            (some("/x"), None, Some("/x/pattern/tools")),
            (None, some("/home/me"), Some("/home/me/.cache/pattern/tools")),
            (some(""), some("/home/me"), Some("/home/me/.cache/pattern/tools")),
            (some("x"), some("/home/me"), Some("/home/me/.cache/pattern/tools")),
            (None, some("/home/another"), Some("/root/.cache/pattern/tools")),
            (None, some(""), None),
            (None, some("here"), None),
            (some("x"), None, None),
        ] {
            assert_eq!(at(xdg.clone(), home.clone()), wanted.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }

    #[test]
    fn an_option_names_another_folder() {
        assert_eq!(Tools::from(OsString::from(CACHE)), Tools::Cache);
        assert_eq!(Tools::from(OsString::from("t")), Tools::At("t".into()));
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_named_with_what_to_type() {
        let place = temporary::folder().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", Tools::At(file.join("tools")).made().unwrap_err());
        let wanted = format!(
            "keeping the tools tree in {}/tools (another folder: --tools DIR): Not a directory",
            file.display()
        );
        assert!(error.starts_with(&wanted), "{error}");
    }

    #[test]
    fn a_tree_that_is_used_is_not_made_anew_and_one_that_is_made_anew_is_waited_for() {
        let place = temporary::folder().unwrap();
        let tools = Tools::At(place.path().to_owned());
        let error = tools.tree().unwrap_err().to_string();
        assert_eq!(error, format!("{} has no tools tree", place.path().display()));
        fs::create_dir(place.path().join("tree")).unwrap();
        let file = place.path().join("tree.conf");
        fs::write(&file, "").unwrap();
        let (one, other) = (tools.tree().unwrap(), tools.tree().unwrap());
        let making = File::open(&file).unwrap();
        assert!(making.try_lock().is_err());
        drop((one, other));
        making.lock().unwrap();
        let is_made = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _tree = tools.tree().unwrap();
                assert!(is_made.load(Ordering::SeqCst));
            });
            is_made.store(true, Ordering::SeqCst);
            drop(making);
        });
    }
}
