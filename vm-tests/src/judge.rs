//! Decides whether a disk still boots, and into which version, without booting it. For scenarios
//! with hundreds of power cuts.
//!
//! It follows the boot from the firmware to `/usr`, and reads everything that the boot needs. It
//! knows nothing of what happens later, in the volume.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pattern::uki;
use pattern_image::machine::programs::Programs;

use crate::disk::Disk;
use crate::gpt::{self, Entry, Partition};
use crate::loader;

/// What a disk boots into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bootable {
    /// The image's version.
    pub version: String,
    /// The file name of its kernel image, with counters if it has any.
    pub entry: String,
}

/// Judges one disk after the other. Parts that were not written since the last time are not read
/// again.
#[derive(Debug)]
pub struct Judge {
    folder: PathBuf,
    programs: Programs,
    images: Vec<PathBuf>,
    last: Option<Judgement>,
    /// Verified slots: their place on the disk, and the root hash.
    verified: Vec<(Vec<Range<u64>>, String)>,
}

#[derive(Debug)]
struct Judgement {
    verdict: Result<Bootable, String>,
    /// The parts of the disk that it depends on.
    read: Vec<Range<u64>>,
}

impl Judge {
    /// Makes a judge. `images` are the unified kernel images as they were built. Only one that
    /// equals its original boots.
    pub(crate) fn new(folder: &Path, programs: Programs, images: Vec<PathBuf>) -> Self {
        Self { folder: folder.to_owned(), programs, images, last: None, verified: Vec::new() }
    }

    /// Returns what the disk boots into, or why it does not boot. `written` is what changed since
    /// the last call.
    ///
    /// # Errors
    /// When a boot would end before `/usr` is open, or with an unreadable block of it.
    pub fn judge(&mut self, disk: &Disk, written: &[Range<u64>]) -> Result<Bootable, String> {
        self.verified.retain(|(extents, _)| !touch(extents, written));
        if let Some(last) = self.last.take_if(|last| !touch(&last.read, written)) {
            return self.last.insert(last).verdict.clone();
        }
        let ends = gpt::SECTORS * gpt::SECTOR;
        let mut read = vec![0..ends, disk.size() - ends..disk.size()];
        let verdict = self.boot(disk, &mut read).map_err(|error| format!("{error:#}"));
        self.last.insert(Judgement { verdict, read }).verdict.clone()
    }

    /// Follows the boot, step by step. Adds what it depends on to `read`.
    fn boot(&mut self, disk: &Disk, read: &mut Vec<Range<u64>>) -> Result<Bootable> {
        let table = table(disk)?;
        let esp = only(&table, "type of an EFI system partition", |entry| entry.kind == gpt::ESP)?;
        read.push(esp.extent());
        let files =
            Files { programs: &self.programs, source: format!("{}@@{}", disk.path().display(), esp.start) };
        let loader = files.content("EFI/BOOT/BOOTX64.EFI")?;
        ensure!(uki::section(&loader, ".text").is_some(), "EFI/BOOT/BOOTX64.EFI is not a program");
        let chosen = loader::default_entry(&files.kernels()?);
        let chosen = chosen.context("EFI/Linux has no kernel image")?;
        let image = files.content(&format!("EFI/Linux/{}", chosen.name))?;
        self.compare(&image, &chosen.version).with_context(|| format!("starting {}", chosen.name))?;
        let hash = root_hash(&image).with_context(|| format!("reading the root hash in {}", chosen.name))?;
        self.verify(disk, &table, &hash, read).with_context(|| format!("opening /usr of {}", chosen.name))?;
        Ok(Bootable { version: chosen.version, entry: chosen.name })
    }

    fn compare(&self, image: &[u8], version: &str) -> Result<()> {
        let suffix = format!("_{version}.efi");
        let built = self.images.iter().find(|path| path.to_string_lossy().ends_with(&suffix));
        let built = built.with_context(|| format!("no image of version {version} was built"))?;
        let built = fs::read(built).with_context(|| format!("reading {}", built.display()))?;
        ensure!(image == built, "it is not the file that was built");
        Ok(())
    }

