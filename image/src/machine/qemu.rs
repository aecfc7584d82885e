//! Builds QEMU's arguments for one machine. Pure, so that they can be printed and tested.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::json;

#[cfg(test)]
mod tests;

/// The emulated processor: all that QEMU can do, so that the guest has AES and SHA instructions. Left
/// out are fast string operations: a guest that sees them clears and copies memory by single bytes,
/// which are fast in a processor and slow in an emulator.
const EMULATED: &str = "max,-erms,-fsrm,-fsrs";

/// Where a guest reaches the update server of its host.
pub const SERVER: &str = "10.0.2.100:8000";

/// Everything that distinguishes virtual machines. Paths are absolute, or relative to the folder in
/// which QEMU is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Number of processors.
    pub cpus: u32,
    /// Whether the processor's own virtualisation works here. Otherwise QEMU emulates.
    pub kvm: bool,
    /// Whether each instruction of an emulated processor takes a nanosecond of the guest's time, and
    /// waiting takes none of ours. Then a busy host changes nothing of what programs use of the
    /// processor.
    pub instructions: bool,
    /// What the machine starts.
    pub boot: Boot,
    /// The kernel command line, or with UEFI the words that systemd-stub adds to the image's own.
    pub words: String,
    /// Raw disk images, in the order in which the guest sees them.
    pub disks: Vec<PathBuf>,
    /// A socket where a server offers the first disk by NBD. The disk's file is not opened then.
    pub remote: Option<PathBuf>,
    /// An existing file for a record of all writes to the first disk, in the format of
    /// dm-log-writes.
    pub writes: Option<PathBuf>,
    /// Files with one SMBIOS string each, such as a system credential. The strings may be secret.
    pub strings: Vec<PathBuf>,
    /// Whether the machine has a TPM.
    pub tpm: bool,
    /// How the TPM is reached, in the form of QEMU's `-device`: `tpm-tis` or `tpm-crb`.
    pub tpm_interface: &'static str,
    /// The TPM's control socket, in the machine's folder.
    pub tpm_socket: String,
    /// The port of an update server on this host's loopback. The guest reaches it as
    /// `http://`[`SERVER`], and nothing else. `None` means no network.
    pub server: Option<u16>,
    /// The port of this host's loopback that leads to the guest's SSH server.
    pub ssh: Option<u16>,
    /// What the clock of the hardware shows at the start, as in `2001-01-01`. `None` means now.
    pub clock: Option<String>,
    /// Whether the machine has a hardware watchdog.
    pub watchdog: bool,
    /// How the first disk is connected.
    pub port: Port,
    /// What the machine has beside the other fields, in QEMU's own words.
    pub more: Vec<String>,
    /// Where the picture goes, in the form of QEMU's `-display` (`gtk`, `vnc=:1`, `none`). With
    /// `None` the machine has neither display nor keyboard.
    pub display: Option<String>,
    /// The name of a socket in the machine's folder where QEMU accepts commands (QMP).
    pub commands: Option<String>,
    /// Where the first serial port goes.
    pub console: Console,
    /// A copy of everything that the guest prints on that port.
    pub log: PathBuf,
}

impl Options {
    /// Returns a machine of 2 GiB and two processors, with nothing but what it starts, and with its console in this file.
    #[must_use]
    pub fn of(boot: Boot, log: PathBuf) -> Self {
        Self {
            memory_mib: 2048,
            cpus: 2,
            kvm: false,
            instructions: false,
            boot,
            words: String::new(),
            disks: Vec::new(),
            port: Port::VIRTIO,
            remote: None,
            writes: None,
            strings: Vec::new(),
            tpm: false,
            tpm_interface: "tpm-tis",
            tpm_socket: super::swtpm::SOCKET.to_owned(),
            server: None,
            ssh: None,
            clock: None,
            watchdog: false,
            display: None,
            commands: None,
            console: Console::Pipe,
            log,
            more: Vec::new(),
        }
    }
}

/// How a disk is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Port {
    /// The device that it hangs at, in the form of QEMU's `-device`, or `""`.
    pub controller: &'static str,
    /// The disk itself, in that form.
    pub device: &'static str,
    /// Whether the device has a serial number, and a place in the firmware's boot order.
    pub identity: bool,
}

