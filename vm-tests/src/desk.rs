//! A person's own computer, on which an image is made and burned.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;
use crate::setting;

/// What a page calls the disk that it burns to.
const DEVICE: &str = "/dev/sdX";
/// A command of a page that lists disks, and says by its exit status that none was named.
const LISTS: &str = "pattern burn ";
const LISTED: i32 = 2;

/// A shell in a folder of its own, with the host's tool in its path, and a blank disk.
#[derive(Debug)]
pub struct Desk {
    scratch: Scratch,
    folder: PathBuf,
}

impl Desk {
    /// Makes it with a disk of this many GiB.
    #[must_use]
    pub fn new(name: &str, gib: u64) -> Self {
        let scratch = Scratch::new(name);
        let folder = scratch.path().to_owned();
        fs::create_dir_all(&folder).expect("making a folder");
        let desk = Self { scratch, folder };
        // Making another tools tree would show nothing.
        fs::create_dir_all(desk.cache().join("pattern")).expect("making a folder");
        symlink(setting::tools(), desk.cache().join("pattern/tools")).expect("linking the tools tree");
        let disk = File::create(desk.disk()).expect("making a disk");
        disk.set_len(gib << 30).expect("making a disk");
        desk
    }

    /// Returns the file that is the disk. A machine in this folder has it as its own.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.scratch.path().join("disk.raw")
    }

    fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    /// Returns the folder that the shell is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Types commands, each of which must succeed.
    pub fn types(&mut self, commands: &[String]) {
        for command in commands {
            match command.strip_prefix("cd ") {
                Some(folder) => self.enter(folder),
                None => self.run(command),
            }
        }
    }

    fn enter(&mut self, folder: &str) {
        self.folder = self.folder.join(folder).canonicalize().expect("entering a folder");
    }

    fn run(&self, command: &str) {
        let typed = command.replace(DEVICE, &self.disk().display().to_string());
        let path =
            format!("{}:{}", setting::installed().display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell.args(["-c", &typed]).current_dir(&self.folder).env("PATH", path);
        let status = shell.env("XDG_CACHE_HOME", self.cache()).status();
        let status = status.expect("starting bash").code();
        let wanted = if command.starts_with(LISTS) && !command.contains(DEVICE) { LISTED } else { 0 };
        assert_eq!(status, Some(wanted), "{typed}");
    }

    /// Burns the image `id`, or else the demonstration, onto the disk, while that has sectors of 4096 bytes.
    pub fn burns_onto_4096(&self, id: Option<&str>) {
        let device =
            output(Command::new("losetup").args(["--find", "--show", "--sector-size=4096"]).arg(self.disk()));
        let name = device.trim_start_matches("/dev/");
        let (image, tools) = (id.map_or_else(setting::image, setting::image_of), setting::tools());
        let mut burn = Command::new(setting::installed().join("pattern"));
        burn.arg("burn").arg(image).args([&device, "--erase", name, "--tools"]).arg(tools);
        let burned = burn.status().expect("starting pattern burn");
        output(Command::new("losetup").args(["--detach", &device]));
        assert!(burned.success(), "pattern burn: {burned}");
    }

    pub(crate) fn into_scratch(self) -> Scratch {
        self.scratch
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("starting losetup");
    assert!(output.status.success(), "losetup: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
