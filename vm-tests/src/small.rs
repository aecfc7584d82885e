//! A fast kind of machine: the image's own kernel and initrd, with a shell in place of systemd.
//!
//! It has no firmware and no systemd, so it starts in seconds. For what our programs do with the
//! kernel and the TPM.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use pattern_image::machine::programs::Programs;
use pattern_image::machine::qemu::{Boot, Options};
use pattern_image::machine::vm::Vm;

use crate::cpio::Entry;
use crate::disk::Disk;
use crate::ear::Ear;
use crate::guest::Guest;
use crate::scratch::Scratch;
use crate::writes::Writes;
use crate::{direct, setting};

/// The first program: mounts the kernel's file systems, loads the modules of the image's list, and
/// starts a shell.
const INIT: &str = "\
#!/bin/sh
export PATH=/usr/bin:/usr/sbin:/usr/lib/pattern
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/mapper /run
for module in virtio_pci virtio_blk dm-mod dm-verity dm-crypt erofs loop; do modprobe $module; done
exec sh -i </dev/console >/dev/console 2>&1
";

/// A machine that is off.
#[derive(Debug)]
pub struct Small {
    folder: PathBuf,
    programs: Programs,
    options: Options,
    scratch: Rc<Scratch>,
}

impl Small {
    /// Makes a machine with a TPM and no disk, in `build/vm/NAME/`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let scratch = Rc::new(Scratch::new(name));
        let folder = scratch.path();
        fs::create_dir_all(folder).expect("creating the machine's folder");
        let folder = folder.canonicalize().expect("finding the machine's folder");
        let programs = setting::programs();
        let boot = Boot::Kernel { kernel: "kernel".into(), initrd: "initrd".into() };
        let options = Options {
            memory_mib: 512,
            cpus: 1,
            kvm: programs.kvm,
            words: "console=ttyS0 quiet rdinit=/small-init".to_owned(),
            tpm: true,
            ..Options::of(boot, folder.join("console.log"))
        };
        Self { folder, programs, options, scratch }
    }

    /// Records what its kernel and programs send to the TPM, in this and all later boots.
    #[must_use]
    pub fn listen_to_tpm(&mut self) -> Ear {
        Ear::beside(&self.folder, &mut self.options)
    }

    /// Inserts an empty disk of this many MiB.
    pub fn add_disk(&mut self, mib: u64) -> PathBuf {
        let path = self.folder.join(format!("disk{}.raw", self.options.disks.len()));
        let disk = fs::File::create(&path).expect("creating a disk");
        disk.set_len(mib << 20).expect("sizing a disk");
        self.options.disks.push(path.clone());
        path
    }

    /// Records all writes to the first disk during the next boot.
    pub fn record_writes(&mut self) -> Writes {
        let writes = Writes::start(&self.folder, &self.disk());
        self.options.writes = Some(writes.log());
        writes
    }

    /// Returns the first disk.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk::open(self.options.disks.first().expect("a machine with a disk"))
    }

    /// Adds words to the kernel command line.
    pub fn words(&mut self, words: &str) {
        self.options.words.push_str(&format!(" {words}"));
    }

    /// Switches the machine on, and waits for the shell.
    pub fn boot(&mut self) -> Guest {
        (self.options.boot, _) = direct::unpack(&self.folder, &[Entry::program("small-init", INIT.into())]);
        let vm = Vm::start(&self.programs, &self.folder, &self.options);
        self.options.writes = None;
        let vm = vm.unwrap_or_else(|error| panic!("{error:#}"));
        let (log, scratch) = (self.options.log.clone(), Rc::clone(&self.scratch));
        let mut guest = Guest::new(vm, log, "echo o >/proc/sysrq-trigger", Some(scratch));
        guest.greet();
        guest
    }
}
