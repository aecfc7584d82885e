//! A word on the kernel command line asks for a shell in the initrd.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, on_stock};

const ATTACK: Attack = Attack {
    row: 13,
    name: "shell_by_command_line",
    what: "`rd.systemd.debug_shell=ttyS0` is on the kernel command line",
    who: "at the console; adds to the kernel command line, by SMBIOS",
    prepare: |computer| computer.words("rd.systemd.debug_shell=ttyS0"),
    ..BY_STEPS
};
pub(crate) const ADDED: &str = "something was added to the kernel image from outside";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn shell_by_command_line() {
    let mut computer = Computer::production(ATTACK.name);
    (ATTACK.prepare)(&mut computer);
    let mut guest = computer.start();
    let outcome = ATTACK.judge(&mut guest);
    assert!(outcome.words.starts_with("refused") && outcome.console.contains(ADDED), "{}", outcome.console);
    assert!(!guest.has_a_shell(), "a shell answers");
    ATTACK.note("ours", &format!("refused: no shell is there; the key stays with the TPM: {ADDED}"));
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn shell_by_command_line_stock() {
    on_stock(ATTACK.name, |mut computer| {
        (ATTACK.prepare)(&mut computer);
        let mut guest = computer.start();
        let (which, _) = guest.expect_any(&["Started debug-shell.service", "report: end"]);
        // The volume is what the shell is for.
        let used = "**used**: root's shell, in the initrd; the volume's key stays with the TPM";
        let words = if which == 0 && guest.has_a_shell() { used } else { "no effect" };
        vec![(ATTACK, words.to_owned())]
    });
}
