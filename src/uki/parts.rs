//! Takes an unsigned kernel image apart, so that ukify can make it again with signatures: of the same stub and the same sections.

use std::ops::Range;

use super::{number, place, section, signature, table};

/// What ukify adds to the stub and takes from files again. Sections of other names it makes from something else.
const ADDED: [&str; 9] =
    [".osrel", ".cmdline", ".dtb", ".uname", ".splash", ".linux", ".initrd", ".ucode", ".profile"];
/// What only a signed image has, or one of another tool.
const OTHER: [&str; 5] = [".pcrpkey", ".pcrsig", ".dtbauto", ".hwids", ".efifw"];
/// The line that each list of generations begins with (shim, "SBAT.md").
const SBAT: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n";

/// Offsets from the PE signature (PE Format, "COFF File Header" and "Optional Header").
const COUNT: usize = 6;
const INITIALIZED: usize = 24 + 8;
const SECTION_ALIGNMENT: usize = 24 + 32;
const IMAGE_SIZE: usize = 24 + 56;
/// Bytes of an entry in the table of sections.
const ENTRY: usize = 40;

/// The names of sections, and where they are in the file.
type Sections = Vec<(String, Range<usize>)>;

/// A kernel image, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The stub as it was before ukify added sections to it.
    pub stub: Vec<u8>,
    /// What ukify is to add to the lists of generations of the stub and of the kernel.
    pub sbat: String,
    /// The sections of the image itself.
    pub main: Sections,
    /// Those of the other profiles, each with `.profile` first.
    pub profiles: Vec<Sections>,
}

/// Takes a kernel image apart.
///
/// # Errors
/// When the file is not a kernel image, is signed, or has a section that is not made of one file. The error says which.
pub fn parts(file: &[u8]) -> Result<Parts, String> {
    let not_one = || "it is not a unified kernel image".to_owned();
    let sections = table(file).ok_or_else(not_one)?;
    if place(file, ".pcrsig").is_some() || signature(file).is_some() {
        return Err("it is signed already".to_owned());
    }
    let is_added = |name: &str| ADDED.contains(&name) || OTHER.contains(&name);
    let first = sections.iter().position(|(name, _)| is_added(name)).ok_or_else(not_one)?;
    let (of_stub, added) = sections.split_at(first);
    if let Some((name, _)) = added.iter().find(|(name, _)| !ADDED.contains(&name.as_str())) {
        return Err(format!("its section {name} can't be made again"));
    }
    let linux = section(file, ".linux").ok_or_else(not_one)?;
    let (main, profiles) = profiles(added).ok_or("its section .profile can't be made again")?;
    let (of_stubs, rest) = generations(section(file, ".sbat").unwrap_or_default(), linux);
    let stub = stub(file, of_stub.len(), added, &of_stubs).ok_or_else(not_one)?;
    Ok(Parts { stub, sbat: rest, main, profiles })
}

/// Divides the sections into those of the image itself and those of each other profile. ukify ends the image's own with a
/// `.profile` if there are others.
fn profiles(added: &[(String, Range<usize>)]) -> Option<(Sections, Vec<Sections>)> {
    let starts: Vec<_> = (0..added.len()).filter(|index| added[*index].0 == ".profile").collect();
    let Some((own, starts)) = starts.split_first() else { return Some((added.to_vec(), Vec::new())) };
    if starts.first() != Some(&(own + 1)) {
        return None;
    }
    let ends = starts.iter().skip(1).copied().chain([added.len()]);
    let others = starts.iter().zip(ends).map(|(start, end)| added[*start..end].to_vec());
    Some((added[..=*own].to_vec(), others.collect()))
}

/// Divides the list of generations, which ukify makes of three: the stub's, the kernel's, and its own. Returns the first one and
/// the last one. If the kernel has none, all lines are the stub's.
fn generations(all: &[u8], linux: &[u8]) -> (String, String) {
    let (all, kernels) = (lines(all), lines(section(linux, ".sbat").unwrap_or_default()));
    let place = all.windows(kernels.len().max(1)).position(|lines| *lines == *kernels);
    let (before, after) = match place {
        Some(place) => (&all[..place], &all[place + kernels.len()..]),
        None => (&all[..], &all[all.len()..]),
    };
    let list = |lines: &[String]| lines.iter().fold(SBAT.to_owned(), |list, line| list + line + "\n");
    (list(before), list(after))
}

/// Returns the lines of a list of generations without its first one.
fn lines(list: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(list);
    text.trim_end_matches('\0').lines().skip(1).map(str::to_owned).collect()
}

/// Returns the file without what was added: its first `count` sections. ukify puts new ones behind the end of the file.
fn stub(file: &[u8], count: usize, added: &[(String, Range<usize>)], sbat: &str) -> Option<Vec<u8>> {
    let header = number(file, 0x3c, 4)?;
    let entries = header + 24 + number(file, header + 20, 2)?;
    let end = added.iter().map(|(_, place)| place.start).min()?;
    let mut stub = file.get(..end)?.to_vec();
    let used = entries + count * ENTRY;
    stub.get_mut(used..used + added.len() * ENTRY)?.fill(0);
    put(&mut stub, header + COUNT, 2, count)?;
    let bytes: usize = added.iter().map(|(_, place)| place.len()).sum();
    let initialized = number(file, header + INITIALIZED, 4)?.checked_sub(bytes)?;
    put(&mut stub, header + INITIALIZED, 4, initialized)?;
    let last = entries + count.checked_sub(1)? * ENTRY;
    let image = number(file, last + 12, 4)? + number(file, last + 8, 4)?;
    let image = image.checked_next_multiple_of(number(file, header + SECTION_ALIGNMENT, 4)?)?;
    put(&mut stub, header + IMAGE_SIZE, 4, image)?;
    if let Some(place) = place(file, ".sbat") {
        let entry = (0..count).map(|index| entries + index * ENTRY);
        let entry = entry.into_iter().find(|entry| file.get(*entry..entry + 5) == Some(b".sbat"))?;
        let room = number(file, entry + 16, 4)?;
        stub.get_mut(place.start..place.start + room)?.fill(0);
        stub.get_mut(place.start..place.start + sbat.len())?.copy_from_slice(sbat.as_bytes());
        put(&mut stub, entry + 8, 4, sbat.len())?;
    }
    Some(stub)
}

/// Writes a little-endian number of `size` bytes.
fn put(file: &mut [u8], at: usize, size: usize, value: usize) -> Option<()> {
    let bytes = u64::try_from(value).ok()?.to_le_bytes();
    file.get_mut(at..at + size)?.copy_from_slice(bytes.get(..size)?);
    Some(())
}

#[cfg(test)]
mod tests;