    /// Reads every block of the slot that the root hash names.
    fn verify(&mut self, disk: &Disk, table: &[Entry], hash: &str, read: &mut Vec<Range<u64>>) -> Result<()> {
        let (data, tree) = (slot(table, hash.get(..32))?, slot(table, hash.get(32..))?);
        let extents = vec![data.extent(), tree.extent()];
        read.extend(extents.clone());
        if self.verified.contains(&(extents.clone(), hash.to_owned())) {
            return Ok(());
        }
        let (data_file, tree_file) =
            (self.folder.join("judged-usr.raw"), self.folder.join("judged-verity.raw"));
        disk.extract(data, &data_file);
        disk.extract(tree, &tree_file);
        let (data_file, tree_file) = (data_file.to_string_lossy(), tree_file.to_string_lossy());
        run(&self.programs, "veritysetup", &["verify", &data_file, &tree_file, hash])?;
        self.verified.push((extents, hash.to_owned()));
        Ok(())
    }
}

fn touch(extents: &[Range<u64>], written: &[Range<u64>]) -> bool {
    let overlap = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
    extents.iter().any(|extent| written.iter().any(|written| overlap(extent, written)))
}

/// Returns the table. The firmware requires that the first sector announces one. Then either copy
/// is enough.
fn table(disk: &Disk) -> Result<Vec<Entry>> {
    let sector = disk.read(0, gpt::SECTOR);
    // UEFI 2.10, 5.2.3 "Protective MBR": four records of 16 bytes, with the type in the fifth byte.
    let mut kinds = sector[446..510].chunks(16).map(|record| record[4]);
    ensure!(
        sector.ends_with(&[0x55, 0xaa]) && kinds.any(|kind| kind == 0xee),
        "the first sector has no record of type ee"
    );
    disk.partitions().map_err(|wrong| anyhow!(wrong))
}

fn slot(table: &[Entry], uuid: Option<&str>) -> Result<Partition> {
    let uuid = uuid.context("the root hash is too short")?;
    let number =
        u128::from_str_radix(uuid, 16).with_context(|| format!("reading the root hash's {uuid:?}"))?;
    only(table, &format!("UUID {uuid}"), |entry| entry.uuid == number)
}

fn only(table: &[Entry], what: &str, is: impl Fn(&Entry) -> bool) -> Result<Partition> {
    match table.iter().filter(|entry| is(entry)).collect::<Vec<_>>()[..] {
        [entry] => Ok(entry.partition),
        ref others => bail!("{} partitions have the {what}: {table:?}", others.len()),
    }
}

fn root_hash(image: &[u8]) -> Result<String> {
    let words = uki::section(image, ".cmdline").context("it has no .cmdline")?;
    let words = String::from_utf8_lossy(words);
    let hash = words.split(['\0', '\n', ' ']).find_map(|word| word.strip_prefix("usrhash="));
    let hash = hash.with_context(|| format!("there is no usrhash= in {words:?}"))?;
    ensure!(hash.len() == 64, "usrhash={hash} is not a SHA-256 sum");
    Ok(hash.to_owned())
}

/// The files of a FAT file system inside an image, read with mtools.
struct Files<'a> {
    programs: &'a Programs,
    source: String,
}

impl Files<'_> {
    /// Returns the names in EFI/Linux that systemd-boot offers. It ignores files without an
    /// `.osrel`, such as the empty file that a cut leaves when FAT has written a new name but not
    /// yet the file's size.
    fn kernels(&self) -> Result<Vec<String>> {
        let mut kernels = Vec::new();
        let names = self.names("EFI/Linux")?;
        // systemd-boot never opens others, such as a file that is being downloaded. Not all of its
        // clusters may be listed yet.
        for name in names.into_iter().filter(|name| loader::is_read(name)) {
            let content = match self.content(&format!("EFI/Linux/{name}")) {
                // It is being removed. Readable or not, the boot loader takes every other one first.
                Err(_) if loader::is_spent(&name) => continue,
                content => content?,
            };
            kernels.extend(uki::section(&content, ".osrel").map(|_| name));
        }
        Ok(kernels)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>> {
        let listed = run(self.programs, "mdir", &["-b", "-i", &self.source, &format!("::/{folder}")])?;
        let listed = String::from_utf8_lossy(&listed);
        Ok(listed.lines().filter_map(|line| Some(line.rsplit_once('/')?.1.to_owned())).collect())
    }

    fn content(&self, path: &str) -> Result<Vec<u8>> {
        run(self.programs, "mcopy", &["-i", &self.source, &format!("::/{path}"), "-"])
    }
}

/// Runs a program. Returns its output, or an error with its error messages.
fn run(programs: &Programs, program: &str, words: &[&str]) -> Result<Vec<u8>> {
    let output = programs.command(program).args(words).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {} failed: {}", words.join(" "), said.trim());
    Ok(output.stdout)
}