impl Port {
    /// A disk for virtual machines.
    pub const VIRTIO: Self = Self { controller: "", device: "virtio-blk-pci", identity: true };
    /// A stick at a USB port.
    pub const STICK: Self = Self {
        controller: "qemu-xhci,id=ports",
        device: "usb-storage,bus=ports.0,removable=on",
        identity: true,
    };
}

/// What the machine starts.
#[derive(Clone, Debug)]
pub enum Boot {
    /// UEFI firmware, which starts the content of the first disk's EFI system partition.
    Uefi {
        /// The firmware.
        code: PathBuf,
        /// This machine's own UEFI variables, which QEMU writes to.
        variables: PathBuf,
        /// Whether the firmware has Secure Boot. Such firmware needs variables that the system
        /// can't reach (system management mode), or it does not start.
        secure: bool,
    },
    /// A kernel and an initrd, without firmware.
    Kernel {
        /// The kernel.
        kernel: PathBuf,
        /// The initrd.
        initrd: PathBuf,
    },
}

/// Where the first serial port goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Console {
    /// To this terminal, with QEMU's escape key Ctrl-a.
    Terminal,
    /// To QEMU's standard input and output, unchanged.
    Pipe,
    /// The machine has no serial port.
    Absent,
}

/// Returns the arguments after the program's name.
#[must_use]
pub fn arguments(options: &Options) -> Vec<OsString> {
    let mut args = Arguments(Vec::new());
    machine(&mut args, options);
    boot(&mut args, &options.boot, &options.words);
    for file in &options.strings {
        args.put("-smbios", joined("type=11,path=", file));
    }
    for (number, disk) in options.disks.iter().enumerate() {
        let writes = options.writes.as_deref().filter(|_| number == 0);
        let remote = options.remote.as_deref().filter(|_| number == 0);
        args.disk(number, disk, remote, writes);
        args.device(number, if number == 0 { options.port } else { Port::VIRTIO });
    }
    if options.tpm {
        args.put("-chardev", format!("socket,id=tpm,path={}", options.tpm_socket));
        args.put("-tpmdev", "emulator,id=tpm0,chardev=tpm");
        args.put("-device", format!("{},tpmdev=tpm0", options.tpm_interface));
    }
    console(&mut args, options);
    args.0.extend(options.more.iter().map(OsString::from));
    args.0
}

fn machine(args: &mut Arguments, options: &Options) {
    args.0.extend(["-nodefaults", "-no-user-config"].map(OsString::from));
    let secure = matches!(options.boot, Boot::Uefi { secure: true, .. });
    args.put("-machine", if secure { "q35,smm=on" } else { "q35,smm=off" });
    args.put("-accel", accelerator(options));
    if options.instructions {
        args.put("-icount", "shift=0,sleep=off");
    }
    args.put("-cpu", if options.kvm { "max" } else { EMULATED });
    args.put("-smp", options.cpus.to_string());
    args.put("-m", format!("{}M", options.memory_mib));
    display(args, options.display.as_deref());
    if let Some(socket) = &options.commands {
        args.put("-qmp", format!("unix:{socket},server=on,wait=off"));
    }
    if let Some(date) = &options.clock {
        args.put("-rtc", format!("base={date}"));
    }
    if options.watchdog {
        args.put("-device", "i6300esb");
    }
    args.put("-device", "virtio-rng-pci");
    network(args, options);
}

fn accelerator(options: &Options) -> &'static str {
    match options {
        Options { kvm: true, .. } => "kvm",
        // Counting needs all processors in one thread.
        Options { instructions: true, .. } => "tcg,thread=single",
        _ => "tcg,thread=multi",
    }
}

fn display(args: &mut Arguments, to: Option<&str>) {
    args.put("-display", to.unwrap_or("none"));
    if to.is_some() {
        for device in ["virtio-vga", "qemu-xhci", "usb-kbd", "usb-tablet"] {
            args.put("-device", device);
        }
    }
}

