//! The program of the machine ends in an orderly way, wherever its output goes: a reader who went away
//! changes nothing, a full disk is an error. Wrong usage has status 2.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

/// `pattern`, which is a name of the program.
fn pattern(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern-initrd"));
    command.arg0("pattern").args(words);
    command
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads.
fn closed() -> io::PipeWriter {
    io::pipe().unwrap().1
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (status.code(), stdout, stderr)
}

#[test]
fn help_and_version_are_printed() {
    let (code, said, errors) = run(&mut pattern(&["reset", "--help"]));
    assert!(said.starts_with("Usage: pattern reset [--yes | --ask] [--now]\n"), "{said}");
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let version = format!("pattern {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&mut pattern(&["-V"])), (Some(0), version, String::new()));
}

#[test]
fn a_reader_who_went_away_changes_nothing() {
    for words in [&["--help"][..], &["--version"], &["help", "status"]] {
        let (code, _, errors) = run(pattern(words).stdout(closed()));
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for words in [&["--help"][..], &["--version"], &["help", "status"]] {
        let (code, _, errors) = run(pattern(words).stdout(full()));
        let said = "pattern: writing to standard output: No space left on device (os error 28)\n";
        assert_eq!((code, errors.as_str()), (Some(1), said), "{words:?}");
    }
}

/// The tests run on a host, which is not a pattern system.
#[test]
fn elsewhere_each_command_says_so() {
    for words in [
        &["status"][..],
        &["check-update", "--json"],
        &["etc", "diff", "--json", "ssh"],
        &["recovery", "confirm"],
        &["reset", "--status", "--json"],
    ] {
        let (code, said, errors) = run(&mut pattern(words));
        assert!(errors.starts_with("pattern: this is not a pattern system: "), "{words:?}: {errors}");
        assert_eq!(
            said.starts_with("{\"error\":\"this is not "),
            words.contains(&"--json"),
            "{words:?}: {said}"
        );
        assert_eq!(code, Some(3), "{words:?}");
    }
}

#[test]
fn wrong_usage_has_status_2_whether_anybody_reads_why_or_not() {
    let (code, said, errors) = run(&mut pattern(&["rset"]));
    let why = "pattern: there is no command \"rset\"; did you mean reset?\nTry: pattern --help\n";
    assert_eq!((code, said.as_str(), errors.as_str()), (Some(2), "", why));
    for nobody in [Stdio::from(closed()), Stdio::from(full())] {
        assert_eq!(run(pattern(&["rset"]).stderr(nobody)).0, Some(2));
    }
}
