//! `pattern build`: a signal ends what it started, in order.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;

use crate::host::{Host, RUNS, is_running, said, send, wait_until};

const RESULT: &str = "build/images/x_1";

/// Ctrl-C in a terminal is a signal to all processes of its foreground group. mkosi cleans up after one signal, not after two.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_signal_ends_mkosi_in_order() {
    let host = Host::with_mkosi();
    for (signal, to_all) in [("INT", true), ("TERM", false), ("HUP", true)] {
        let told = host.path("stubs/told");
        fs::remove_file(&told).ok();
        let ends = r#"trap 'echo told >>"$STUBS/told"; sleep 0.5; echo cleaned >>"$STUBS/told"; exit 1' INT TERM HUP
            [ $step = initrd ] || echo $$ >"$STUBS/ready"
            [ $step = initrd ] || while :; do sleep 0.1; done"#;
        let mut build = host.pattern(ends, &["build", "x", "--keys", "x-keys"]);
        build.process_group(0);
        let mut build = host.starts(build, "ready");
        let keys = host.path("build/images/.work/x_1/pcr-private-keys.pem");
        assert!(keys.exists());
        let group = format!("{}{}", if to_all { "-" } else { "" }, build.id());
        send(signal, &group);
        assert!(build.wait().unwrap().signal().is_some());
        assert_eq!(fs::read_to_string(told).unwrap(), "told\ncleaned\n", "{signal}");
        assert!(!is_running(&host.process("ready")));
        assert!(!keys.exists() && host.names("temporary").is_empty());
        assert!(!host.path(RESULT).exists());
    }
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn mkosi_does_not_outlive_a_build_that_is_killed() {
    let host = Host::with_mkosi();
    let mut build = host.starts(host.pattern(RUNS, &["build", "x"]), "initrd");
    build.kill().unwrap();
    build.wait().unwrap();
    wait_until("mkosi is gone", || !is_running(&host.process("initrd")));
}

/// The script that makes the tools tree is the real one, and apt-get is not.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_signal_ends_what_the_tools_script_started() {
    let host = Host::with_mkosi();
    let script = host.path("data/share/pattern/tools");
    fs::remove_file(&script).unwrap();
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools"), script).unwrap();
    let apt = "#!/bin/sh\n[ \"$1\" = indextargets ] && echo 'Debian http://deb.example' && exit\n\
               echo $$ >\"$STUBS/apt\"\nexec sleep 1000\n";
    host.program("stubs/bin/apt-get", apt);
    let mut build = host.starts(host.pattern(RUNS, &["build", "x"]), "apt");
    send("TERM", &build.id().to_string());
    assert_eq!(build.wait().unwrap().signal(), Some(15));
    assert!(!is_running(&host.process("apt")));
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_failed_mkosi_is_named() {
    let host = Host::with_mkosi();
    let output = host.pattern("exit 7", &["build", "x"]).output().unwrap();
    let error = said(&output);
    assert!(error.contains("/mkosi failed with exit status: 7; its output is in "), "{error}");
}
