//! Collects what a start of a kernel image measures: files of the EFI system partition, the machine's words, and the event log of
//! this boot.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use pattern::firmware::{Log, Variable, smbios};
use pattern::start::{Boot, File, Start, loader};
use pattern::token::Bank;
use pattern::update::entry::{DIRECTORY, Entry};

use crate::efi_variable;
use crate::{esp, firmware, registers};

const UPTIME: &str = "/proc/uptime";
/// The machine's words for systemd-stub (systemd-stub(7), "SMBIOS").
const WORDS: &[u8] = b"io.systemd.stub.kernel-cmdline-extra=";
/// The EFI variable with the profile that was started (systemd-stub(7), "EFI Variables").
const PROFILE: &str = "StubProfile";
const SECURE_BOOT_ON: &[u8] = &[1];
/// FAT counts the seconds of a change by two.
const FAT_STEP: Duration = Duration::from_secs(2);
/// A kernel image has some tens of megabytes, and an extension may have more.
const LARGEST: u64 = 512 << 20;

/// What the next starts depend on.
pub struct Facts {
    id: String,
    log: Log,
    variables: BTreeMap<Variable, Vec<u8>>,
    boot_manager: BTreeMap<String, Vec<u8>>,
    running: Start,
    loader: Option<File>,
    touched: Vec<String>,
}

impl Facts {
    /// Collects it, for an image of which this version runs.
    ///
    /// # Errors
    /// When the event log or the EFI system partition can't be read.
    pub fn collect(id: &str, running: &Entry) -> Result<Self> {
        let (log, variables) = (firmware::log()?, firmware::contents()?);
        let mut touched = Vec::new();
        let mut running = start(id, running, &variables, &mut touched)?;
        running.profile = profile();
        let loader = loader(&log).map(|path| read(esp::partition()?, &path, &mut touched)).transpose()?;
        let (id, boot_manager) = (id.to_owned(), firmware::boot_manager()?);
        Ok(Self { id, log, variables, boot_manager, running, loader, touched })
    }

    /// The event log of this boot.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What the variables of Secure Boot hold now.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<Variable, Vec<u8>> {
        &self.variables
    }

    /// Supposes that they hold this when the next boot begins.
    pub fn suppose(&mut self, variables: BTreeMap<Variable, Vec<u8>>) {
        self.variables = variables;
    }

    /// Collects what lies there for another start.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn start(&self, entry: &Entry) -> Result<Start> {
        start(&self.id, entry, &self.variables, &mut Vec::new())
    }

    /// Returns this boot, for a prediction of registers in one bank.
    pub fn boot<'a>(&'a self, bank: Bank, now: &'a dyn Fn(u8) -> Option<Vec<u8>>) -> Boot<'a> {
        let Self { log, variables, boot_manager, running, loader, touched, .. } = self;
        Boot { log, bank, now, running, touched, loader: loader.as_ref(), variables, boot_manager }
    }
}

/// Returns how the kernel shows a register of this bank.
pub fn now(bank: Bank) -> impl Fn(u8) -> Option<Vec<u8>> {
    move |pcr| registers::value(bank, pcr)
}

fn start(
    id: &str,
    entry: &Entry,
    variables: &BTreeMap<Variable, Vec<u8>>,
    touched: &mut Vec<String>,
) -> Result<Start> {
    let esp = esp::partition()?;
    let file = esp::file(id, entry)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The stub leaves out the counters.
    let counted_by_nobody = Entry { tries: None, ..entry.clone() }.file_name(id);
    let mut folder = |path: &str| files(esp, path, touched);
    let (add_ons, credentials, extensions, beside) = (
        folder("/loader/addons")?,
        folder("/loader/credentials")?,
        folder("/loader/extensions")?,
        folder(&format!("/{DIRECTORY}/{counted_by_nobody}.extra.d"))?,
    );
    let on = variables.get(&Variable::SecureBoot).is_some_and(|content| content == SECURE_BOOT_ON);
    Ok(Start {
        image: read(esp, &format!("/{DIRECTORY}/{name}"), touched)?,
        profile: 0,
        options: None,
        words: words(),
        beside,
        add_ons,
        credentials,
        extensions,
        secure_boot: on,
    })
}

/// Reads the files of a folder, in the order of their names' bytes. A folder that is not there has none.
fn files(esp: &Path, folder: &str, touched: &mut Vec<String>) -> Result<Vec<File>> {
    let place = esp.join(folder.trim_start_matches('/'));
    let reading = || format!("reading {}", place.display());
    let entries = match fs::read_dir(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(reading)?,
    };
    note(folder, &fs::metadata(&place).with_context(reading)?, touched);
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(reading)?;
        if entry.file_type().with_context(reading)?.is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names.iter().map(|name| read(esp, &format!("{folder}/{name}"), touched)).collect()
}

fn read(esp: &Path, path: &str, touched: &mut Vec<String>) -> Result<File> {
    let place = esp.join(path.trim_start_matches('/'));
    let reading = || format!("reading {}", place.display());
    let file = fs::File::open(&place).with_context(reading)?;
    let metadata = file.metadata().with_context(reading)?;
    if metadata.len() > LARGEST {
        bail!("{} is too large to predict what is measured of it", place.display());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).with_context(reading)?;
    note(path, &metadata, touched);
    Ok(File { path: path.to_owned(), bytes })
}

/// Notes a file or a folder that was changed since this boot began.
fn note(path: &str, metadata: &Metadata, touched: &mut Vec<String>) {
    let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let last = time(metadata.mtime().max(metadata.ctime())) + FAT_STEP;
    if began().is_none_or(|began| last >= began) {
        touched.push(path.to_owned());
    }
}

/// Returns when this boot began, by the clock as it is now.
fn began() -> Option<SystemTime> {
    let text = fs::read_to_string(UPTIME).ok()?;
    let uptime = text.split_whitespace().next()?.parse().ok()?;
    SystemTime::now().checked_sub(Duration::try_from_secs_f64(uptime).ok()?)
}

fn words() -> Option<String> {
    let table = fs::read(firmware::SMBIOS).ok()?;
    let strings = smbios::oem_strings(&table);
    let words = strings.iter().find_map(|string| string.strip_prefix(WORDS))?;
    Some(String::from_utf8_lossy(words).into_owned())
}

fn profile() -> u32 {
    let value = efi_variable::Variable::of_loader(PROFILE).read().ok().flatten().unwrap_or_default();
    let digits = value.into_iter().filter(u8::is_ascii_digit).map(char::from);
    digits.collect::<String>().parse().unwrap_or_default()
}
