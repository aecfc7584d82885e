//! `pattern run`: boots a copy of an image on this terminal.

mod values;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueHint};
use pattern::config::size::Size;
use pattern::table::Amount;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::host::screen::Screen;
use crate::host::signals;
use crate::host::tree::{CACHE, Tools};
use crate::machine::credential::{Credentials, Source};
use crate::machine::growth::Growth;
use crate::machine::image::Image;
use crate::machine::place::Place;
use crate::machine::programs::Programs;
use crate::machine::qemu::{Console, Options};
use crate::machine::vm;
use crate::machine::{CONSOLE_LOG, Machine};

/// Options of `run`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The image, or the folder with it, such as build/images/ID_VERSION; a kept machine goes on without
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath, required_unless_present = "persist")]
    pub image: Option<PathBuf>,
    /// Make the copy's disk this large, or larger by +SIZE [default: +8G, or as it was kept]
    #[arg(long, value_name = "SIZE", value_hint = ValueHint::Other, value_parser = Growth::parse)]
    #[arg(allow_hyphen_values = true)]
    pub disk: Option<Growth>,
    /// Keep disk, TPM and UEFI variables in DIR, and go on from there next time
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub persist: Option<PathBuf>,
    /// Erase the machine that is kept in DIR, and make a new one
    #[arg(long, requires_all = ["persist", "image"])]
    pub fresh: bool,
    /// Memory
    #[arg(long, value_name = "SIZE", default_value = "2G", allow_hyphen_values = true)]
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
    #[arg(allow_hyphen_values = true)]
    pub server: Option<u16>,
    /// Let this host reach the guest's SSH server at its own loopback PORT
    #[arg(long, value_name = "PORT", value_parser = values::port, allow_hyphen_values = true)]
    pub ssh: Option<u16>,
    /// The tools tree to take QEMU from when the host's is too old
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
}

/// Additional space on a new machine's disk: room for the second slot and a volume.
const MORE_DISK: Growth = Growth::By(Size::from_bytes(8 << 30));

/// Boots the machine. Returns when it is switched off.
///
/// # Errors
/// When something is missing on this host, the image is not one or can't be copied, the folder holds
/// another machine or is in use, or QEMU fails.
pub fn run(options: &Run, screen: Screen) -> Result<()> {
    let image = options.image.as_deref().map(Image::open).transpose()?;
    if let (Some(image), Some(growth)) = (&image, options.disk) {
        refuse_too_small(image, growth)?;
    }
    let programs = Programs::find(&options.tools)?;
    let credentials = Credentials::load(&options.credentials)?;
    signals::catch()?;
    // Everything that a machine writes is for its owner: the console may show a recovery key.
    umask(Mode::RWXG | Mode::RWXO);
    let place = Place::take(options.persist.as_deref())?;
    let (machine, image_size) = place.machine(image.as_ref(), options.fresh, &programs.firmware.variables)?;
    let size = enlarge(&machine, options.disk, image_size)?;
    if let Some(image) = &image {
        screen.say(format_args!("Image   {}", image.path().display()));
    }
    screen.say(format_args!("Disk    {} ({size} bytes)", machine.disk().display()));
    screen.say(format_args!("Runs on {}", programs.describe()));
    screen.say(format_args!("Logs    {0}/{CONSOLE_LOG}, {0}/{1}", machine.folder().display(), vm::QEMU_LOG));
    screen.say(console(io::stdin().is_terminal(), io::stdout().is_terminal()));
    let all = machine_options(options, &machine, &programs, &credentials)?;
    vm::attach(&programs, machine.folder(), &all)?;
    if options.persist.is_some() {
        screen.say(format_args!("\nKept in {}", machine.folder().display()));
    }
    Ok(())
}

/// Says where the machine's console is.
fn console(typed: bool, shown: bool) -> &'static str {
    match (typed, shown) {
        (true, true) => "Console below. Ctrl-a x switches the machine off, Ctrl-a h lists more keys.\n",
        (true, false) => {
            "The console goes to standard output, which is not this terminal; what you type goes to the machine. Ctrl-a x switches \
             it off.\n"
        }
        (false, _) => {
            "The console is standard output. Nobody can type: standard input is not a terminal. SIGTERM ends the machine.\n"
        }
    }
}

/// Fails before the image is copied.
fn refuse_too_small(image: &Image, growth: Growth) -> Result<()> {
    let (wanted, least) = (growth.apply(image.bytes()), image.bytes());
    if wanted < least {
        bail!("--disk: {} has {}, more than {}", image.path().display(), Amount(least), Amount(wanted));
    }
    Ok(())
}

/// Returns the size of the disk in bytes. An existing disk grows only on request.
fn enlarge(machine: &Machine, growth: Option<Growth>, image_size: Option<u64>) -> Result<u64> {
    let is_new = image_size.is_some() && !machine.has_run();
    match (growth.or(is_new.then_some(MORE_DISK)), image_size) {
        (Some(Growth::By(_)), None) => {
            bail!(
                "--disk: the size of the image that this machine was made from is not known: give a size without +"
            )
        }
        (Some(growth), size) => machine.enlarge(growth.apply(size.unwrap_or_default()))?,
        (None, _) => {}
    }
    let disk = machine.disk();
    Ok(fs::metadata(&disk).with_context(|| format!("reading {}", disk.display()))?.len())
}

fn machine_options(
    options: &Run,
    machine: &Machine,
    programs: &Programs,
    credentials: &Credentials,
) -> Result<Options> {
    let usual = machine.options(programs);
    let boot = if options.secure_boot { machine.secure_boot(programs)? } else { usual.boot.clone() };
    Ok(Options {
        boot,
        strings: credentials.files(),
        memory_mib: options.memory.bytes() >> 20,
        console: Console::Terminal,
        words: options.append.clone(),
        server: options.server,
        ssh: options.ssh,
        display: options.display.clone(),
        ..usual
    })
}
