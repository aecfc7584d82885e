//! What a machine has beside its disk and its TPM, and where its network leads.

use std::net::{Ipv4Addr, TcpListener};

use pattern_image::machine::qemu::{Console, Port};

use super::Computer;
use crate::ear::Ear;
use crate::screen::{self, Screen};
use crate::server::Server;
use crate::setting;
use crate::tls::Tls;

impl Computer {
    /// Adds a display and a keyboard, and the memory and processors that a desktop needs.
    pub fn with_a_display(&mut self) {
        self.options.display = Some("none".to_owned());
        self.options.commands = Some(screen::SOCKET.to_owned());
        self.options.memory_mib = 4096;
        self.options.cpus = 2;
    }

    /// Returns its display, while it runs.
    #[must_use]
    pub fn screen(&self) -> Screen {
        Screen::of(self.machine.folder())
    }

    /// Connects it to an update server, and to nothing else.
    pub fn serve(&mut self, server: &Server) {
        self.options.server = Some(server.port());
    }

    /// Connects it to an update server by HTTPS, and to nothing else.
    pub fn serve_over(&mut self, tls: &Tls) {
        self.options.server = Some(tls.port());
    }

    /// Leads a free port of this host to its SSH server. Returns the port.
    pub fn reached_by_ssh(&mut self) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("looking for a free port");
        let port = listener.local_addr().expect("asking for the port").port();
        self.options.ssh = Some(port);
        port
    }

    /// Sets the clock of its hardware, as somebody with an empty battery finds it.
    pub fn clock_shows(&mut self, date: &str) {
        self.options.clock = Some(date.to_owned());
    }

    /// Builds a hardware watchdog in.
    pub fn has_a_watchdog(&mut self) {
        self.options.watchdog = true;
    }

    /// Has its first disk at a USB port.
    pub fn starts_from_a_stick(&mut self) {
        self.has_its_disk_at(Port::STICK);
    }

    /// Has its first disk at this port.
    pub fn has_its_disk_at(&mut self, port: Port) {
        self.options.port = port;
    }

    /// Has what QEMU's arguments say, too.
    pub fn has(&mut self, arguments: &[&str]) {
        self.options.more.extend(arguments.iter().map(|&one| one.to_owned()));
    }

    /// Starts the kernel image of the image `id` from this host: the firmware has no driver for the disk.
    pub fn gets_its_kernel_from_the_host(&mut self, id: &str) {
        let kernel = setting::image_of(id).with_extension("efi");
        self.has(&["-kernel", kernel.to_str().expect("a path that is text")]);
    }

    /// Gets an empty TPM with these banks of registers, separated by commas.
    pub fn gets_a_tpm(&mut self, banks: &str) {
        std::fs::create_dir_all(self.machine.tpm_state()).expect("making a folder");
        let mut setup = self.command("swtpm_setup");
        setup.args(["--config", "/dev/null", "--tpm2", "--tpmstate", "tpm", "--pcr-banks", banks]);
        let output = setup.output().expect("starting swtpm_setup");
        assert!(output.status.success(), "swtpm_setup: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Has an empty TPM 1.2 in the place of its TPM, in the next boot.
    pub fn has_a_tpm_1_2(&mut self) {
        self.remove_tpm();
        // A daemon works in the root directory. It ends with QEMU.
        let state = self.folder().join("tpm-1.2");
        std::fs::create_dir_all(&state).expect("making a folder");
        let mut swtpm = self.command("swtpm");
        swtpm.args(["socket", "--daemon", "--terminate", "--tpmstate", &format!("dir={}", state.display())]);
        swtpm.args(["--ctrl", "type=unixio,path=tpm-1.2.sock"]);
        assert!(swtpm.status().expect("starting swtpm").success(), "swtpm");
        self.has(&[
            "-chardev",
            "socket,id=old,path=tpm-1.2.sock",
            "-tpmdev",
            "emulator,id=old-tpm,chardev=old",
        ]);
        self.has(&["-device", "tpm-tis,tpmdev=old-tpm"]);
    }

    /// Has its TPM behind the other of the two interfaces.
    pub fn has_a_crb_tpm(&mut self) {
        self.options.tpm_interface = "tpm-crb";
    }

    /// Has this much memory, and this many processors.
    pub fn has_room(&mut self, memory_mib: u64, cpus: u32) {
        self.options.memory_mib = memory_mib;
        self.options.cpus = cpus;
    }

    /// Has a screen, and no serial port unless `serial`. Nothing but `keyboard` is there to type on: devices in the form of
    /// QEMU's `-device`.
    pub fn has_a_screen(&mut self, serial: bool, keyboard: &[&str]) {
        self.options.commands = Some(screen::SOCKET.to_owned());
        if !serial {
            self.options.console = Console::Absent;
        }
        self.has(&["-device", "VGA"]);
        keyboard.iter().for_each(|device| self.has(&["-device", device]));
    }

    /// Records what its firmware, kernel and programs send to the TPM, in this and all later boots.
    #[must_use]
    pub fn listen_to_tpm(&mut self) -> Ear {
        Ear::beside(self.machine.folder(), &mut self.options)
    }

    /// Makes its clock count instructions: the same work takes the same time on every host.
    pub fn counts_instructions(&mut self) {
        self.options.instructions = true;
    }
}
