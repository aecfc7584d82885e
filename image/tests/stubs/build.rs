//! `pattern build`: each build has its files for itself, and a signal leaves none of it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Stdio;

use crate::host::{Host, RUNS, WAITS, is_running, said, send, wait_until};
use crate::result::{BUILT, RESULT};

/// It would fail at its end, after minutes.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn what_the_build_can_not_write_at_its_end_is_named_before_mkosi_starts() {
    let host = Host::with_mkosi();
    symlink("/proc/self/none", host.path("x/users.lock")).unwrap();
    let error = host.fails(&["build", "x"]);
    let wanted = "building from x: /proc/self/none can't be written, and the build ends with that file: copy the folder to ";
    assert!(error.contains(wanted), "{error}");
    fs::remove_file(host.path("x/users.lock")).unwrap();
    fs::create_dir_all(host.path("build/images")).unwrap();
    fs::write(host.path(RESULT), "").unwrap();
    let error = host.fails(&["build", "x"]);
    assert!(error.ends_with("building into build/images/x_1: it is a file, not a folder: move it away, or name another folder with --output\n"), "{error}");
    assert!(!host.path("stubs/initrd").exists(), "mkosi was started");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn no_result_goes_below_a_release_or_into_another_image() {
    let host = Host::with_mkosi();
    host.image_folder("y");
    fs::create_dir(host.path("release")).unwrap();
    for name in ["SHA256SUMS", "SHA256SUMS.gpg"] {
        fs::write(host.path("release").join(name), "").unwrap();
    }
    for (output, found, kind) in [
        ("release/images", "release", "a release"),
        ("y/mkosi.extra/images", "y/mkosi.extra", "what mkosi reads for an image"),
    ] {
        let error = host.fails(&["build", "x", "--output", output]);
        let end = format!("/{found} is {kind}: name another folder with --output\n");
        assert!(error.contains(&format!("building into {output}: ")) && error.ends_with(&end), "{error}");
        assert!(!host.path(output).exists());
    }
}

