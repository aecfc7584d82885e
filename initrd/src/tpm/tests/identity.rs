//! The volume's identity and the count of its openings: who may write them, and what becomes of indices that somebody else
//! made.

use std::fs;

use super::*;
use crate::tpm::Nv;

fn binding() -> Binding {
    Binding { untouched: Pcrs::new([15]).ok(), ..Binding::new(Bank::Sha256, None, pcr7().into()) }
}

fn with<T>(swtpm: &Swtpm, act: impl FnOnce(&Nv<'_>) -> Result<T>) -> Result<T> {
    act(&Nv::new(&swtpm.tcti(), binding(), None)?)
}

fn keep(swtpm: &Swtpm, tag: &[u8; 32]) -> Result<()> {
    with(swtpm, |nv| nv.keep_identity(tag))
}

fn held(swtpm: &Swtpm) -> Option<Vec<u8>> {
    with(swtpm, |nv| nv.identity()).unwrap()
}

fn count(swtpm: &Swtpm) -> Result<()> {
    with(swtpm, |nv| nv.count())
}

fn counted(swtpm: &Swtpm) -> Option<u64> {
    with(swtpm, |nv| nv.counted()).unwrap()
}

#[test]
fn an_identity_is_kept_until_another_is() {
    let mut swtpm = measured("identity");
    assert_eq!(held(&swtpm), None);
    keep(&swtpm, &[1; 32]).unwrap();
    assert_eq!(held(&swtpm), Some(vec![1; 32]));
    swtpm.restart();
    swtpm.extend(7);
    assert_eq!(held(&swtpm), Some(vec![1; 32]));
    keep(&swtpm, &[2; 32]).unwrap();
    assert_eq!(held(&swtpm), Some(vec![2; 32]));
}

#[test]
fn after_the_latch_nobody_writes_it() {
    let swtpm = measured("identity-latched");
    keep(&swtpm, &[1; 32]).unwrap();
    swtpm.extend(15);
    let error = keep(&swtpm, &[2; 32]).unwrap_err().to_string();
    assert!(error.starts_with("writing the identity: "), "{error}");
    assert_eq!(held(&swtpm), Some(vec![1; 32]));
    assert!(!swtpm.try_tool("tpm2_nvwrite -C o -i identity 0x1807074"), "the owner wrote it");
    // Anybody may remove it; a new one stays empty.
    swtpm.tool("tpm2_nvundefine -C o 0x1807074");
    assert!(keep(&swtpm, &[2; 32]).is_err());
    assert_eq!(held(&swtpm), None);
}

#[test]
fn an_index_that_somebody_else_made_is_none_of_ours() {
    let swtpm = measured("identity-foreign");
    swtpm.tool("tpm2_nvdefine -C o -s 32 -a ownerread|authread|ownerwrite|no_da 0x1807074");
    fs::write(swtpm.folder().join("tag"), [3; 32]).unwrap();
    swtpm.tool("tpm2_nvwrite -C o -i tag 0x1807074");
    assert_eq!(held(&swtpm), None);
    keep(&swtpm, &[4; 32]).unwrap();
    assert_eq!(held(&swtpm), Some(vec![4; 32]));
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
    swtpm.tool("tpm2_nvundefine -C o 0x1807075");
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
    assert!(!swtpm.try_tool("tpm2_nvincrement -C o 0x1807075"), "the owner counted");
    assert_eq!(counted(&swtpm), before);
}

#[test]
fn a_counter_that_somebody_else_made_counts_for_nothing() {
    let swtpm = measured("counter-foreign");
    swtpm.tool("tpm2_nvdefine -C o -s 8 -a nt=counter|ownerread|authread|ownerwrite|no_da 0x1807075");
    swtpm.tool("tpm2_nvincrement -C o 0x1807075");
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

/// A chip takes 10 to 100 ms for each.
#[test]
fn proving_and_counting_take_few_commands() {
    let swtpm = measured("counter-commands");
    keep(&swtpm, &[1; 32]).unwrap();
    count(&swtpm).unwrap();
    let _flushed = swtpm.tcti();
    let (tcti, heard) = swtpm.observed();
    let commands = || std::mem::take(&mut heard.lock().unwrap().codes).len();
    let nv = Nv::new(&tcti, binding(), None).unwrap();
    let _held = nv.identity().unwrap();
    assert_eq!(commands(), 3, "PCR_Read, NV_ReadPublic, NV_Read");
    let _counted = nv.counted().unwrap();
    assert_eq!(commands(), 2, "NV_ReadPublic, NV_Read");
    nv.count().unwrap();
    assert_eq!(commands(), 5, "NV_ReadPublic, ReadPublic, StartAuthSession, PolicyPCR, NV_Increment");
}
