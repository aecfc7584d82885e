//! What is predicted of the same start again, by the library and from the files themselves.

use std::collections::BTreeMap;
use std::fs;

use pattern::firmware::{Log, Variable};
use pattern::start::{Boot, File, Start, loader};
use pattern::token::Bank;
use pattern::tpm::measure::ENTER_INITRD;
use pattern_vm_tests::Computer;
use sha2::{Digest as _, Sha256};

const BANK: Bank = Bank::Sha256;
const IMAGE: &str = "/EFI/Linux/demo_0.0.1.efi";
/// IMA measures into it, which has a log of its own.
const IMA: u8 = 10;
/// But for PCR 1, whose variables of the boot manager are not looked at here.
const REGISTERS: [u8; 15] = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Returns the registers that are not clear. The others are as they are in this boot.
pub(crate) fn unclear(computer: &Computer, log: &Log, registers: &BTreeMap<u8, Vec<u8>>) -> Vec<u8> {
    for (pcr, value) in registers.iter().filter(|(pcr, _)| **pcr != IMA) {
        assert_eq!(log.value(*pcr, BANK).as_ref(), Ok(value), "PCR {pcr}");
    }
    let measured = log.check(BANK, &registers[&7]).expect("the log leads to PCR 7");
    let contents = Variable::ALL.into_iter().filter_map(|one| Some((one, measured.content(one)?.to_vec())));
    let (variables, loader) = (contents.collect(), loader(log).map(|path| of_esp(computer, &path)));
    let start = start(computer, measured.secure_boot());
    let now = |pcr: u8| registers.get(&pcr).cloned();
    let boot = Boot {
        log,
        bank: BANK,
        now: &now,
        running: &start,
        touched: &[],
        loader: loader.as_ref(),
        variables: &variables,
        boot_manager: &BTreeMap::new(),
    };
    let prediction = boot.before(&start);
    let is_unclear = |pcr: &u8| match prediction.register(*pcr) {
        Ok(later) => {
            assert_eq!(later.value, when_asked(*pcr, &registers[pcr]), "PCR {pcr}");
            assert_eq!(later.words(), None, "PCR {pcr}");
            false
        }
        Err(doubt) => {
            println!("PCR {pcr}: {doubt}");
            true
        }
    };
    REGISTERS.into_iter().filter(is_unclear).collect()
}

/// The register when the initrd asks the TPM, which it extends before.
fn when_asked(pcr: u8, recorded: &[u8]) -> Vec<u8> {
    let phase = Sha256::digest(ENTER_INITRD.as_bytes());
    if pcr == 11 { Sha256::digest([recorded, &phase[..]].concat()).to_vec() } else { recorded.to_vec() }
}

fn start(computer: &Computer, secure_boot: bool) -> Start {
    let image = fs::read(computer.kernel_image()).expect("reading the kernel image");
    Start {
        image: File { path: IMAGE.to_owned(), bytes: image },
        profile: 0,
        options: None,
        words: Some(computer.all_words().to_owned()),
        beside: Vec::new(),
        add_ons: Vec::new(),
        credentials: Vec::new(),
        extensions: Vec::new(),
        secure_boot,
    }
}

fn of_esp(computer: &Computer, path: &str) -> File {
    computer.copy_from_esp(&format!("::{path}"), "started.efi");
    let bytes = fs::read(computer.folder().join("started.efi")).expect("reading the boot loader");
    File { path: path.to_owned(), bytes }
}
