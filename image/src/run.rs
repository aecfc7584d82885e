//! `pattern run`: boots a copy of an image on this terminal.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pattern::config::size::Size;

use crate::host::temporary::TemporaryFolder;
use crate::machine::credential::{Credentials, Source};
use crate::machine::growth::Growth;
use crate::machine::programs::Programs;
use crate::machine::qemu::{Console, Options};
use crate::machine::vm;
use crate::machine::{CONSOLE_LOG, Machine};

/// Options of `run`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// A base image.
    pub image: PathBuf,
    /// The disk's size. `None` leaves an existing disk unchanged.
    pub disk: Option<Growth>,
    /// The folder for the machine's state.
    pub persist: Option<PathBuf>,
    /// Memory.
    pub memory: Size,
    /// Whether to use firmware with Secure Boot.
    pub secure_boot: bool,
    /// More words for the kernel command line.
    pub append: String,
    /// Where the display's picture goes.
    pub display: Option<String>,
    /// Credentials for the system.
    pub credentials: Vec<Source>,
    /// The port of an update server on this host's loopback.
    pub server: Option<u16>,
    /// The tools tree.
    pub tools: PathBuf,
}

/// Additional space on a new machine's disk: room for the second slot and a volume.
const MORE_DISK: Growth = Growth::By(Size::from_bytes(8 << 30));

/// Boots the machine. Returns when it is switched off.
///
/// # Errors
/// When something is missing on this host, the image can't be copied, or QEMU fails.
pub fn run(options: &Run) -> Result<()> {
    let image = &options.image;
    let image_size = fs::metadata(image).with_context(|| format!("reading {}", image.display()))?.len();
    let programs = Programs::find(&options.tools)?;
    let place = Place::new(options.persist.as_deref())?;
    let machine = Machine::new(place.path(), image, &programs.firmware.variables)?;
    let credentials = Credentials::load(&options.credentials)?;
    let size = enlarge(&machine, options.disk, image_size)?;
    println!("Image   {}", image.display());
    println!("Disk    {} ({size} bytes)", machine.disk().display());
    println!("Runs on {}", programs.describe());
    println!("Logs    {0}/{CONSOLE_LOG}, {0}/{1}", machine.folder().display(), vm::QEMU_LOG);
    println!("Console below. Ctrl-a x switches the machine off, Ctrl-a h lists more keys.\n");
    let mut all = machine_options(options, &machine, &programs);
    if options.secure_boot {
        all.boot = machine.secure_boot(&programs)?;
    }
    all.strings = credentials.files().to_vec();
    let outcome = vm::attach(&programs, machine.folder(), &all);
    match &outcome {
        Ok(()) if options.persist.is_some() => println!("\nKept in {}", machine.folder().display()),
        Ok(()) => {}
        // The logs would be removed with the folder, and QEMU's own are short.
        Err(_) => eprint!("{}", fs::read_to_string(machine.folder().join(vm::QEMU_LOG)).unwrap_or_default()),
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
