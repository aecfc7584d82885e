//! The volume's identity: who may write it, and what becomes of an index that somebody else made.

use std::fs;

use super::*;

fn binding() -> Binding {
    Binding { untouched: Pcrs::new([15]).ok(), ..Binding::new(Bank::Sha256, None, pcr7().into()) }
}

fn keep(swtpm: &Swtpm, tag: &[u8; 32]) -> Result<()> {
    Tpm::keep_identity(&swtpm.tcti(), &binding(), None, tag)
}

fn held(swtpm: &Swtpm) -> Option<Vec<u8>> {
    swtpm.connect().identity(&binding()).unwrap()
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
    // Anybody may read it, and remove it; a new one stays empty.
    assert_eq!(held(&swtpm), Some(vec![1; 32]));
    let error = keep(&swtpm, &[2; 32]).unwrap_err().to_string();
    assert!(error.starts_with("writing the identity: "), "{error}");
    assert_eq!(held(&swtpm), None);
    assert!(!swtpm.try_tool("tpm2_nvwrite -C o -i identity 0x1807074"), "the owner wrote it");
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
