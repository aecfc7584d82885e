//! A volume in a plain file and a software TPM, in the boots of a real machine whose firmware logs
//! are kept as fixtures.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use pattern::firmware::{Log, Started, Variable};
use pattern::hex;
use pattern::token::ahead::Approver;
use pattern::volume::Seen;
use pattern_machine::random;

use super::*;
use crate::tpm::swtpm::Swtpm;
use crate::volume::ahead::staged::{Staged, with_files};
use crate::volume::luks::tests::cuts::{HEADER, cuts};
use crate::volume::luks::tests::machine;
use crate::volume::luks::{self, Draft};
use crate::volume::place::recognised;
use crate::volume::samples::config;

/// The next boot starts what this one did.
const SAME: Started<'_> = Started { programs: &[], complete: true };
const SECRET: [u8; 32] = [0xa5; 32];
const AHEAD: [u8; 32] = [0x5a; 32];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/firmware").join(name)
}

fn log(boot: &str) -> Log {
    Log::parse(&fs::read(fixture(&format!("{boot}.log"))).unwrap()).unwrap()
}

/// Returns PCR 7 of a boot.
fn value(boot: &str) -> Vec<u8> {
    let values = fs::read_to_string(fixture("pcr7")).unwrap();
    let prefix = format!("{boot} sha256 ");
    hex::decode(values.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap()).unwrap()
}

/// Returns what the variables hold after a boot, and before the next one.
fn contents(boot: &str) -> std::collections::BTreeMap<Variable, Vec<u8>> {
    let (log, value) = (log(boot), value(boot));
    let measured = log.check(Bank::Sha256, &value).unwrap();
    Variable::ALL.map(|variable| (variable, measured.content(variable).unwrap().to_vec())).into()
}

/// Boots the machine, as far as PCR 7 is concerned.
pub(crate) fn boot(swtpm: &mut Swtpm, boot: &str) {
    swtpm.restart();
    let bytes = fs::read(fixture(&format!("{boot}.log"))).unwrap();
    // The first event has a header of 32 bytes; all logs but `first` have one bank of SHA-256.
    let banks: &[usize] = if boot == "first" { &[32, 48] } else { &[32] };
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 32 + number(28);
    while at < bytes.len() {
        let (pcr, kind) = (number(at), number(at + 4));
        let digest = &bytes[at + 14..at + 46];
        let hex = hex::encode(digest);
        if pcr == 7 && kind != 3 {
            swtpm.tool(&format!("tpm2_pcrextend 7:sha256={hex}"));
        }
        at += 12 + banks.iter().map(|bank| 2 + bank).sum::<usize>();
        at += 4 + number(at);
    }
}

/// Binds as an image with `debug = false` and without signatures: the policy has PCR 7, 12 and 15.
fn binding() -> Binding {
    of_the_key(&config(false), None, Bank::Sha256)
}

fn header(device: &std::path::Path) -> Header {
    let Seen::Luks2(header) = luks::look(device).unwrap() else { panic!("no volume") };
    header
}

fn files(changes: &[(Variable, &str)]) -> Vec<(Variable, PathBuf)> {
    changes.iter().map(|(variable, name)| (*variable, fixture(name))).collect()
}

fn staged_words(from: &str, contents_of: &str, changes: &[(Variable, &str)]) -> Result<(Vec<u8>, String)> {
    let log = log(from);
    let contents = with_files(contents(contents_of), &files(changes))?;
    let staged = Staged::new((&log, Bank::Sha256, &value(from)), contents, (SAME, &[]))?;
    Ok((staged.next[&7].clone(), staged.words()))
}

#[test]
fn what_waits_for_a_restart_is_seen_in_the_variables_and_in_files() {
    let words = |from, contents, files: &[_]| staged_words(from, contents, files).unwrap();
    assert_eq!(words("first", "first", &[]), (value("first"), String::new()));
    assert_eq!(words("first", "dbx", &[]), (value("dbx"), "dbx".to_owned()));
    assert_eq!(words("first", "db", &[]), (value("db"), "db and dbx".to_owned()));
    assert_eq!(words("first", "first", &[(Variable::Dbx, "dbx.auth")]), words("first", "dbx", &[]));
    assert_eq!(words("first", "dbx", &[(Variable::Db, "db.auth")]), words("first", "db", &[]));
}

#[test]
fn what_can_not_be_predicted_says_that_the_next_boot_may_ask() {
    let error =
        |from, contents, files: &[_]| format!("{:#}", staged_words(from, contents, files).unwrap_err());
    let off = error("off", "off", &[]);
    assert_eq!(
        off,
        "predicting PCR 7 of the next boot, which may ask for the recovery key: Secure Boot is off in this boot"
    );
    assert!(error("first", "off", &[]).ends_with(": the change switches Secure Boot off"));
    let not = error("first", "first", &[(Variable::Dbx, "README.md")]);
    assert!(not.contains("README.md: the file is not a signed change of a variable"), "{not}");
}

