//! The volume's identity and the count of its openings: who may write them, and what happens to
//! indices that somebody else made.

use std::fs;

use super::*;
use crate::tpm::{Held, Nv};
use pattern::record::nv::{Index, MARK};

fn binding() -> Binding {
    Binding { untouched: Pcrs::new([15]).ok(), ..Binding::new(Bank::Sha256, None, pcr7().into()) }
}

fn with<T>(swtpm: &Swtpm, act: impl FnOnce(&Nv<'_>) -> Result<T>) -> Result<T> {
    act(&Nv::new(&swtpm.tcti(), binding(), None, None)?)
}

fn identity() -> Index {
    Index::identity("a volume")
}

fn counter() -> Index {
    Index::counter("a volume")
}

fn handle(index: Index) -> String {
    format!("{:#x}", index.handle)
}

fn keep(swtpm: &Swtpm, record: &[u8; 33]) -> Result<()> {
    with(swtpm, |nv| nv.keep(&identity(), record))
}

fn held(swtpm: &Swtpm) -> Held {
    with(swtpm, |nv| nv.held(&identity())).unwrap()
}

fn ours(record: [u8; 33]) -> Held {
    Held::Ours(record.to_vec())
}

fn count(swtpm: &Swtpm) -> Result<()> {
    with(swtpm, |nv| nv.count(&counter()))
}

fn counted(swtpm: &Swtpm) -> Option<u64> {
    with(swtpm, |nv| nv.counted(&counter())).unwrap()
}

#[test]
fn an_identity_is_kept_until_another_is() {
    let mut swtpm = measured("identity");
    assert_eq!(held(&swtpm), Held::Nothing);
    keep(&swtpm, &[1; 33]).unwrap();
    assert_eq!(held(&swtpm), ours([1; 33]));
    swtpm.restart();
    swtpm.extend(7);
    assert_eq!(held(&swtpm), ours([1; 33]));
    keep(&swtpm, &[2; 33]).unwrap();
    assert_eq!(held(&swtpm), ours([2; 33]));
}

#[test]
fn after_the_latch_nobody_writes_it() {
    let swtpm = measured("identity-latched");
    keep(&swtpm, &[1; 33]).unwrap();
    swtpm.extend(15);
    let error = keep(&swtpm, &[2; 33]).unwrap_err().to_string();
    assert!(error.starts_with("writing the record of the volume: "), "{error}");
    assert_eq!(held(&swtpm), ours([1; 33]));
    assert!(
        !swtpm.try_tool(&format!("tpm2_nvwrite -C o -i identity {}", handle(identity()))),
        "the owner wrote it"
    );
    // Anyone may remove it. A new one stays empty.
    swtpm.tool(&format!("tpm2_nvundefine -C o {}", handle(identity())));
    assert!(keep(&swtpm, &[2; 33]).is_err());
    assert_eq!(held(&swtpm), Held::Nothing);
}

#[test]
fn an_index_that_somebody_else_made_is_none_of_ours() {
    let swtpm = measured("identity-foreign");
    swtpm.tool(&format!(
        "tpm2_nvdefine -C o -s 33 -a ownerread|authread|ownerwrite|no_da {}",
        handle(identity())
    ));
    assert_eq!(held(&swtpm), Held::Nothing);
    fs::write(swtpm.folder().join("tag"), [3; 33]).unwrap();
    swtpm.tool(&format!("tpm2_nvwrite -C o -i tag {}", handle(identity())));
    assert_eq!(held(&swtpm), Held::Foreign);
    keep(&swtpm, &[4; 33]).unwrap();
    assert_eq!(held(&swtpm), ours([4; 33]));
}

#[test]
fn the_count_grows_by_one_and_never_goes_back() {
    let mut swtpm = measured("counter");
    assert_eq!(counted(&swtpm), None);
    count(&swtpm).unwrap();
    let first = counted(&swtpm).unwrap();
    for more in 1..4 {
        count(&swtpm).unwrap();
        assert_eq!(counted(&swtpm), Some(first + more));
    }
    swtpm.restart();
    swtpm.extend(7);
    assert_eq!(counted(&swtpm), Some(first + 3));
    swtpm.tool(&format!("tpm2_nvundefine -C o {}", handle(counter())));
    assert_eq!(counted(&swtpm), None);
    count(&swtpm).unwrap();
    assert!(counted(&swtpm).unwrap() > first + 3);
    swtpm.tool("tpm2_clear -c p");
    count(&swtpm).unwrap();
    assert!(counted(&swtpm).unwrap() > first + 4);
}

#[test]
fn after_the_latch_nobody_counts() {
    let swtpm = measured("counter-latched");
    count(&swtpm).unwrap();
    let before = counted(&swtpm);
    swtpm.extend(15);
    let error = count(&swtpm).unwrap_err().to_string();
    assert!(error.starts_with("counting that the volume is opened: "), "{error}");
    assert!(!swtpm.try_tool(&format!("tpm2_nvincrement -C o {}", handle(counter()))), "the owner counted");
    assert_eq!(counted(&swtpm), before);
}

#[test]
fn a_counter_that_somebody_else_made_counts_for_nothing() {
    let swtpm = measured("counter-foreign");
    swtpm.tool(&format!(
        "tpm2_nvdefine -C o -s 8 -a nt=counter|ownerread|authread|ownerwrite|no_da {}",
        handle(counter())
    ));
    swtpm.tool(&format!("tpm2_nvincrement -C o {}", handle(counter())));
    assert_eq!(counted(&swtpm), None);
    count(&swtpm).unwrap();
    assert!(counted(&swtpm).unwrap() > 1);
}

#[test]
fn a_tpm_in_lockout_counts_on() {
    let swtpm = measured("counter-lockout");
    count(&swtpm).unwrap();
    let before = counted(&swtpm).unwrap();
    swtpm.tool("tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000");
    swtpm.tool("tpm2_nvdefine -C o -s 1 -a authread|authwrite -p right 0x1800000");
    assert!(!swtpm.try_tool("tpm2_nvread -C 0x1800000 -P wrong 0x1800000"), "a wrong password did");
    assert!(!swtpm.try_tool("tpm2_nvread -C 0x1800000 -P right 0x1800000"), "it is not locked out");
    count(&swtpm).unwrap();
    assert_eq!(counted(&swtpm), Some(before + 1));
}

/// Each command takes a chip 10 to 100 ms.
#[test]
fn proving_and_counting_take_few_commands() {
    let swtpm = measured("counter-commands");
    keep(&swtpm, &[1; 33]).unwrap();
    count(&swtpm).unwrap();
    let srk = seal(&swtpm, pcr7(), Bank::Sha256).srk;
    swtpm.tcti();
    let (tcti, heard) = swtpm.observed();
    let commands = || std::mem::take(&mut heard.lock().unwrap().codes).len();
    let nv = Nv::new(&tcti, binding(), None, Some(srk)).unwrap();
    assert_eq!(nv.held(&identity()).unwrap(), ours([1; 33]));
    assert_eq!(commands(), 3, "PCR_Read, StartAuthSession, NV_Read");
    nv.counted(&counter()).unwrap();
    assert_eq!(commands(), 2, "StartAuthSession, NV_Read");
    nv.count(&counter()).unwrap();
    assert_eq!(commands(), 5, "NV_ReadPublic, ReadPublic, StartAuthSession, PolicyPCR, NV_Increment");
}

/// Somebody between processor and TPM may change answers. A read of the index without a session
/// would accept them.
#[test]
fn a_record_that_was_changed_on_the_way_is_not_believed() {
    let swtpm = measured("identity-changed");
    keep(&swtpm, &[1; 33]).unwrap();
    let tcti = swtpm.changed(&[1; 33], &[2; 33]);
    let read = Nv::new(&tcti, binding(), None, None).unwrap().held(&identity());
    assert!(read.is_err(), "{read:?}");
}

#[test]
fn all_records_are_listed_but_those_that_a_cut_left_empty() {
    let swtpm = measured("identity-records");
    let records = || with(&swtpm, |nv| nv.records()).unwrap();
    assert_eq!(records(), []);
    keep(&swtpm, &[1; 33]).unwrap();
    let other = Index::identity("another volume");
    with(&swtpm, |nv| nv.keep(&other, &[2; 33])).unwrap();
    swtpm.tool("tpm2_nvdefine -C o -s 33 -a ownerread|authread|policywrite|no_da 0x1900001");
    swtpm.tool("tpm2_nvdefine -C o -s 8 -a ownerread|ownerwrite 0x1b00001");
    let mut wanted = vec![identity(), other];
    wanted.sort_by_key(|index| index.handle);
    assert_eq!(records(), wanted);
    swtpm.connect().forget(&other).unwrap();
    assert_eq!(records(), [identity()]);
    swtpm.connect().forget(&other).unwrap();
}

/// The mark protects the records of earlier versions: its first value is 1 only once in a TPM's
/// life.
#[test]
fn a_tpm_that_has_counted_starts_no_counter_at_one() {
    let mut swtpm = measured("mark");
    let (first, again) = (swtpm.connect().count_up(&MARK).unwrap(), swtpm.connect().count_of(&MARK).unwrap());
    assert_eq!((first, again), (1, Some(1)));
    swtpm.restart();
    assert_eq!(swtpm.connect().count_of(&MARK).unwrap(), Some(1));
    swtpm.connect().forget(&MARK).unwrap();
    assert_eq!(swtpm.connect().count_of(&MARK).unwrap(), None);
    assert!(swtpm.connect().count_up(&MARK).unwrap() > 1);
    swtpm.tool("tpm2_clear -c p");
    assert!(swtpm.connect().count_up(&MARK).unwrap() > 2);
}
