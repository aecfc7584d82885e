//! What is below a folder, through links: whoever is given the folder, such as a web server, finds all of it.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How far below a folder is looked.
const DEPTH: usize = 32;
/// How many files and folders are looked at.
const MOST: usize = 50_000;

/// Something below a folder. A link is what the link leads to.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) found: Metadata,
}

/// What is below a folder: what is nearer comes first, in the order of names. No folder comes twice.
pub(crate) struct Below {
    /// Folders that are still to be read, and how far below they are.
    folders: VecDeque<(PathBuf, usize)>,
    ready: VecDeque<Entry>,
    seen: BTreeSet<(u64, u64)>,
    count: usize,
    enters: fn(&Metadata) -> bool,
    is_whole: bool,
}

impl Below {
    /// Looks below a folder, and into those folders in it that `enters` returns true for.
    pub(crate) fn of(folder: &Path, enters: fn(&Metadata) -> bool) -> Self {
        Self {
            folders: VecDeque::from([(folder.to_owned(), 0)]),
            ready: VecDeque::new(),
            seen: fs::metadata(folder).iter().map(identity).collect(),
            count: 0,
            enters,
            is_whole: true,
        }
    }

    /// Returns whether everything was looked at so far.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn read(&mut self, folder: &Path, depth: usize) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> =
            entries.take(MOST.saturating_sub(self.count) + 1).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if self.count == MOST {
                self.is_whole = false;
                return;
            }
            self.count += 1;
            // A link may lead nowhere.
            let Ok(found) = fs::metadata(&path) else { continue };
            if found.is_dir() {
                if !self.seen.insert(identity(&found)) {
                    continue;
                }
                if depth == DEPTH {
                    self.is_whole = false;
                } else if (self.enters)(&found) {
                    self.folders.push_back((path.clone(), depth + 1));
                }
            }
            self.ready.push_back(Entry { path, found });
        }
    }
}

impl Iterator for Below {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while self.ready.is_empty() {
            let (folder, depth) = self.folders.pop_front()?;
            self.read(&folder, depth);
        }
        self.ready.pop_front()
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn what_is_below_is_found_through_links_and_once() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("own/a/b")).unwrap();
        fs::create_dir_all(path("other")).unwrap();
        for file in ["own/a/b/file", "own/z", "other/key"] {
            fs::write(path(file), "").unwrap();
        }
        symlink("..", path("own/a/loop")).unwrap();
        symlink("/nonexistent", path("own/nowhere")).unwrap();
        symlink("../other", path("own/link")).unwrap();
        symlink("../other/key", path("own/id")).unwrap();
        let names = |below: &mut Below| -> Vec<String> {
            let name = |entry: Entry| entry.path.strip_prefix(path("own")).unwrap().display().to_string();
            below.map(name).collect()
        };
        let mut below = Below::of(&path("own"), |_| true);
        assert_eq!(names(&mut below), ["a", "id", "link", "z", "a/b", "link/key", "a/b/file"]);
        assert!(below.is_whole());
        assert_eq!(names(&mut Below::of(&path("own"), |_| false)), ["a", "id", "link", "z"]);
        assert_eq!(names(&mut Below::of(&path("own/none"), |_| true)), [""; 0]);
    }

    #[test]
    fn what_is_too_deep_is_not_looked_at_and_that_is_known() {
        let place = temporary::folder().unwrap();
        let deep = |folders: usize| place.path().join(vec!["d"; folders].join("/"));
        fs::create_dir_all(deep(DEPTH)).unwrap();
        fs::write(deep(DEPTH).join("file"), "").unwrap();
        let mut below = Below::of(place.path(), |_| true);
        assert_eq!((below.by_ref().count(), below.is_whole()), (DEPTH + 1, true));
        fs::create_dir_all(deep(DEPTH + 1)).unwrap();
        let mut below = Below::of(place.path(), |_| true);
        assert_eq!((below.by_ref().count(), below.is_whole()), (DEPTH + 2, false));
    }
}
