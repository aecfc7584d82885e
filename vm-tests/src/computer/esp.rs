//! Files on the EFI system partition of a machine that is off. Anyone who has the disk can write
//! them.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::Computer;

/// A slow machine reads all of `/usr` before.
const PATIENCE: Duration = Duration::from_secs(300);

impl Computer {
    /// Writes a file with this content into a folder of the partition, such as
    /// `::/loader/credentials`.
    pub fn write_to_esp(&self, folder: &str, name: &str, content: &[u8]) {
        fs::write(self.folder().join(name), content).expect("writing a file for the EFI system partition");
        self.copy_to_esp(folder, name);
    }

    /// Copies a file of the computer's folder to the partition.
    pub fn copy_to_esp(&self, folder: &str, file: &str) {
        // The folder may already exist.
        self.mtools("mmd", &[folder]).output().ok();
        run(&mut self.mtools("mcopy", &["-o", file, folder]));
    }

    /// Copies a file of the partition into the computer's folder.
    pub fn copy_from_esp(&self, path: &str, file: &str) {
        run(&mut self.mtools("mcopy", &["-o", path, file]));
    }

    /// Waits until the machine that runs has made this file on the partition.
    ///
    /// # Panics
    /// When the file is not there after some minutes.
    pub fn wait_for_file_on_esp(&self, path: &str) {
        let is_there =
            || self.mtools("mdir", &["-b", path]).output().is_ok_and(|output| output.status.success());
        let end = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < end, "{path} is not on the EFI system partition");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Removes a file of the partition.
    pub fn remove_from_esp(&self, path: &str) {
        run(&mut self.mtools("mdel", &[path]));
    }

    fn mtools(&self, program: &str, words: &[&str]) -> Command {
        let start = self.disk().partition("esp").start;
        let mut command = self.command(program);
        command.arg("-i").arg(format!("disk.raw@@{start}")).args(words);
        command
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
