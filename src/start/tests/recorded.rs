//! Event logs of starts that differ in firmware and boot loader (see `tests/fixtures/logs/README.md`): each leads to the registers of
//! its boot, each event is understood or named here, and a register is predicted as it was, or is not predicted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::firmware::{Variable, of_boot_manager};
use crate::start::explain::meaning;
use crate::token::Bank;

/// What a boot loader measures into, or what it starts.
const OF_LOADERS: [u8; 8] = [4, 7, 8, 9, 11, 12, 13, 14];
/// IMA measures into it, which has a log of its own.
const IMA: u8 = 10;
const TEXT: u32 = 0xd;
const AUTHORITY: u32 = 0x8000_00e0;

/// A recorded start.
struct Row {
    name: &'static str,
    /// The boot loader.
    loader: Option<&'static str>,
    /// The events that are not understood: register, kind and how many.
    others: &'static [(u8, u32, usize)],
    /// Why the registers of a later start are not predicted, if they are not.
    doubt: Option<&'static str>,
}

const GRUB: &[(u8, u32, usize)] = &[(8, TEXT, 2), (9, TEXT, 3)];
const BY_SHIM: &[(u8, u32, usize)] = &[(7, AUTHORITY, 2), (14, TEXT, 3)];
const BY_BOTH: &[(u8, u32, usize)] = &[(7, AUTHORITY, 3), (8, TEXT, 2), (9, TEXT, 3), (14, TEXT, 3)];
const OTHER: &str = "/EFI/BOOT/BOOTX64.EFI is not systemd-boot, and what another boot loader measures and starts is not known here";
const ELSEWHERE: &str = "the firmware started this boot from elsewhere than the EFI system partition, so what it starts next is not \
                         known here";

const ROWS: [Row; 11] = [
    Row { name: "plain", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "keys", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "rom", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "rom-keys", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "crb", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "older", loader: Some(LOADER), others: &[], doubt: None },
    Row { name: "direct", loader: Some(LOADER), others: &[], doubt: Some(OTHER) },
    Row { name: "host", loader: None, others: &[], doubt: Some(ELSEWHERE) },
    Row { name: "shim", loader: Some(LOADER), others: BY_SHIM, doubt: Some(OTHER) },
    Row { name: "shim-grub", loader: Some(LOADER), others: BY_BOTH, doubt: Some(OTHER) },
    Row { name: "grub", loader: Some(LOADER), others: GRUB, doubt: Some(OTHER) },
];

impl Row {
    fn log(&self) -> Log {
        Log::parse(&fs::read(folder().join(format!("{}.log", self.name))).unwrap()).unwrap()
    }

    /// The registers of one bank, as the TPM had them. None if it did not have that bank.
    fn registers(&self, bank: Bank) -> BTreeMap<u8, Vec<u8>> {
        let text = fs::read_to_string(folder().join(format!("{}.pcrs", self.name))).unwrap();
        let of_line = |line: &str| {
            let (pcr, value) = line.strip_prefix(bank.name())?.trim_start().split_once(' ')?;
            Some((pcr.parse().unwrap(), hex::decode(value).unwrap()))
        };
        text.lines().filter_map(of_line).collect()
    }

    /// What is predicted, with this file as the boot loader that lies there now.
    fn predicted(&self, loader: &File, touched: &[String]) -> BTreeMap<u8, Result<Later, Doubt>> {
        let (log, registers) = (self.log(), self.registers(BANK));
        let measured = log.check(BANK, &registers[&7]).unwrap();
        let contents = Variable::ALL.map(|one| (one, measured.content(one).unwrap().to_vec()));
        let events = log.of(1).filter_map(|event| of_boot_manager(&event.data));
        let settings = events.map(|(name, content)| (name, content.to_vec())).collect();
        let mut start = bare();
        start.secure_boot = measured.secure_boot();
        let now = |pcr: u8| registers.get(&pcr).cloned();
        let (variables, boot) = (contents.into(), boot(&log, &start, touched));
        let boot =
            Boot { now: &now, loader: Some(loader), variables: &variables, boot_manager: &settings, ..boot };
        let prediction = boot.before(&start);
        (0..=15).map(|pcr| (pcr, prediction.register(pcr))).collect()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs")
}

/// The start of each of them, but for the kernel image, which is too large to be kept.
fn bare() -> Start {
    let mut start = start();
    (start.beside, start.add_ons, start.credentials) = (vec![], vec![], vec![]);
    start.words = Some("systemd.default_device_timeout_sec=300 pattern.break=grow".to_owned());
    start
}

#[test]
fn each_recorded_log_is_in_the_table() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
    let names: BTreeSet<_> =
        logs.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ROWS.iter().map(|row| row.name.to_owned()).collect());
}