/// Makes a volume that the first boot opens, and the slot for a change.
fn with_slot(swtpm: &mut Swtpm, device: &Path) -> (Approver, VolumeKey) {
    boot(swtpm, "first");
    let mut tpm = swtpm.connect();
    let token = tpm.seal(&SECRET, &binding(), None, 0).unwrap();
    let approver = tpm.make_approver([4; 32].into()).unwrap();
    let slot = tpm.seal_ahead(&AHEAD, &approver, (Bank::Sha256, None), None).unwrap();
    drop(tpm);
    let mut draft = Draft::new(device, 32 << 20, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&token, &SECRET).unwrap();
    draft.write(device).unwrap();
    let mut volume = Volume::load(device).unwrap();
    let key = volume.unlock_sealed(&token, &SECRET).unwrap();
    volume.replace_ahead(&key, slot, &AHEAD).unwrap();
    (approver, key)
}

/// The promise: an announced change opens the volume without a person, and no other change does.
#[test]
fn an_announced_change_of_dbx_opens_the_volume() {
    let (mut swtpm, device) = machine("announced");
    let (approver, key) = with_slot(&mut swtpm, &device);
    let empty = header(&device).ahead();
    assert_eq!((empty.len(), empty[0].keyslot, &empty[0].announced), (1, 1, &None));

    // The running system has no key of the volume.
    let (log, value) = (log("first"), value("first"));
    let staged = Staged::new((&log, Bank::Sha256, &value), contents("dbx"), (SAME, &[])).unwrap();
    let ahead = staged.sign(&swtpm.tcti(), empty[0].clone(), &binding(), &approver).unwrap();
    Volume::load(&device).unwrap().announce(&ahead).unwrap();
    assert_eq!(header(&device).ahead(), std::slice::from_ref(&ahead));

    let opens = |swtpm: &Swtpm| {
        let ((header, locks), tcti) = (recognised(&device).unwrap(), swtpm.tcti());
        let by_token = Tpm::unseal(&tcti, &locks.tokens[0], Presented::default()).is_ok();
        let slot = &header.ahead()[0];
        let secret = Tpm::unseal_ahead(&tcti, slot, None, Presented::default());
        let by_slot = secret.is_ok_and(|secret| {
            let mut volume = Volume::vetted(&device, &header).unwrap();
            volume.unlock_ahead(slot, &secret).unwrap().as_bytes() == key.as_bytes()
        });
        (by_token, by_slot)
    };
    assert_eq!(opens(&swtpm), (true, false));
    boot(&mut swtpm, "dbx");
    assert_eq!(opens(&swtpm), (false, true));
    for other in ["db", "off", "setup", "other-signer"] {
        boot(&mut swtpm, other);
        assert_eq!(opens(&swtpm), (false, false), "{other}");
    }
    // A slot that a later boot makes replaces the announced one.
    boot(&mut swtpm, "dbx");
    let slot = swtpm.connect().seal_ahead(&SECRET, &approver, (Bank::Sha256, None), None).unwrap();
    Volume::load(&device).unwrap().replace_ahead(&key, slot, &SECRET).unwrap();
    let left = header(&device).ahead();
    assert_eq!((left.len(), &left[0].announced), (1, &None));
    let gone = Volume::load(&device).unwrap().announce(&ahead).unwrap_err().to_string();
    assert_eq!(gone, "the slot for announced changes is gone");
    assert_eq!(Volume::load(&device).unwrap().remove_ahead().unwrap(), 1);
    assert!(header(&device).ahead().is_empty());
}

/// A power cut while the announcement is written leaves the way in that was there, and the announcement or none. Both open the volume
/// in their boots.
#[test]
fn a_cut_at_any_sector_of_an_announcement_leaves_the_way_in() {
    let (mut swtpm, device) = machine("announced-cut");
    let (approver, key) = with_slot(&mut swtpm, &device);
    let disk = || fs::read(&device).unwrap()[..HEADER].to_vec();
    let before = disk();
    let (log, value) = (log("first"), value("first"));
    let staged = Staged::new((&log, Bank::Sha256, &value), contents("dbx"), (SAME, &[])).unwrap();
    let slot = header(&device).ahead().remove(0);
    let ahead = staged.sign(&swtpm.tcti(), slot.clone(), &binding(), &approver).unwrap();
    Volume::load(&device).unwrap().announce(&ahead).unwrap();
    let after = disk();
    let file = fs::File::options().write(true).open(&device).unwrap();
    let (mut old, mut new) = (0, 0);
    for (number, cut) in cuts(&before, &after).iter().enumerate() {
        file.write_all_at(cut, 0).unwrap();
        let (header, locks) = recognised(&device).unwrap();
        let slots = header.ahead();
        match slots[..] {
            [ref one] if *one == slot => old += 1,
            [ref one] if *one == ahead => new += 1,
            ref other => panic!("cut {number}: {other:?}"),
        }
        let mut volume = Volume::vetted(&device, &header).unwrap();
        let opened = volume.unlock_sealed(&locks.tokens[0], &SECRET).unwrap();
        assert!(opened.as_bytes() == key.as_bytes(), "cut {number}");
        assert!(volume.unlock_ahead(&slots[0], &AHEAD).unwrap().as_bytes() == key.as_bytes(), "cut {number}");
    }
    assert!(old > 20 && new > 20, "{old} {new}");
}
