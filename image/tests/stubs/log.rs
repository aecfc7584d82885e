//! What QEMU and swtpm say reaches the person who started `pattern run`: the logs of a machine that is not kept are gone with it.

use crate::host::{Host, said};

#[test]
fn a_failed_qemu_is_quoted() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    let does = "echo 'qemu: could not open disk' >&2; exit 3";
    let output = host.pattern(does, &["run", "x_1.raw"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "pattern: QEMU ended with exit status: 3: qemu: could not open disk\n");
    assert!(host.names("temporary").is_empty());
}

#[test]
fn a_failed_swtpm_is_quoted() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    host.program("stubs/bin/swtpm", "#!/bin/sh\necho 'swtpm: no such option' >&2\nexit 1\n");
    let error = host.fails(&["run", "x_1.raw"]);
    assert_eq!(error, "pattern: starting swtpm: it ended with exit status: 1: swtpm: no such option\n");
    assert!(host.names("temporary").is_empty());
}