#[test]
fn each_log_leads_to_the_registers_of_its_boot_in_each_bank() {
    let mut banks = 0;
    for row in &ROWS {
        for bank in [Bank::Sha256, Bank::Sha384] {
            let registers = row.registers(bank);
            banks += usize::from(!registers.is_empty());
            for (pcr, value) in registers.iter().filter(|(pcr, _)| **pcr != IMA) {
                assert_eq!(
                    row.log().value(*pcr, bank).as_ref(),
                    Ok(value),
                    "{}: PCR {pcr} ({})",
                    row.name,
                    bank.name()
                );
            }
            assert!(registers.is_empty() || registers.len() == 16, "{}", row.name);
            assert!(registers.is_empty() || row.log().digests(IMA, bank).unwrap().is_empty());
        }
    }
    assert_eq!(banks, ROWS.len() + 1, "one machine has two banks");
}

#[test]
fn each_event_is_understood_or_named() {
    for row in &ROWS {
        let (log, registers) = (row.log(), row.registers(BANK));
        assert_eq!(loader(&log).as_deref(), row.loader, "{}", row.name);
        let mut others = BTreeMap::<(u8, u32), usize>::new();
        for pcr in [4, 8, 9, 11, 12, 13, 14] {
            let unknown = log.of(pcr).filter(|event| meaning(pcr, event, BANK).is_none());
            unknown.for_each(|event| *others.entry((pcr, event.kind)).or_default() += 1);
        }
        let foreign = log.check(BANK, &registers[&7]).unwrap().foreign();
        foreign.for_each(|event| *others.entry((7, event.kind)).or_default() += 1);
        let named = row.others.iter().map(|(pcr, kind, count)| ((*pcr, *kind), *count)).collect();
        assert_eq!(others, named, "{}", row.name);
    }
}

/// What the registers were, or a doubt. Of 4, 9 and 11 a doubt in any case: the kernel image is another one.
#[test]
fn the_same_start_again_is_predicted_as_it_was_or_not_at_all() {
    for row in &ROWS {
        let registers = row.registers(BANK);
        let there = if row.doubt.is_none() { SYSTEMD_BOOT.clone() } else { file(LOADER, &program(&[])) };
        for (pcr, predicted) in row.predicted(&there, &[]) {
            let said = predicted.as_ref().map_err(ToString::to_string);
            let is_loaders = OF_LOADERS.contains(&pcr);
            match (said, row.doubt) {
                (Ok(later), _) => assert_eq!((&later.value, later.words()), (&registers[&pcr], None)),
                (Err(said), Some(doubt)) if is_loaders => assert_eq!(said, doubt, "{}: {pcr}", row.name),
                (Err(said), _) => assert!([4, 5, 7, 9, 10, 11].contains(&pcr), "{}: {pcr}: {said}", row.name),
            }
            assert!(!is_loaders || row.doubt.is_none() || predicted.is_err(), "{}: PCR {pcr}", row.name);
        }
    }
}

/// The boot loader was another one when this boot began, and the one that lies there now is known.
#[test]
fn what_others_measured_is_a_doubt_even_where_they_were_replaced() {
    let touched = [LOADER.to_owned(), "/EFI/BOOT".to_owned()];
    for row in ROWS.iter().filter(|row| !row.others.is_empty()) {
        let predicted = row.predicted(&SYSTEMD_BOOT, &touched);
        for (pcr, kind, _) in row.others {
            let doubt = predicted[pcr].as_ref().unwrap_err();
            match pcr {
                7 => assert!(doubt.to_string().starts_with("this boot was started by shim"), "{doubt}"),
                9 => assert!(matches!(doubt, Doubt::NotReproduced(9, _) | Doubt::Event(9, TEXT)), "{doubt}"),
                pcr => assert_eq!(*doubt, Doubt::Event(*pcr, *kind), "{}", row.name),
            }
        }
    }
}

/// The firmware starts the kernel image itself: the same file again is known, and another one is not.
#[test]
fn a_start_without_a_boot_loader_is_predicted_for_the_same_file() {
    let row = ROWS.iter().find(|row| row.name == "direct").unwrap();
    let (log, registers) = (row.log(), row.registers(BANK));
    let (now, mut direct) = (|pcr: u8| registers.get(&pcr).cloned(), bare());
    direct.image.path = LOADER.to_owned();
    let of = |next: &Start| {
        let boot = Boot { now: &now, loader: Some(&direct.image), ..boot(&log, &direct, &[]) };
        let prediction = boot.before(next);
        [8, 12, 13, 14].map(|pcr| prediction.register(pcr).map(|later| later.value))
    };
    assert_eq!(of(&direct), [8, 12, 13, 14].map(|pcr| Ok(registers[&pcr].clone())));
    assert_eq!(of(&bare()), [8, 12, 13, 14].map(|_| Err(Doubt::Loader(Some(LOADER.to_owned())))));
}
