//! A host whose QEMU, swtpm and mkosi are scripts, and a folder to run commands in.

use std::fs;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gptman::{GPT, GPTPartitionEntry};
use tempfile::TempDir;

/// It does what a test says, in the machine's folder.
const QEMU: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "QEMU emulator version 10.0.2"; exit; fi
echo $$ >"$STUBS/qemu"
eval "$DOES"
"#;
const SWTPM: &str = "#!/bin/sh\necho $$ >\"$STUBS/swtpm\"\n: >tpm.sock\nexec sleep 1000\n";

/// The step before mkosi.
const TOOLS: &str = "#!/bin/sh\nmkdir -p \"$1\"\ncp \"$STUBS/bin/mkosi\" \"$1/mkosi\"\n";
/// It does what a test says, `$step` by `$step`, and then makes files.
const MKOSI: &str = r#"#!/bin/sh
step=initrd
for word; do case $word in
    summary) echo '{"Images":[{"Distribution":"debian","Release":"'$(cat "$STUBS/release" || echo trixie)'",
        "ExtraTrees":['$(cat "$STUBS/trees")']}]}'; exit ;;
    --output-directory=*) to=${word#*=} ;;
    --image-id=*) step=image id=${word#*=} ;;
esac; done
echo $$ >"$STUBS/$step"
echo "$@" >"$STUBS/$step.words"
eval "$DOES"
echo '{"config":{"distribution":"debian","release":"trixie"},"packages":[{"type":"deb","name":"kmod","version":"34","architecture":"amd64"}]}' | tee "$to/initrd.manifest" >"$to/x_1.manifest"
cp "$to/x_1.manifest" "$to/y_1.manifest"
: >"$to/users.lock"
[ $step = initrd ] || for end in raw efi usr.0a.raw verity.0b.raw; do echo "$end" >"$to/${id}_1.$end"; done
"#;

/// What a program does that runs until something ends it.
pub(crate) const RUNS: &str = "exec sleep 1000";
/// What a program does that does not end when it is asked to. It notes that it is ready.
pub(crate) const DEAF: &str = "trap '' TERM; echo $$ >\"$STUBS/ready\"; while :; do sleep 0.1; done";
/// What a program does that runs until the test lets it go on.
pub(crate) const WAITS: &str = "until [ -e \"$STUBS/go\" ]; do sleep 0.1; done";

pub(crate) struct Host(TempDir);

impl Host {
    pub(crate) fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        for folder in ["stubs/bin", "stubs/share/OVMF", "temporary"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        host.program("stubs/bin/qemu-system-x86_64", QEMU);
        host.program("stubs/bin/swtpm", SWTPM);
        host.program("stubs/bin/swtpm_setup", "#!/bin/sh\necho state >tpm/tpm2-00.permall\n");
        for name in ["bin/socat", "share/OVMF/OVMF_CODE_4M.fd", "share/OVMF/OVMF_VARS_4M.fd"] {
            host.program(&format!("stubs/{name}"), "#!/bin/sh\n");
        }
        host
    }

    /// Adds a mkosi, and the folder `x` with an image's `pattern.toml`.
    pub(crate) fn with_mkosi() -> Self {
        let host = Self::new();
        for folder in ["share/pattern/mkosi", "share/pattern/units", "lib/pattern"] {
            fs::create_dir_all(host.path("data").join(folder)).unwrap();
        }
        host.program("stubs/bin/mkosi", MKOSI);
        host.program("data/share/pattern/tools", TOOLS);
        for program in ["pattern-initrd", "pattern-fetch"] {
            fs::write(host.path("data/lib/pattern").join(program), "").unwrap();
        }
        fs::write(host.path("data/share/pattern/components"), "rust 1.95.0\n").unwrap();
        fs::write(host.path("data/share/pattern/components-of-fetch"), "rust 1.95.0\n").unwrap();
        host.succeeds(&["gen-keyring", "x"]);
        host.succeeds(&["gen-keyring", "x", "--epoch", "1"]);
        host.image_folder("x");
        host
    }

    /// Makes a folder, whose path ends with an image's ID, with the `pattern.toml` of version 1.
    pub(crate) fn image_folder(&self, path: &str) {
        let (folder, id) = (self.path(path), path.rsplit('/').next().unwrap());
        let text = format!(
            "[image]\nid = \"{id}\"\nversion = \"1\"\nepoch = 1\n\
             updates = {{ url = \"https://x.example\", pubring = \"x-pubring.pgp\" }}\n\
             [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n"
        );
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("pattern.toml"), text).unwrap();
        fs::write(folder.join("mkosi.conf"), "[Content]\nPackages=linux-image-amd64\n").unwrap();
        fs::copy(self.path("x-pubring.pgp"), folder.join("x-pubring.pgp")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        // By a process: a file can't be started while a test beside this one has inherited it open for writing.
        let mut install = Command::new("install");
        install.args(["-m", "755", "/dev/stdin"]).arg(self.path(name)).stdin(Stdio::piped());
        let mut install = install.spawn().unwrap();
        install.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success());
    }

    /// Writes an image that is told from others by this byte.
    pub(crate) fn image(&self, name: &str, byte: u8) {
        const MIB: u64 = 1 << 20;
        let path = self.path(name);
        let mut file =
            fs::File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(4 * MIB).unwrap();
        let mut table = GPT::new_from(&mut file, 512, [byte; 16]).unwrap();
        // Of an EFI system partition, and of a `/usr` for x86-64.
        let esp = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
        let usr = *b"\x0c\x68\x84\x84\x21\x95\xc6\x48\x9c\x11\xb0\x72\x06\x56\xf6\x9e";
        for (number, kind, label) in [(1, esp, "esp"), (2, usr, "usr-1")] {
            table[number] = GPTPartitionEntry {
                partition_type_guid: kind,
                unique_partition_guid: [number as u8; 16],
                starting_lba: u64::from(number) * MIB / 512,
                ending_lba: u64::from(number + 1) * MIB / 512 - 1,
                attribute_bits: 0,
                partition_name: label.into(),
            };
        }
        table.write_into(&mut file).unwrap();
    }

    /// Returns `pattern` with these arguments, and a QEMU or mkosi that does this. Quiet, it prints only results, warnings and errors.
    pub(crate) fn pattern(&self, does: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        self.furnish(command.arg("--quiet").args(arguments), does);
        command
    }

    /// Has a command find the stubs.
    pub(crate) fn furnish(&self, command: &mut Command, does: &str) {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path("stubs/bin").display()));
        command.env("PATTERN_PROGRAMS", self.path("stubs")).env("STUBS", self.path("stubs"));
        command.env("PATTERN_DATA", self.path("data/share/pattern"));
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.env("TMPDIR", self.path("temporary")).env("DOES", does);
        command.current_dir(self.0.path()).stdin(Stdio::null());
    }

    /// Runs `pattern`, which must succeed, and returns its output.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> Output {
        let output = self.pattern(":", arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        output
    }

    /// Runs `pattern`, which must fail, and returns what it complains about.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.pattern(":", arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// Starts `pattern`, and waits until a script notes its process.
    pub(crate) fn starts(&self, mut command: Command, script: &str) -> Running {
        let note = self.path(&format!("stubs/{script}"));
        fs::remove_file(&note).ok();
        let child = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_until(&format!("{script} runs"), || {
            fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n'))
        });
        child
    }

    /// Returns the process of a script.
    pub(crate) fn process(&self, script: &str) -> String {
        fs::read_to_string(self.path(&format!("stubs/{script}"))).unwrap().trim().to_owned()
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// It does not outlive a test that fails.
pub(crate) struct Running(Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal, such as TERM.
pub(crate) fn send(signal: &str, process: &str) {
    assert!(Command::new("kill").args(["-s", signal, "--", process]).status().unwrap().success());
}

pub(crate) fn is_running(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    // One that ended may wait for its parent to notice.
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
