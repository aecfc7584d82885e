//! A person who waits sees one changing line, as wide as the terminal at most. Elsewhere each step
//! is one plain line when it has ended. A quiet program tells only what went wrong.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use tempfile::TempDir;

const CONFIG: &str = r#"
[image]
id = "x"
version = "1"
updates = { url = "https://example.org/", pubring = "x.pgp" }
[partitions]
sizes = { esp = "200M", verity = "200M", usr = "2G" }
"#;

/// The first step of a build. It fails.
const TOOLS: &str = "#!/bin/sh\necho '‣ Looking for what this host does not have'\necho no network\nexit 3\n";

/// A folder with an image to build, and with what the program finds where it is installed.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    for folder in ["share/pattern/mkosi", "share/pattern/units", "lib/pattern"] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    for program in ["pattern-initrd", "pattern-fetch"] {
        fs::write(path("lib/pattern").join(program), "").unwrap();
    }
    fs::write(path("share/pattern/components"), "rust 1.95.0\n").unwrap();
    fs::write(path("share/pattern/components-of-fetch"), "rust 1.95.0\n").unwrap();
    fs::write(path("share/pattern/tools"), TOOLS).unwrap();
    fs::set_permissions(path("share/pattern/tools"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(path("pattern.toml"), CONFIG).unwrap();
    fs::write(path("mkosi.conf"), "[Content]\nPackages=linux-image-amd64\n").unwrap();
    // A public key, as far as its packets show. Without gpg no more is looked at before the first step.
    fs::write(path("x.pgp"), b"\x98\x01\0").unwrap();
    fs::create_dir(path("bin")).unwrap();
    for program in ["setpriv", "stty"] {
        symlink(format!("/usr/bin/{program}"), path("bin").join(program)).unwrap();
    }
    place
}

/// What `pattern build` tells, which fails.
fn told(options: &[&str]) -> String {
    let place = place();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
    command.args(["build", "--data", "share/pattern"]).args(options).current_dir(place.path());
    command.env("XDG_CACHE_HOME", place.path().join("cache"));
    let output = command.env("PATH", place.path().join("bin")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What it tells on a terminal of this kind, with 30 columns.
fn shown(term: &str, options: &str) -> String {
    let place = place();
    let pattern = env!("CARGO_BIN_EXE_pattern");
    let line = format!("stty cols 30 rows 10; '{pattern}' build --data share/pattern {options}");
    let mut command = Command::new("/usr/bin/script");
    command.env("PATH", place.path().join("bin")).env("XDG_CACHE_HOME", place.path().join("cache"));
    command.args(["-qec", &line, "/dev/null"]).current_dir(place.path()).env("TERM", term);
    let output = command.env("SHELL", "/bin/sh").stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_line_changes_on_a_terminal_and_fits_it() {
    let text = shown("xterm", "");
    let changes: Vec<&str> = text.split("\r\x1b[K").skip(1).collect();
    assert_eq!(changes.len(), 3, "{text:?}");
    assert!(changes[0].starts_with("tools tree (") && changes[0].ends_with(" s): …"), "{text:?}");
    assert!(changes[1].contains(" s): Looking ") && changes[1].chars().count() == 29, "{text:?}");
    assert!(changes[2].contains(" s): failed\r\n  ‣ Looking for what this host does"), "{text:?}");
}

#[test]
fn no_line_changes_elsewhere() {
    for text in [told(&[]), shown("dumb", "").replace("\r\n", "\n")] {
        assert!(!text.contains(['\r', '\x1b', '…']), "{text:?}");
        let steps: Vec<&str> = text.lines().filter(|line| line.starts_with("tools tree (")).collect();
        assert!(steps.len() == 1 && steps[0].ends_with(" s): failed"), "{text:?}");
        assert!(text.contains("Logs: "), "{text:?}");
    }
}

#[test]
fn a_quiet_program_tells_only_what_went_wrong() {
    for text in [told(&["--quiet"]), shown("xterm", "-q").replace("\r\n", "\n")] {
        let (tail, error) = text.split_once("pattern: ").unwrap();
        assert_eq!(tail, "  ‣ Looking for what this host does not have\n  no network\n");
        assert!(error.contains("failed with exit status: 3; its output is in "), "{text:?}");
    }
}
