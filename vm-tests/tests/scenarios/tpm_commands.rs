//! Unlocking costs few TPM commands: a chip takes 10 to 100 ms for each, and the kernel moves contexts in and out around
//! them.

use pattern_vm_tests::{Computer, Heard};

#[test]
fn tpm_commands() {
    let mut computer = Computer::installed("tpm_commands");
    let ear = computer.listen_to_tpm();
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    let heard = ear.take();
    let unlock = unlock(&heard);
    let own = unlock.iter().filter(|heard| !heard.moves_context()).count();
    let names = unlock.iter().map(|heard| heard.name()).collect::<Vec<_>>().join(" ");
    println!("unlocking with signed PCRs: {own} commands of our own, {} at the chip: {names}", unlock.len());
    assert!(own <= 9 && unlock.len() <= 40, "{own} of {}: {names}", unlock.len());
}

/// From the image's key to the secret, with what the kernel does about the contexts.
fn unlock(heard: &[Heard]) -> &[Heard] {
    let begin =
        heard.iter().position(|heard| heard.name() == "LoadExternal").expect("the image's key is loaded");
    let secret = heard.iter().rposition(|heard| heard.name() == "Unseal").expect("something is unsealed");
    let moves = heard[secret + 1..].iter().take_while(|heard| heard.moves_context()).count();
    &heard[begin..=secret + moves]
}
