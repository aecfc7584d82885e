//! The owner of a machine whose image has no shell: leaves a script on the EFI system partition, which the image for scenarios runs.

use pattern_vm_tests::{Computer, Guest};

/// The root of the EFI system partition.
pub(crate) const ESP: &str = "::/";
pub(crate) const ASKED: &str = "Recovery key for /dev/vda6:";
pub(crate) const LOGIN: &str = "production login:";
/// `FS_IOC_SETFLAGS`: the image has no chattr.
pub(crate) const MUTABLE: &str =
    r#"perl -e 'open F, "<", $ARGV[0]; my $none = pack("q", 0); ioctl F, 0x40086602, $none'"#;
const BY_TPM: &str = "opened it by the TPM";

/// Has the owner run this in the next boot, which asks nothing. Returns what was said.
pub(crate) fn runs(computer: &mut Computer, script: &str) -> String {
    computer.write_to_esp(ESP, "owner.sh", format!("{script}echo owner: end\n").as_bytes());
    let mut guest = computer.start();
    let said = guest.expect("owner: end");
    assert!(!said.contains(ASKED), "the recovery key was asked for: {said}");
    drop(guest);
    computer.remove_from_esp("::/owner.sh");
    said
}

/// Waits for the login, on the way to which nobody is asked.
pub(crate) fn is_not_asked(guest: &mut Guest) {
    let (index, said) = guest.expect_any(&[BY_TPM, ASKED]);
    assert_eq!(index, 0, "the recovery key was asked for: {said}");
    guest.expect(LOGIN);
}