/// As mkosi says of `ExtraTrees=%i-keys:/usr/share/k`, which the folder does not show.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_secret_key_that_only_mkosi_finds_is_named_before_the_image_is_made() {
    let host = Host::with_mkosi();
    let tree = |name: &str| {
        let text = format!(r#"{{"Source":"{}","Target":"/usr/share/k"}}"#, host.path(name).display());
        fs::write(host.path("stubs/trees"), text).unwrap();
    };
    tree("x-keys");
    let error = host.fails(&["build", "x"]);
    let key = host.path("x-keys/pcr-private.pem");
    let wanted = format!("{} is a secret key of a NAME-keys, and everybody who has the image", key.display());
    assert!(error.contains("pattern: building from x: ") && error.contains(&wanted), "{error}");
    assert!(!host.path("stubs/initrd").exists(), "mkosi made something");
    fs::create_dir(host.path("more")).unwrap();
    fs::write(host.path("more/tls"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    tree("more");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pattern"));
    host.furnish(command.args(["build", "x"]), ":");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("/more/tls is a private key, which all machines"), "{}", said(&output));
    // What the folder shows is said once.
    fs::write(host.path("x/mkosi.conf"), "[Content]\nPackages=linux-image-amd64\nExtraTrees=../more\n")
        .unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pattern"));
    host.furnish(command.args(["build", "x", "--force"]), ":");
    let told = said(&command.output().unwrap());
    assert_eq!(told.matches("more/tls is a private key").count(), 1, "{told}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_version_has_one_build_at_a_time() {
    let host = Host::with_mkosi();
    let mut first = host.starts(host.pattern(WAITS, &["build", "x"]), "initrd");
    fs::write(host.path("build/images/.work/x_1/made/half"), "").unwrap();
    let error = host.fails(&["build", "x", "--force"]);
    let wanted =
        "pattern: another pattern process is using build/images/.work/x_1; try again when it has finished\n";
    assert!(error.ends_with(wanted), "{error}");
    assert!(host.path("build/images/.work/x_1/made/half").exists());
    fs::write(host.path("stubs/go"), "").unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(host.names(RESULT), BUILT);
}

/// The initrd's cache is that of all images.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn builds_of_two_images_wait_for_each_other_where_they_must() {
    let host = Host::with_mkosi();
    host.image_folder("y");
    let mut first = host.starts(host.pattern(WAITS, &["build", "x"]), "initrd");
    let mut second = host.pattern(WAITS, &["build", "y"]);
    let mut second = second.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = second.stderr.take().unwrap();
    let mut text = Vec::new();
    let waits =
        |text: &[u8]| String::from_utf8_lossy(text).contains("waiting: another pattern process is using ");
    while !waits(&text) {
        let mut byte = [0];
        errors.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    fs::write(host.path("stubs/go"), "").unwrap();
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
    assert!(host.path("build/images/y_1/y_1.raw").exists());

    // In the last step each has a cache of its own.
    fs::remove_file(host.path("stubs/go")).unwrap();
    let does = format!("[ $step = initrd ] || {{ {WAITS}; }}");
    let mut first = host.starts(host.pattern(&does, &["build", "x", "--force"]), "image");
    host.succeeds(&["build", "y", "--force"]);
    fs::write(host.path("stubs/go"), "").unwrap();
    assert!(first.wait().unwrap().success());
}

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

/// mkosi ends, and what it started goes on and could still write to the log.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_signal_ends_a_build_whose_mkosi_leaves_something_running() {
    let host = Host::with_mkosi();
    for (deaf, stays) in [("", false), ("trap '' TERM; ", true)] {
        let does = format!(r#"({deaf}exec sleep 1000) & sleep 0.1; echo $! >"$STUBS/ready"; wait"#);
        let mut build = host.starts(host.pattern(&does, &["build", "x"]), "ready");
        send("TERM", &build.id().to_string());
        assert_eq!(build.wait().unwrap().signal(), Some(15));
        let left = host.process("ready");
        if stays {
            assert!(is_running(&left));
            send("KILL", &left);
        }
        wait_until("it is gone", || !is_running(&left));
    }
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

/// mkosi would say so at its end.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn keys_that_do_not_belong_together_are_named_before_mkosi_starts() {
    let host = Host::with_mkosi();
    host.succeeds(&["gen-keyring", "y"]);
    host.succeeds(&["gen-keyring", "y", "--epoch", "1"]);
    let whole = |name: &str| fs::read(host.path("x-keys").join(name)).unwrap();
    for (name, message) in [
        ("secure-boot.crt", "x-keys/secure-boot.crt is not the certificate of "),
        ("pcr-epoch-1-public.pem", "x-keys/pcr-epoch-1-public.pem is not the public half of "),
        ("pcr-public.pem", "x-keys/pcr-public.pem is not the public half of "),
    ] {
        let before = whole(name);
        fs::copy(host.path("y-keys").join(name), host.path("x-keys").join(name)).unwrap();
        let error = host.fails(&["build", "x", "--keys", "x-keys"]);
        assert!(error.contains(message) && error.ends_with(": restore both from your backup\n"), "{error}");
        fs::write(host.path("x-keys").join(name), before).unwrap();
    }
    // The folder above, with two keyrings.
    let error = host.fails(&["build", "x", "--keys", "."]);
    let wanted = "keys: . is not a NAME-keys folder: name ./x-keys, which is in it; only for a new system: pattern gen-keyring NAME\n";
    assert!(error.ends_with(wanted), "{error}");
    assert!(!host.path("stubs/initrd").exists(), "mkosi was started");
    let other = said(&host.succeeds(&["build", "x", "--keys", "y-keys"]));
    assert!(
        other.contains("y-keys are those of \"y\", and x/x-pubring.pgp is the keyring of \"x\": "),
        "{other}"
    );
    let own = said(&host.succeeds(&["build", "x", "--keys", "x-keys", "--force"]));
    assert!(!own.contains("warning"), "{own}");
}

/// The image's own mkosi configuration says which: its initrd is not of another one.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn initrd_and_image_are_of_the_release_that_the_image_names() {
    const SOURCES: &str = "apt/etc/apt/sources.list.d/mkosi.sources";
    let host = Host::with_mkosi();
    host.succeeds(&["build", "x"]);
    let words = |step: &str| fs::read_to_string(host.path(&format!("stubs/{step}.words"))).unwrap();
    for step in ["initrd", "image"] {
        assert!(words(step).contains(" --release=trixie --sandbox-tree="), "{}", words(step));
        assert!(words(step).contains("/cache/pattern/tools/apt "), "{}", words(step));
    }

    fs::write(host.path("stubs/release"), "testing").unwrap();
    let error = host.fails(&["build", "x", "--force"]);
    assert!(error.contains("reading ") && error.contains(SOURCES), "{error}");
    let ready = host.path("cache/pattern/tools").join(SOURCES);
    fs::create_dir_all(ready.parent().unwrap()).unwrap();
    fs::write(ready, "Types: deb\nURIs: http://deb.example\nSuites: trixie trixie-updates\n\n").unwrap();
    host.succeeds(&["build", "x", "--force"]);
    for step in ["initrd", "image"] {
        assert!(words(step).contains(" --release=testing --sandbox-tree="), "{}", words(step));
        assert!(words(step).contains("/.work/x_1/apt "), "{}", words(step));
    }
    let written = fs::read_to_string(host.path("build/images/.work/x_1").join(SOURCES)).unwrap();
    assert_eq!(written, "Types: deb\nURIs: http://deb.example\nSuites: testing testing-updates\n\n");
}
