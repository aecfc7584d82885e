//! The initrd sends few commands to the TPM, and the kernel's resource manager none: a chip takes 10 to 100 ms for each.

use pattern_vm_tests::{Computer, Heard};

/// All commands of the initrd of a boot that opens the volume.
const MOST_IN_THE_INITRD: usize = 19;

#[test]
fn tpm_commands() {
    let mut computer = Computer::installed("tpm_commands");
    let ear = computer.listen_to_tpm();
    let mut guest = computer.start_initrd();
    guest.expect("Run /init as init process");
    drop(ear.take());
    guest.wait_for_initrd_shell();
    let heard = ear.take();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    few("signed", &heard, "LoadExternal", 10);
    println!("in the initrd: {} commands: {}", heard.len(), names(&heard));
    assert!(heard.len() <= MOST_IN_THE_INITRD, "{}: {}", heard.len(), names(&heard));
}

/// A kernel that systemd-stub did not start brings no signatures, so the volume is bound to PCR 7 and 15 as they are.
#[test]
fn tpm_commands_literal() {
    let mut computer = Computer::new("tpm_commands_literal");
    computer.configure(include_str!("../../../demo/pattern.toml"));
    let ear = computer.listen_to_tpm();
    computer.boot_initrd().power_off();
    drop(ear.take());
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    few("literal", &ear.take(), "StartAuthSession", 5);
}

fn few(policy: &str, heard: &[Heard], first: &str, most: usize) {
    let unlock = unlock(heard, first);
    let (count, names) = (unlock.len(), names(unlock));
    println!("unlocking with {policy} PCRs: {count} commands: {names}");
    assert!(count <= most, "{count}: {names}");
}

fn names(heard: &[Heard]) -> String {
    heard.iter().map(|heard| heard.name()).collect::<Vec<_>>().join(" ")
}

/// From the first command for a policy of this kind to the secret, and what is flushed after it.
fn unlock<'a>(heard: &'a [Heard], first: &str) -> &'a [Heard] {
    let begin = heard.iter().position(|heard| heard.name() == first).expect("a policy is begun");
    let secret = heard.iter().rposition(|heard| heard.name() == "Unseal").expect("something is unsealed");
    let moves = heard[secret + 1..].iter().take_while(|heard| heard.moves_context()).count();
    &heard[begin..=secret + moves]
}
