//! A machine that is off. A scenario configures it here before it boots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use pattern_image::machine::Machine;
use pattern_image::machine::credential::Credentials;
use pattern_image::machine::growth::Growth;
use pattern_image::machine::programs::Programs;
use pattern_image::machine::qemu::Options;
use pattern_image::machine::vm::Vm;

use crate::cpio::Entry;
use crate::desk::Desk;
use crate::disk::Disk;
use crate::guest::Guest;
use crate::judge::Judge;
use crate::scratch::Scratch;
use crate::turncoat::Turncoat;
use crate::writes::Writes;
use crate::{direct, setting};

mod esp;
mod hardware;
mod secure_boot;

/// Additional space on a new computer's disk: both slots and a small volume.
pub(crate) const MORE_DISK: &str = "+6G";

/// Next to a second machine, udev may need longer for a device than the usual 90 s.
const PATIENCE: &str = "systemd.default_device_timeout_sec=300";

/// A computer for one scenario, in `build/vm/NAME/`.
#[derive(Debug)]
pub struct Computer {
    image: PathBuf,
    machine: Machine,
    programs: Programs,
    options: Options,
    credentials: Credentials,
    boots: u32,
    scratch: Option<Rc<Scratch>>,
}

impl Computer {
    /// Makes a computer that never booted: the image on a larger disk, an empty TPM, empty UEFI
    /// variables.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_disk(name, MORE_DISK)
    }

    /// Does the same with another disk size.
    #[must_use]
    pub fn with_disk(name: &str, size: &str) -> Self {
        let computer = Self::in_scratch(Scratch::new(name), &setting::image());
        computer.enlarge(size);
        computer
    }

    /// Makes a computer that never booted, from the image `id`, which has `debug = false`. Nothing
    /// is added to its kernel command line.
    #[must_use]
    pub fn of_image(id: &str, name: &str) -> Self {
        let mut computer = Self::in_scratch(Scratch::new(name), &setting::image_of(id));
        computer.enlarge(MORE_DISK);
        computer.no_words();
        computer
    }

    /// Makes a computer that never booted, from the demonstration of Debian testing.
    #[must_use]
    pub fn of_testing(name: &str) -> Self {
        let computer = Self::in_scratch(Scratch::new(name), &setting::testing());
        computer.enlarge(MORE_DISK);
        computer
    }

    /// Makes a computer of the disk that lies in this desk's folder.
    #[must_use]
    pub fn with_the_disk_of(desk: Desk) -> Self {
        let disk = desk.disk();
        let mut computer = Self::in_scratch(desk.into_scratch(), &disk);
        computer.no_words();
        computer
    }

    pub(crate) fn in_scratch(scratch: Scratch, image: &Path) -> Self {
        let computer = Self::at(scratch.path().to_owned(), image);
        Self { scratch: Some(Rc::new(scratch)), ..computer }
    }

    /// Uses a machine in this folder. Missing parts are made from this image.
    pub(crate) fn at(folder: PathBuf, image: &Path) -> Self {
        let programs = setting::programs();
        let machine = Machine::new(&folder, image, &programs.firmware.variables);
        let machine = machine.unwrap_or_else(|error| panic!("{error:#}"));
        let mut options = machine.options(&programs);
        options.words = PATIENCE.to_owned();
        // Two scenarios share two processors, and emulating several costs more than it gains.
        options.cpus = 1;
        Self {
            image: image.to_owned(),
            machine,
            programs,
            options,
            credentials: Credentials::default(),
            boots: 0,
            scratch: None,
        }
    }

    /// Enlarges the disk to this size, or with `+` to this much more than the image.
    pub fn enlarge(&self, size: &str) {
        let growth = Growth::parse(size).unwrap_or_else(|error| panic!("{size}: {error}"));
        let image = fs::metadata(&self.image).expect("reading the image's size").len();
        self.machine.enlarge(growth.apply(image)).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Cuts these many bytes off the end of the disk.
    pub fn shorten(&self, by: u64) {
        let disk =
            fs::File::options().write(true).open(self.folder().join("disk.raw")).expect("opening the disk");
        let length = disk.metadata().expect("reading the disk's size").len();
        disk.set_len(length - by).expect("cutting the disk");
    }

    /// Adds words to the kernel command line, for this and all later boots.
    pub fn words(&mut self, words: &str) {
        self.options.words.push_str(&format!(" {words}"));
    }

    /// Returns all words that are added.
    #[must_use]
    pub fn all_words(&self) -> &str {
        &self.options.words
    }

    /// Removes all added words.
    pub fn no_words(&mut self) {
        self.options.words.clear();
    }

    /// Gives the system a credential, in this and all later boots.
    pub fn credential(&mut self, id: &str, value: &str) {
        let added = self.credentials.add(id, value.as_bytes());
        added.unwrap_or_else(|error| panic!("{error:#}"));
        self.options.strings = self.credentials.files();
    }

    /// Removes all credentials.
    pub fn no_credentials(&mut self) {
        self.credentials = Credentials::default();
        self.options.strings.clear();
    }

    /// Removes the TPM.
    pub fn remove_tpm(&mut self) {
        self.options.tpm = false;
    }

    /// Puts the TPM back, or an empty one where the machine had none.
    pub fn put_the_tpm_back(&mut self) {
        self.options.tpm = true;
    }

    /// Inserts an empty TPM, like clearing it in the firmware's menu.
    pub fn clear_tpm(&mut self) {
        fs::remove_dir_all(self.machine.tpm_state()).expect("removing the TPM's state");
    }

    /// Keeps a copy of the TPM's present state.
    pub fn keep_tpm(&self) {
        self.replace_folder(&self.machine.tpm_state(), &self.kept_tpm());
    }

    /// Restores the TPM from the copy. A disk after a power cut needs the TPM of that moment, not
    /// one that has booted since.
    pub fn rewind_tpm(&self) {
        self.replace_folder(&self.kept_tpm(), &self.machine.tpm_state());
    }

    fn kept_tpm(&self) -> PathBuf {
        self.folder().join("kept-tpm")
    }

    fn replace_folder(&self, from: &Path, to: &Path) {
        fs::remove_dir_all(to).ok();
        let status = self.command("cp").arg("-r").arg(from).arg(to).status().expect("starting cp");
        assert!(status.success(), "copying {} to {}", from.display(), to.display());
    }

    /// Inserts a second disk of this many MiB, with a partition for each label. Returns its file.
    pub fn add_disk(&mut self, mib: u64, labels: &[&str]) -> PathBuf {
        let path = self.machine.folder().join(format!("disk{}.raw", self.options.disks.len()));
        let disk = fs::File::create(&path).expect("creating a disk");
        disk.set_len(mib << 20).expect("sizing a disk");
        let size = mib / (labels.len() as u64 + 1);
        let lines = labels.iter().map(|label| format!("size={size}MiB, name=\"{label}\"\n"));
        let script = self.machine.folder().join("disk.sfdisk");
        fs::write(&script, format!("label: gpt\n{}", lines.collect::<String>())).expect("writing a script");
        let mut sfdisk = self.programs.command("sfdisk");
        sfdisk.arg("--quiet").arg(&path).stdin(fs::File::open(script).expect("opening the script"));
        assert!(sfdisk.status().expect("starting sfdisk").success(), "sfdisk failed");
        self.options.disks.push(path.clone());
        path
    }

    /// Replaces the header of its volume after `honest` reads of the right one. `other` are the
    /// bytes, and `start` is their position.
    pub fn betray(&mut self, start: u64, other: Vec<u8>, honest: u32) -> Turncoat {
        let socket = "disk.sock";
        self.options.remote = Some(socket.into());
        Turncoat::offer(&self.machine.disk(), &self.folder().join(socket), start, other, honest)
    }

    /// Inserts an existing file as second disk.
    pub fn attach(&mut self, disk: PathBuf) {
        self.options.disks.push(disk);
    }

    /// Returns the folder with disk, TPM and logs of this computer.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.machine.folder()
    }

    /// Returns the unified kernel image that its disk began with.
    #[must_use]
    pub fn kernel_image(&self) -> PathBuf {
        self.image.with_extension("efi")
    }

    /// Returns one of Debian 13's programs, in the computer's folder, whatever this host has.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.programs.command(program);
        command.current_dir(self.folder());
        command
    }

    /// Uses another `pattern.toml` in the initrd. The kernel is then started without firmware.
    pub fn configure(&mut self, toml: &str) {
        self.add_to_initrd(&Entry::file(pattern::plan::CONFIG_PATH, toml.into()));
    }

    /// Starts a script in the place of the initrd's systemd. The kernel is then started without
    /// firmware.
    pub fn run_instead(&mut self, script: &str) {
        self.add_to_initrd(&Entry::program("script", script.into()));
        self.options.words.push_str(" rdinit=/script");
    }

    fn add_to_initrd(&mut self, entry: &Entry) {
        let (boot, words) = direct::unpack(self.machine.folder(), std::slice::from_ref(entry));
        self.options.boot = boot;
        self.options.words = format!("{words} {}", self.options.words);
    }

    /// Returns the disk, to read or damage it while the computer is off.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk::open(&self.machine.disk())
    }

    /// Returns a copy of the disk's present state.
    #[must_use]
    pub fn copy_disk(&self, name: &str) -> Disk {
        self.disk().copy_to(&self.machine.folder().join(name))
    }

    /// Replaces its disk with a copy of another one.
    pub fn insert(&mut self, disk: &Disk) {
        drop(disk.copy_to(&self.machine.disk()));
    }

    /// Records all writes to the disk during the next boot, including restarts within it.
    pub fn record_writes(&mut self) -> Writes {
        let writes = Writes::start(self.machine.folder(), &self.disk());
        self.options.writes = Some(writes.log());
        writes
    }

    /// Returns a judge of the version that a disk boots into: the original one, or one of these
    /// unified kernel images.
    #[must_use]
    pub fn judge(&self, mut images: Vec<PathBuf>) -> Judge {
        images.push(setting::image().with_extension("efi"));
        Judge::new(self.machine.folder(), self.programs.clone(), images)
    }

    /// Switches the computer on, and does not wait. For boots that do not reach a shell.
    pub fn start(&mut self) -> Guest {
        self.start_with("", "systemctl poweroff")
    }

    fn start_with(&mut self, words: &str, off: &'static str) -> Guest {
        self.boots += 1;
        let log = self.machine.folder().join(format!("console-{}.log", self.boots));
        let words = format!("{}{words}", self.options.words);
        let options = Options { log: log.clone(), words, ..self.options.clone() };
        self.options.writes = None;
        let vm = Vm::start(&self.programs, self.machine.folder(), &options);
        Guest::new(vm.unwrap_or_else(|error| panic!("{error:#}")), log, off, self.scratch.clone())
    }

    /// Switches the computer on, and stops at the end of the initrd, in its shell, with the
    /// system's root at `/sysroot`. This takes half the time of a full boot.
    pub fn boot_initrd(&mut self) -> Guest {
        let mut guest = self.start_initrd();
        guest.wait_for_initrd_shell();
        guest
    }

    /// Has machines of `vm-tests/images/attacked` switch themselves off after their report.
    pub fn powers_off(&mut self) {
        let file = self.machine.folder().join("power-off");
        fs::write(&file, "report: power off").expect("writing a string for the firmware");
        self.options.strings.push(file);
    }

    /// Does the same for boots that ask something first.
    pub fn start_initrd(&mut self) -> Guest {
        self.start_with(" pattern.break=switch-root", "systemctl --force poweroff")
    }

    /// Switches the computer on, and waits for root's shell.
    pub fn boot(&mut self) -> Guest {
        let mut guest = self.start();
        guest.wait_for_shell();
        guest
    }
}

/// Returns the first recovery key in a machine's output.
#[must_use]
pub fn recovery_key_in(text: &str) -> String {
    // Eight groups of eight letters of the modhex alphabet, as systemd-cryptenroll writes them.
    let is_key = |word: &&str| word.len() == 71 && word.split('-').all(|group| group.len() == 8);
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    words.into_iter().find(is_key).expect("a recovery key").to_owned()
}
