//! Unlocking costs few TPM commands: a chip takes 10 to 100 ms for each, and the kernel moves contexts in and out around
//! them.

use pattern_vm_tests::{Computer, Heard};

/// All commands of the initrd of a boot that opens the volume, at the chip.
const MOST_IN_THE_INITRD: usize = 46;

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
    few("signed", &heard, "LoadExternal", (9, 40));
    println!("in the initrd: {} commands at the chip: {}", heard.len(), names(&heard));
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
    few("literal", &ear.take(), "StartAuthSession", (5, 20));
}

fn few(policy: &str, heard: &[Heard], first: &str, (most, most_at_chip): (usize, usize)) {
    let unlock = unlock(heard, first);
    let own = unlock.iter().filter(|heard| !heard.moves_context()).count();
    let names = names(unlock);
    println!(
        "unlocking with {policy} PCRs: {own} commands of our own, {} at the chip: {names}",
        unlock.len()
    );
    assert!(own <= most && unlock.len() <= most_at_chip, "{own} of {}: {names}", unlock.len());
}

fn names(heard: &[Heard]) -> String {
    heard.iter().map(|heard| heard.name()).collect::<Vec<_>>().join(" ")
}

/// From the first command for a policy of this kind to the secret, with what the kernel does about the contexts.
fn unlock<'a>(heard: &'a [Heard], first: &str) -> &'a [Heard] {
    let begin = heard.iter().position(|heard| heard.name() == first).expect("a policy is begun");
    let secret = heard.iter().rposition(|heard| heard.name() == "Unseal").expect("something is unsealed");
    let moves = heard[secret + 1..].iter().take_while(|heard| heard.moves_context()).count();
    &heard[begin..=secret + moves]
}
