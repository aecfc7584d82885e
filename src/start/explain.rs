//! Explains the events of systemd-boot, systemd-stub and the firmware that a start can measure (TCG PC Client Platform Firmware
//! Profile, "Event Types"; systemd's `src/boot/measure.c` and `src/fundamental/tpm2-pcr.h`).

use std::fmt;

use super::Origin;
use super::archive::Target;
use super::image::MEASURED;
use super::words::{text, utf16};
use crate::firmware::{Event, Log, digest_of};
use crate::plain::plain;
use crate::token::Bank;

/// Types of events.
const SEPARATOR: u32 = 4;
const TAG: u32 = 6;
const TEXT: u32 = 0xd;
const PROGRAM: u32 = 0x8000_0003;
const ACTION: u32 = 0x8000_0007;
/// What the firmware measures when it starts the boot loader.
const CALLING: &[u8] = b"Calling EFI Application from Boot Option";
/// What the tags of systemd-stub stand for.
const TAGS: [(u32, &str); 4] = [
    (0x13ae_d6db, "a profile of the kernel image"),
    (0x6c46_f751, "the section .dtb of an add-on"),
    (0x49df_fe0f, "the section .initrd of an add-on"),
    (0xdac0_8e1a, "the section .ucode of an add-on"),
];

/// What the tags of Linux stand for (its `drivers/firmware/efi/libstub/efistub.h`).
const KERNEL_TAGS: [(u32, &str); 2] = [(0x8f3b_22ed, "the kernel command line"), (0x8f3b_22ec, "the initrd")];

/// What an event of a register stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// Words of a kernel command line. The digest confirms them.
    Words(String),
    /// Files for the initrd.
    Files(Target),
    /// Another part of what systemd-stub takes.
    Part(&'static str),
    /// A program, with its path on the disk, if it came from there.
    Program(Option<String>),
    /// The end of what the firmware does before it starts a boot loader.
    Firmware,
}

impl Meaning {
    /// Returns whether this takes its place in a later start.
    pub(super) fn is_replaced_by(&self, origin: &Origin) -> bool {
        match (self, origin) {
            (Self::Files(target), Origin::Files(other, _)) => target == other,
            (Self::Part(name), Origin::Section(_, other)) => name == other,
            (Self::Program(Some(path)), Origin::Program(other)) => path.eq_ignore_ascii_case(other),
            (Self::Program(None), Origin::Kernel(_)) => true,
            (Self::Part(_), Origin::CommandLine | Origin::Initrd(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => write!(f, "the words {:?}", plain(words)),
            Self::Files(target) => write!(f, "files in {}", target.place()),
            Self::Part(part) => f.write_str(part),
            Self::Program(Some(path)) => write!(f, "the program {}", plain(path)),
            Self::Program(None) => f.write_str("the kernel"),
            Self::Firmware => f.write_str("what the firmware measures before it starts a boot loader"),
        }
    }
}

/// Returns what an event of this register stands for, or `None` if that is not known.
pub(super) fn meaning(pcr: u8, event: &Event, bank: Bank) -> Option<Meaning> {
    match (pcr, event.kind) {
        (11, TEXT) => section(event),
        (12 | 13, TEXT) => words_or_files(pcr, event, bank),
        (12, TAG) => {
            let id = event.data.first_chunk::<4>().map(|id| u32::from_le_bytes(*id))?;
            TAGS.iter().find(|(tag, _)| *tag == id).map(|(_, part)| Meaning::Part(part))
        }
        (9, TAG) => {
            let id = event.data.first_chunk::<4>().map(|id| u32::from_le_bytes(*id))?;
            KERNEL_TAGS.iter().find(|(tag, _)| *tag == id).map(|(_, part)| Meaning::Part(part))
        }
        (4, PROGRAM) => Some(Meaning::Program(path(&event.data))),
        (4, SEPARATOR) => Some(Meaning::Firmware),
        (4, ACTION) => (event.data == CALLING).then_some(Meaning::Firmware),
        _ => None,
    }
}

/// Returns the path of the boot loader: the first program that came from a partition of a disk.
#[must_use]
pub fn loader(log: &Log) -> Option<String> {
    let mut programs = log.of(4).filter(|event| event.kind == PROGRAM);
    programs.find_map(|event| path(&event.data).filter(|_| is_on_a_partition(&event.data)))
}

fn section(event: &Event) -> Option<Meaning> {
    let name = text(&event.data)?;
    MEASURED.into_iter().find(|known| *known == name).map(Meaning::Part)
}

fn words_or_files(pcr: u8, event: &Event, bank: Bank) -> Option<Meaning> {
    let text = text(&event.data)?;
    let files = Target::ALL.into_iter().find(|target| target.pcr() == pcr && target.description() == text);
    let said = digest_of(bank, &[&utf16(&text)]);
    let confirmed = event.digest(bank).is_some_and(|digest| digest == said);
    files.map(Meaning::Files).or_else(|| confirmed.then_some(Meaning::Words(text)))
}

/// Nodes of a device path (UEFI Specification, "Hard Drive Media Device Path" and "File Path Media Device Path").
const PARTITION: [u8; 2] = [4, 1];
const FILE: [u8; 2] = [4, 4];

/// Returns the path of a program on a disk, from the event of its start.
fn path(event: &[u8]) -> Option<String> {
    let nodes = nodes(event)?;
    let parts = nodes.iter().filter(|(kind, _)| *kind == FILE).map(|(_, content)| text(content));
    let path = parts.collect::<Option<Vec<_>>>()?.join("\\");
    let names: Vec<_> = path.split(['\\', '/']).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| format!("/{}", names.join("/")))
}

/// A file of the hypervisor has a path, too.
fn is_on_a_partition(event: &[u8]) -> bool {
    nodes(event).is_some_and(|nodes| nodes.iter().any(|(kind, _)| *kind == PARTITION))
}

/// Returns the nodes of the device path in a `UEFI_IMAGE_LOAD_EVENT`.
fn nodes(event: &[u8]) -> Option<Vec<([u8; 2], &[u8])>> {
    /// Three numbers of 64 bits, and the length of the device path.
    const HEAD: usize = 32;
    const END: u8 = 0x7f;
    let (mut rest, mut nodes) = (event.get(HEAD..)?, Vec::new());
    while let [kind, subkind, low, high, ..] = *rest {
        if kind == END {
            break;
        }
        let (node, others) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        nodes.push(([kind, subkind], node.get(4..)?));
        rest = others;
    }
    Some(nodes)
}
