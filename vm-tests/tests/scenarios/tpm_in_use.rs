//! The initrd uses the TPM itself, which one program at a time can open. If another one has it, the kernel's resource
//! manager serves as well.

use pattern_vm_tests::Computer;

/// A service of somebody who keeps the TPM open.
const HOLDER: &str = "[Unit]\\nDefaultDependencies=no\\n[Service]\\nType=exec\\nStandardInput=file:/dev/tpm0\\nExecStart=/usr/bin/sleep infinity\\n";

#[test]
fn tpm_in_use() {
    let mut computer = Computer::installed("tpm_in_use");
    computer.words("pattern.break=persist");
    let ear = computer.listen_to_tpm();
    let mut guest = computer.start();
    guest.expect("Shell asked for by pattern.break=");
    guest.greet();
    guest.must(&format!("printf '{HOLDER}' >/run/systemd/system/holder.service; systemctl daemon-reload"));
    guest.must("systemctl start holder.service");
    guest.must_fail("cat /dev/tpm0");
    drop(ear.take());
    guest.send("exit");
    guest.expect("opened it by the TPM");
    let names: Vec<String> = ear.take().iter().map(|heard| heard.name()).collect();
    // The resource manager's mark.
    assert!(names.iter().any(|name| name == "ContextSave"), "{names:?}");
    guest.wait_for_shell();
}
