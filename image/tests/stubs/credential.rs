//! Credentials reach QEMU, and are in no file.

use std::fs;

use crate::host::Host;

#[test]
fn a_credential_reaches_qemu_in_memory() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    fs::write(host.path("secret"), "hunter2\n").unwrap();
    // Twice, as a program that asks for the size first.
    let does = r#"for word; do case $word in type=11,path=*) file=${word#type=11,path=}; esac; done
        cat "$file" "$file" >"$STUBS/given"; grep -rl aHVudGVyMgo= "$TMPDIR" . >"$STUBS/found""#;
    let arguments = ["run", "x_1.raw", "--load-credential", "a.b:secret"];
    host.pattern(does, &arguments).output().unwrap();
    let given = fs::read_to_string(host.path("stubs/given")).unwrap();
    assert_eq!(given, "io.systemd.credential.binary:a.b=aHVudGVyMgo=".repeat(2));
    assert_eq!(fs::read_to_string(host.path("stubs/found")).unwrap(), "");
}
