//! What a start of a kernel image measures: programs and other files on the EFI system partition, and the event log of a boot.

use std::collections::BTreeMap;

use pattern::firmware::Log;
use pattern::start::{Boot, File, Later, Start, loader};
use pattern::token::Bank;

/// Takes an event log after its length, a program after its length, and another file, which lies at each place that a start looks at.
///
/// # Panics
/// When the same files are measured in two ways, a boot that explains itself is not predicted as it was, or a value has another length.
pub fn start(input: &[u8]) {
    let (log, rest) = sized(input).unwrap_or_default();
    let (program, other) = sized(rest).unwrap_or((rest, rest));
    let start = of(program, other);
    for bank in [Bank::Sha256, Bank::Sha384] {
        let measured = start.extensions(bank);
        assert_eq!(measured, start.extensions(bank));
        let length = bank.zeros().len();
        assert!(
            measured
                .iter()
                .flatten()
                .all(|one| one.digest.len() == length && [4, 9, 11, 12, 13].contains(&one.pcr))
        );
        if let Ok(log) = Log::parse(log) {
            predicted(&log, bank, &start);
        }
    }
}

fn predicted(log: &Log, bank: Bank, start: &Start) {
    let (path, zeros) = (loader(log), bank.zeros());
    assert!(path.as_ref().is_none_or(|path| path.starts_with('/')));
    // Started by the firmware itself, so all is predicted.
    let mut start = start.clone();
    start.image.path = path.clone().unwrap_or(start.image.path);
    for (pcr, later) in registers(log, bank, &start, &start.image, &|_| Some(zeros.clone())) {
        // Nothing was measured into a register that is zero, so the same start is told from this boot where it measures something.
        assert!(later.words().is_none() || later.value != zeros || pcr == 15, "PCR {pcr}: {later:?}");
    }
    let now = |pcr| log.value(pcr, bank).ok();
    for (pcr, later) in registers(log, bank, &start, &start.image, &now) {
        assert_eq!(later.value.len(), zeros.len());
        let is_firmwares = [0, 1, 2, 3, 6].contains(&pcr);
        assert!(!is_firmwares || Some(&later.value) == now(pcr).as_ref(), "PCR {pcr}: {later:?}");
        assert!(![8, 14].contains(&pcr) || later.value == zeros, "PCR {pcr}: {later:?}");
    }
    let other = File { path: path.unwrap_or_default(), bytes: b"not systemd-boot".to_vec() };
    start.image.path.push('x');
    let predicted = registers(log, bank, &start, &other, &now);
    assert!(predicted.iter().all(|(pcr, _)| [0, 1, 2, 3, 6].contains(pcr) || *pcr > 14), "{predicted:?}");
}

/// What is predicted of the same start again.
fn registers(
    log: &Log,
    bank: Bank,
    start: &Start,
    loader: &File,
    now: &dyn Fn(u8) -> Option<Vec<u8>>,
) -> Vec<(u8, Later)> {
    let touched = ["/loader/credentials".to_owned()];
    let boot = Boot {
        log,
        bank,
        now,
        running: start,
        touched: &touched,
        loader: Some(loader),
        variables: &BTreeMap::new(),
        boot_manager: &BTreeMap::new(),
    };
    let prediction = boot.before(start);
    (0..=24).filter_map(|pcr| Some((pcr, prediction.register(pcr).ok()?))).collect()
}

fn of(program: &[u8], other: &[u8]) -> Start {
    let file = |path: &str, bytes: &[u8]| File { path: path.to_owned(), bytes: bytes.to_vec() };
    let beside = |name: &str| file(&format!("/EFI/Linux/x.efi.extra.d/{name}"), other);
    let words = String::from_utf8_lossy(other.get(..other.len().min(64)).unwrap_or_default()).into_owned();
    Start {
        image: file("/EFI/Linux/x.efi", program),
        profile: u32::from(other.first().copied().unwrap_or_default() & 1),
        options: Some(words.clone()),
        words: Some(words),
        beside: vec![beside("a.addon.efi"), beside("a.confext.raw"), beside("a.cred"), beside("a.raw")],
        add_ons: vec![file("/loader/addons/a.addon.efi", other)],
        credentials: vec![file("/loader/credentials/a.cred", other)],
        extensions: vec![file("/loader/extensions/a.raw", other)],
        secure_boot: other.len().is_multiple_of(2),
    }
}

fn sized(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}
