//! Credentials reach QEMU, and are in no file.

use std::fs;
use std::process::Command;

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

/// As a shell gives it with `<(COMMAND)`: what another program writes.
#[test]
fn a_credential_may_come_from_another_program() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    let does = r#"for word; do case $word in type=11,path=*) file=${word#type=11,path=}; esac; done
        cat "$file" >"$STUBS/given""#;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut pattern = host.pattern(does, &["run", "x_1.raw", "--load-credential", "a.b:/dev/stdin"]);
    std::io::Write::write_all(&mut writer, b"hunter2\n").unwrap();
    drop(writer);
    pattern.stdin(reader).output().unwrap();
    let given = fs::read_to_string(host.path("stubs/given")).unwrap();
    assert_eq!(given, "io.systemd.credential.binary:a.b=aHVudGVyMgo=");
}

#[test]
fn a_fifo_that_nobody_writes_to_is_not_waited_for() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    assert!(Command::new("mkfifo").arg(host.path("fifo")).status().unwrap().success());
    let output = host.pattern("", &["run", "x_1.raw", "--load-credential", "a:fifo"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "pattern: reading fifo: it is a FIFO, not a file\n");
}