/// Connects one address to one port of this host, with a process for each connection, and one port of
/// this host to the guest. Everything else is cut off.
fn network(args: &mut Arguments, options: &Options) {
    let server =
        options.server.map(|port| format!(",guestfwd=tcp:{SERVER}-cmd:socat - TCP4:127.0.0.1:{port}"));
    let ssh = options.ssh.map(|port| format!(",hostfwd=tcp:127.0.0.1:{port}-:22"));
    if server.is_none() && ssh.is_none() {
        return args.put("-nic", "none");
    }
    let ways: String = server.into_iter().chain(ssh).collect();
    args.put("-netdev", format!("user,id=net,restrict=on,ipv6=off{ways}"));
    // Without its boot ROM, the firmware does not try to boot from the network.
    args.put("-device", "virtio-net-pci,netdev=net,romfile=");
}

fn boot(args: &mut Arguments, boot: &Boot, words: &str) {
    match boot {
        Boot::Uefi { code, variables, secure } => {
            if *secure {
                args.put("-global", "driver=cfi.pflash01,property=secure,value=on");
                // Waking from suspend could bypass the protection, so such firmware has to guard
                // it. Nothing here sleeps.
                args.put("-global", "ICH9-LPC.disable_s3=1");
            }
            args.put("-drive", joined("if=pflash,unit=0,format=raw,readonly=on,file=", code));
            args.put("-drive", joined("if=pflash,unit=1,format=raw,file=", variables));
            if !words.is_empty() {
                // systemd-stub(7): honoured only without Secure Boot.
                let value = format!("io.systemd.stub.kernel-cmdline-extra={words}");
                args.put("-smbios", format!("type=11,value={}", value.replace(',', ",,")));
            }
        }
        Boot::Kernel { kernel, initrd } => {
            args.put("-kernel", kernel);
            args.put("-initrd", initrd);
            args.put("-append", words);
            // If the kernel panics, the run ends instead of restarting.
            args.0.push("-no-reboot".into());
        }
    }
}

fn console(args: &mut Arguments, options: &Options) {
    let backend = match options.console {
        Console::Absent => return args.put("-serial", "none"),
        Console::Terminal => "stdio,id=console,signal=off,mux=on,logfile=",
        Console::Pipe => "stdio,id=console,signal=off,logfile=",
    };
    args.put("-chardev", joined(backend, &options.log));
    args.put("-serial", "chardev:console");
    if options.console == Console::Terminal {
        args.put("-mon", "chardev=console,mode=readline");
    }
}

/// An argument list under construction.
struct Arguments(Vec<OsString>);

impl Arguments {
    fn put(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([name.into(), value.into()]);
    }

    fn disk(&mut self, number: usize, path: &Path, remote: Option<&Path>, writes: Option<&Path>) {
        let node = format!("disk{number}");
        // In JSON, a path may have commas. The caller refused paths that are not UTF-8.
        let mut file = json!({ "driver": "file", "filename": path.to_string_lossy(), "discard": "unmap" });
        if let Some(socket) = remote {
            file = json!({ "driver": "nbd", "server": { "type": "unix", "path": socket.to_string_lossy() } });
        }
        let mut backend = json!({ "driver": "raw", "discard": "unmap", "file": file });
        if let Some(log) = writes {
            // Only a test reads the record, so it need not be flushed to the host's disk.
            let log =
                json!({ "driver": "file", "filename": log.to_string_lossy(), "cache": { "no-flush": true } });
            backend = json!({ "driver": "blklogwrites", "discard": "unmap", "file": backend, "log": log });
        }
        backend["node-name"] = json!(node);
        self.put("-blockdev", backend.to_string());
    }

    fn device(&mut self, number: usize, port: Port) {
        let node = format!("disk{number}");
        let identity = match (port.identity, number) {
            (true, 0) => format!(",serial={node},bootindex=1"),
            (true, _) => format!(",serial={node}"),
            (false, _) => String::new(),
        };
        if !port.controller.is_empty() {
            self.put("-device", port.controller);
        }
        self.put("-device", format!("{},drive={node}{identity}", port.device));
    }
}

/// Returns a list of suboptions that ends in a path. QEMU requires commas in it doubled.
fn joined(prefix: &str, path: &Path) -> String {
    format!("{prefix}{}", path.to_string_lossy().replace(',', ",,"))
}
