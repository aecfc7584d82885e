//! A word on the kernel command line asks for a shell in the initrd. The demonstration is a debug image, which gives one on
//! purpose: of ours, this is run on an image with `debug = false`.

use pattern_vm_tests::Computer;

use crate::attack::Attack;

const ATTACK: Attack = Attack {
    row: 13,
    name: "shell_by_command_line",
    what: "`rd.systemd.debug_shell=ttyS0` is on the kernel command line",
    who: "at the console; adds to the kernel command line, by SMBIOS",
    prepare: |computer| computer.words("rd.systemd.debug_shell=ttyS0"),
    enters: None,
    used: "",
};
const SAYS: &str = "PCR 12 (sha256) was extended: something was added to the kernel image from outside";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn shell_by_command_line() {
    let mut computer = Computer::of_image("production", ATTACK.name);
    let mut guest = computer.start();
    let _ = guest.expect("production login:");
    drop(guest);
    (ATTACK.prepare)(&mut computer);
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains(SAYS), "{said}");
    assert!(!guest.has_a_shell(), "a shell answers");
    ATTACK.note("ours", &format!("refused: no shell is there; the key stays with the TPM: {SAYS}"));
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn shell_by_command_line_stock() {
    let mut computer = Computer::stock(&ATTACK.on_stock());
    (ATTACK.prepare)(&mut computer);
    let mut guest = computer.start();
    let (which, _) = guest.expect_any(&["Started debug-shell.service", "report: end"]);
    if which == 1 {
        return ATTACK.note("stock", "no effect");
    }
    let words = if guest.has_a_shell() { "**used**: root's shell, in the initrd" } else { "no effect" };
    ATTACK.note("stock", words);
}
