//! A scenario's folder in `build/vm/`. If the scenario passes, its consoles and pictures stay
//! there. If it fails, everything stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::setting;

/// Such a folder. A machine has gigabytes, and those of all scenarios would fill a disk.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Removes what an earlier run left there.
    pub(crate) fn new(name: &str) -> Self {
        let folder = setting::machines().join(name);
        fs::remove_dir_all(&folder).ok();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir_all(path).ok();
            } else if !stays(&path) {
                fs::remove_file(path).ok();
            }
        }
        // Removes the folder if nothing stays in it.
        fs::remove_dir(&self.0).ok();
    }
}

fn stays(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "log" || kind == "png")
}
