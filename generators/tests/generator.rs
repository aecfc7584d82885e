//! The real program on real directories.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary directory that stands in for `/`, with a place for the output beside it.
struct Machine(PathBuf);

impl Machine {
    /// `case` is a folder of `tests/golden`.
    fn from_case(name: &str, case: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::remove_dir_all(&dir).ok();
        for sub in ["root/proc", "root/etc", "root/usr/lib/pattern", "normal", "early", "late"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        let golden = golden().join(case);
        fs::copy(golden.join("cmdline"), dir.join("root/proc/cmdline")).unwrap();
        fs::copy(golden.join("pattern.toml"), dir.join("root/usr/lib/pattern/pattern.toml")).unwrap();
        Self(dir)
    }

    fn in_initrd(self) -> Self {
        fs::write(self.0.join("root/etc/initrd-release"), "").unwrap();
        self
    }

    fn arguments(&self) -> Vec<String> {
        let path = |sub: &str| self.0.join(sub).display().to_string();
        vec![format!("--root={}", path("root")), path("normal"), path("early"), path("late")]
    }

    fn generate(&self) -> Output {
        run(&self.arguments().iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn root(&self) -> String {
        format!("--root={}", self.0.join("root").display())
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pattern-generator")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Files and links below a directory, in the form of the golden transcripts.
fn transcript(dir: &Path) -> String {
    let mut paths = Vec::new();
    walk(dir, &mut paths);
    paths.sort();
    let show = |path: &PathBuf| {
        let name = path.strip_prefix(dir).unwrap().display().to_string();
        match fs::read_link(path) {
            Ok(target) => format!("{name} -> {}\n", target.display()),
            Err(_) => {
                let content = fs::read_to_string(path).unwrap();
                let lines = content.lines().map(|line| format!("{}\n", format!("    {line}").trim_end()));
                format!("{name}:\n{}", lines.collect::<String>())
            }
        }
    };
    paths.iter().map(show).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn the_initrd_generator_writes_its_plan_to_the_early_directory_only() {
    let machine = Machine::from_case("writes-early", "02-everything-persisted").in_initrd();
    assert!(machine.generate().status.success());
    let expected = fs::read_to_string(golden().join("02-everything-persisted/initrd.expected")).unwrap();
    assert_eq!(transcript(&machine.0.join("early")), expected);
    assert_eq!(transcript(&machine.0.join("normal")) + &transcript(&machine.0.join("late")), "");
}

#[test]
fn the_host_generator_writes_its_plan_to_the_normal_directory_only() {
    let machine = Machine::from_case("writes-normal", "04-debug");
    assert!(machine.generate().status.success());
    let expected = fs::read_to_string(golden().join("04-debug/host.expected")).unwrap();
    assert_eq!(transcript(&machine.0.join("normal")), expected);
    assert_eq!(transcript(&machine.0.join("early")) + &transcript(&machine.0.join("late")), "");
}

#[test]
fn what_is_there_is_never_overwritten() {
    let machine = Machine::from_case("overwrites", "01-nothing-persisted").in_initrd();
    let file = machine.0.join("early/emergency.service.d/60-pattern-trial.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    symlink("/elsewhere", &file).unwrap();
    let output = machine.generate();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("writing {}: File exists", file.display())), "{output:?}");
    assert_eq!(fs::read_link(&file).unwrap(), Path::new("/elsewhere"));
}

#[test]
fn bad_input_is_a_unit_and_the_same_words_from_check() {
    let machine = Machine::from_case("bad-input", "10-short-usrhash").in_initrd();
    assert!(machine.generate().status.success(), "bad input does not fail the boot");
    assert!(machine.0.join("early/initrd.target.wants/pattern-config.service").is_symlink());
    let check = run(&[&machine.root(), "--check"]);
    assert_eq!(check.status.code(), Some(1));
    let words = "kernel command line: usrhash=: a root hash has 64 hexadecimal digits, this has 4\n";
    assert_eq!(text(&check.stderr), words);
}

#[test]
fn good_input_passes_the_check() {
    let machine = Machine::from_case("good-input", "01-nothing-persisted").in_initrd();
    let check = run(&[&machine.root(), "--check"]);
    assert_eq!((check.status.code(), text(&check.stderr)), (Some(0), String::new()));
}

#[test]
fn another_number_of_directories_is_refused() {
    for arguments in [&[][..], &["/a", "/b"], &["/a", "/b", "/c", "/d"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("one or three directories are expected"), "{output:?}");
    }
}

/// As on a serial line that is not there. In the initrd, standard error is the last console.
#[test]
fn output_that_nobody_takes_ends_nothing_in_the_middle() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let code = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern-generator"));
        command.args(arguments).stdout(full()).stderr(full()).status().unwrap().code()
    };
    let machine = Machine::from_case("nobody", "11-mistakes-in-the-configuration").in_initrd();
    for arguments in [&["--check"][..], &["--print"], &["one", "two"]] {
        assert_eq!(code(&[&[machine.root().as_str()], arguments].concat()), Some(1), "{arguments:?}");
    }
    assert_eq!(code(&["--help"]), Some(1));
    let arguments = machine.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(code(&arguments), Some(0));
    assert!(machine.0.join("early/initrd.target.wants/pattern-config.service").is_symlink());
}

#[test]
fn print_shows_the_plan_and_writes_nothing() {
    let machine = Machine::from_case("prints", "01-nothing-persisted").in_initrd();
    let output = run(&[&machine.root(), "--print"]);
    assert!(text(&output.stdout).contains("initrd-usr-fs.target.requires/pattern-usr.service"), "{output:?}");
    assert_eq!(transcript(&machine.0.join("early")), "");
}

#[test]
#[ignore = "needs strace; `make test` runs it"]
fn nothing_outside_the_output_directory_is_written() {
    let machine = Machine::from_case("strace", "02-everything-persisted").in_initrd();
    let log = machine.0.join("strace.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=file,network", "-o"]).arg(&log);
    let status = strace.arg(env!("CARGO_BIN_EXE_pattern-generator")).args(machine.arguments()).status();
    assert!(status.expect("strace starts").success());
    let log = fs::read_to_string(&log).unwrap();
    let early = machine.0.join("early").display().to_string();
    let changes =
        ["O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "symlink", "unlink", "rename", "chmod", "socket", "mount"];
    let writes: Vec<&str> =
        log.lines().filter(|line| changes.iter().any(|word| line.contains(word))).collect();
    assert!(writes.len() > 10, "strace saw the units being written: {log}");
    let strays: Vec<&&str> = writes.iter().filter(|line| !line.contains(&early)).collect();
    assert!(strays.is_empty(), "written elsewhere: {strays:#?}");
}

/// `units/` and whatever the cases generate, as one unit search path for systemd's own verifier.
#[test]
#[ignore = "needs systemd-analyze; `make test` runs it"]
fn systemd_accepts_every_unit() {
    for case in ["02-everything-persisted", "04-debug", "06-plan-only"] {
        let machine = Machine::from_case(&format!("verify-{case}"), case).in_initrd();
        assert!(machine.generate().status.success());
        verify(&machine.0.join("early"), &[]);
    }
    // On the host, drop-ins for systemd's own units.
    let machine = Machine::from_case("verify-host", "04-debug");
    assert!(machine.generate().status.success());
    verify(
        &machine.0.join("normal"),
        &["getty@tty1.service", "serial-getty@ttyS0.service", "emergency.service"],
    );
}

fn verify(generated: &Path, more: &[&str]) {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../units");
    let shipped = generated.join("../shipped");
    fs::create_dir_all(&shipped).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(units).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|kind| kind == "service") {
            // The verifier wants the programs to be there; here only the units are judged.
            let unit = fs::read_to_string(entry.path()).unwrap();
            let program = |line| if str::starts_with(line, "Exec") { "ExecStart=/bin/true" } else { line };
            let unit: String = unit.lines().map(|line| format!("{}\n", program(line))).collect();
            fs::write(shipped.join(entry.file_name()), unit).unwrap();
            names.push(shipped.join(entry.file_name()));
        }
    }
    let mounts = fs::read_dir(generated).unwrap().map(|entry| entry.unwrap().path());
    names.extend(mounts.filter(|path| path.extension().is_some_and(|kind| kind == "mount")));
    let path = format!("{}:{}:", shipped.display(), generated.display());
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&names)
        .args(more)
        .env("SYSTEMD_UNIT_PATH", path)
        .output()
        .expect("systemd-analyze starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

/// A full disk, or nobody who reads: an error, and not an abort.
#[test]
fn output_that_can_not_be_written_is_an_error() {
    for option in ["--version", "--help"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pattern-generator"));
        let output = command.arg(option).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let wanted = "pattern-generator: writing to standard output: No space left on device (os error 28)\n";
        assert_eq!(said, wanted);
    }
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pattern-generator"));
    let status = command.arg("--wrong").arg("--words").stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}
