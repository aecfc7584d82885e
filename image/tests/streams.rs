//! Results go to standard output, and everything else to standard error. A closed pipe or a full
//! disk is an exit status, never an abort.

use std::fs::{self, File};
use std::io;
use std::process::{Command, Output, Stdio};

use pattern::age::{self, Recipient};
use tempfile::TempDir;

/// Each kind of command that prints and needs no other program.
const PRINTING: [&[&str]; 7] = [
    &["--help"],
    &["--version"],
    &["help", "sign-release"],
    &["completion", "bash"],
    &["config", "check", "wrong.toml"],
    &["config", "check", "--json", "wrong.toml"],
    &["recovery", "decrypt", "escrow.age", "--identity", "escrow.key"],
];

const PUBLIC: &str = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";
const SECRET: &str = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";

/// A recovery key as a machine leaves it.
fn escrow() -> String {
    let key = ["cbdefghi"; 8].join("-");
    let random = || Ok::<_, age::Error>([7; 32].into());
    age::encrypt(key.as_bytes(), &[Recipient::parse(PUBLIC).unwrap()], random).unwrap()
}

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("wrong.toml"), "").unwrap();
    fs::write(place.path().join("escrow.age"), escrow()).unwrap();
    fs::write(place.path().join("escrow.key"), SECRET).unwrap();
    place
}

fn run(arguments: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Output {
    let place = place();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
    command.args(arguments).current_dir(place.path()).stdin(Stdio::null());
    command.stdout(stdout).stderr(stderr).spawn().unwrap().wait_with_output().unwrap()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The end to write to of a pipe that nobody reads.
fn closed() -> io::PipeWriter {
    io::pipe().unwrap().1
}

#[test]
fn what_is_printed_goes_to_standard_output() {
    for arguments in PRINTING {
        let output = run(arguments, Stdio::piped(), Stdio::piped());
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_read_enough_ends_the_program_quietly() {
    for arguments in PRINTING {
        let output = run(arguments, closed(), Stdio::piped());
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure_in_words() {
    for arguments in PRINTING {
        let output = run(arguments, full(), Stdio::piped());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        let expected = "pattern: writing to standard output: No space left on device (os error 28)\n";
        assert_eq!(error, expected, "{arguments:?}");
    }
}

#[test]
fn errors_that_nobody_can_read_change_no_exit_status() {
    let decrypt: &[&str] = &["recovery", "decrypt", "nowhere.age", "--identity", "escrow.key"];
    let wrong: [(&[&str], i32); 3] = [(&["frob"], 2), (decrypt, 1), (&["run", "nowhere.raw"], 1)];
    for (arguments, status) in wrong {
        for stderr in [Stdio::from(full()), closed().into()] {
            let output = run(arguments, Stdio::piped(), stderr);
            assert_eq!(output.status.code(), Some(status), "{arguments:?}");
            assert!(output.stdout.is_empty(), "{arguments:?}");
        }
    }
}

/// Runs `recovery decrypt` with this file as standard input. Returns its status, what it prints and what it tells.
fn decrypt(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let place = place();
    fs::write(place.path().join("binary.age"), b"age-encryption.org/v1\n\xff").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
    command.args(["recovery", "decrypt"]).args(arguments).current_dir(place.path());
    let output = command.stdin(File::open(place.path().join(input)).unwrap()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_secret_key_may_come_from_standard_input() {
    let key = ["cbdefghi"; 8].join("-");
    let found = decrypt(&["escrow.age", "--identity", "-"], "escrow.key");
    assert_eq!(found, (Some(0), format!("{key}\n"), String::new()));
    let found = decrypt(&["-", "--identity", "escrow.key"], "escrow.age");
    assert_eq!(found, (Some(0), format!("{key}\n"), String::new()));
    let (status, _, error) = decrypt(&["-", "--identity", "-"], "escrow.key");
    let both = "pattern: FILE and KEYFILE can't both be standard input: name a file for one of them\n";
    assert_eq!((status, error.as_str()), (Some(1), both));
}

#[test]
fn swapped_files_are_known() {
    for file in ["escrow.age", "binary.age"] {
        let (status, _, error) = decrypt(&["escrow.key", "--identity", file], "escrow.key");
        let wanted = format!(
            "pattern: {file} is an encrypted file, and escrow.key is a secret key: FILE and KEYFILE are swapped: pattern \
             recovery decrypt {file} --identity escrow.key\n"
        );
        assert_eq!((status, error), (Some(1), wanted));
        let (status, _, error) = decrypt(&["escrow.age", "--identity", file], "escrow.key");
        let wanted = format!(
            "pattern: reading the secret key {file}: it is an encrypted file: name the secret key that age-keygen wrote; if it \
             is one with a passphrase, decrypt it first: age --decrypt\n"
        );
        assert_eq!((status, error), (Some(1), wanted));
    }
}
