//! `pattern run`: boots a copy of an image on this terminal.

mod values;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use pattern::config::size::Size;

use crate::host::screen::{self, Screen};
use crate::host::temporary::TemporaryFolder;
use crate::host::tools::TREE;
use crate::machine::credential::{Credentials, Source};
use crate::machine::growth::Growth;
use crate::machine::programs::Programs;
use crate::machine::qemu::{Console, Options};
use crate::machine::vm;
use crate::machine::{CONSOLE_LOG, Machine};

/// Options of `run`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The image, such as build/images/ID_VERSION/ID_VERSION.raw
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,
    /// Make the copy's disk this large, or larger by +SIZE [default: +8G, or as it was kept]
    #[arg(long, value_name = "SIZE", value_hint = ValueHint::Other, value_parser = Growth::parse)]
    pub disk: Option<Growth>,
    /// Keep disk, TPM and UEFI variables in DIR, and go on from there next time
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub persist: Option<PathBuf>,
    /// Memory
    #[arg(long, value_name = "SIZE", default_value = "2G")]
    #[arg(value_hint = ValueHint::Other, value_parser = values::memory)]
    pub memory: Size,
    /// Firmware with Secure Boot: in Setup Mode until an image enrolls its keys
    #[arg(long)]
    pub secure_boot: bool,
    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    #[arg(value_hint = ValueHint::Other, allow_hyphen_values = true)]
    pub append: String,
    /// Give it a display and a keyboard, in a window or elsewhere: gtk, sdl, vnc=:1 (qemu(1))
    #[arg(long, value_name = "TO", value_hint = ValueHint::Other)]
    pub display: Option<String>,
    /// Give the system this credential
    #[arg(long = "load-credential", value_name = "ID:PATH")]
    #[arg(value_hint = ValueHint::Other, value_parser = Source::parse)]
    pub credentials: Vec<Source>,
    /// Let the guest reach this host's loopback PORT as http://10.0.2.100:8000
    #[arg(long, value_name = "PORT", value_hint = ValueHint::Other, value_parser = values::port)]
    pub server: Option<u16>,
    /// Let this host reach the guest's SSH server at its own loopback PORT
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    pub ssh: Option<u16>,
    /// The tools tree to take QEMU from when the host's is too old
    #[arg(long, value_name = "DIR", default_value = TREE, value_hint = ValueHint::DirPath)]
    pub tools: PathBuf,
}

/// Additional space on a new machine's disk: room for the second slot and a volume.
const MORE_DISK: Growth = Growth::By(Size::from_bytes(8 << 30));

/// Boots the machine. Returns when it is switched off.
///
/// # Errors
/// When something is missing on this host, the image can't be copied, or QEMU fails.
pub fn run(options: &Run, screen: Screen) -> Result<()> {
    let image = &options.image;
    let image_size = fs::metadata(image).with_context(|| format!("reading {}", image.display()))?.len();
    let programs = Programs::find(&options.tools)?;
    let place = Place::new(options.persist.as_deref())?;
    let machine = Machine::new(place.path(), image, &programs.firmware.variables)?;
    let credentials = Credentials::load(&options.credentials)?;
    let size = enlarge(&machine, options.disk, image_size)?;
    screen.say(format_args!("Image   {}", image.display()));
    screen.say(format_args!("Disk    {} ({size} bytes)", machine.disk().display()));
    screen.say(format_args!("Runs on {}", programs.describe()));
    screen.say(format_args!("Logs    {0}/{CONSOLE_LOG}, {0}/{1}", machine.folder().display(), vm::QEMU_LOG));
    screen.say("Console below. Ctrl-a x switches the machine off, Ctrl-a h lists more keys.\n");
    let mut all = machine_options(options, &machine, &programs);
    if options.secure_boot {
        all.boot = machine.secure_boot(&programs)?;
    }
    all.strings = credentials.files().to_vec();
    let outcome = vm::attach(&programs, machine.folder(), &all);
    match &outcome {
        Ok(()) if options.persist.is_some() => {
            screen.say(format_args!("\nKept in {}", machine.folder().display()));
        }
        Ok(()) => {}
        // The logs would be removed with the folder, and QEMU's own are short.
        Err(_) => screen::warn(fs::read_to_string(machine.folder().join(vm::QEMU_LOG)).unwrap_or_default()),
    }
    outcome
}

/// Returns the size of the disk in bytes. An existing disk grows only on request.
fn enlarge(machine: &Machine, growth: Option<Growth>, image_size: u64) -> Result<u64> {
    let growth = growth.or((!machine.has_run()).then_some(MORE_DISK));
    if let Some(growth) = growth {
        machine.enlarge(growth.apply(image_size))?;
    }
    let disk = machine.disk();
    Ok(fs::metadata(&disk).with_context(|| format!("reading {}", disk.display()))?.len())
}

fn machine_options(options: &Run, machine: &Machine, programs: &Programs) -> Options {
    Options {
        memory_mib: options.memory.bytes() >> 20,
        console: Console::Terminal,
        words: options.append.clone(),
        server: options.server,
        ssh: options.ssh,
        display: options.display.clone(),
        ..machine.options(programs)
    }
}

/// Where the machine's state is.
enum Place {
    Temporary(TemporaryFolder),
    Kept(PathBuf),
}

impl Place {
    fn new(persist: Option<&Path>) -> Result<Self> {
        match persist {
            None => Ok(Self::Temporary(TemporaryFolder::new()?)),
            Some(folder) => {
                fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
                Ok(Self::Kept(folder.to_owned()))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}
