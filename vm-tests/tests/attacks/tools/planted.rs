//! Volumes that an attacker makes on a machine of theirs: with an `/etc` of theirs in it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pattern::uki;
use pattern_vm_tests::Computer;

/// The passphrase of those that have one.
pub(crate) const PASSPHRASE: &str = "known";

/// How the volume is locked: a value of `Encrypt=` (repart.d(5)), and what systemd-repart needs for it.
pub(crate) struct Lock {
    encrypt: &'static str,
    options: &'static [&'static str],
}

/// Not at all: a file system.
pub(crate) const OPEN: Lock = Lock { encrypt: "off", options: &[] };
/// With the passphrase.
pub(crate) const KNOWN: Lock = Lock { encrypt: "key-file", options: &["--key-file=planted/key"] };
/// To the machine's TPM, by the TPM itself, for the images that may open the owner's volume.
pub(crate) const SEALED: Lock = Lock {
    encrypt: "tpm2",
    options: &["--tpm2-device=swtpm:path=used/socket", SIGNED, "--tpm2-public-key-pcrs=11", "--tpm2-pcrs="],
};
/// The same, somewhere else.
pub(crate) const SEALED_ELSEWHERE: Lock = Lock {
    encrypt: "tpm2",
    options: &["--tpm2-device-key=storage-root-key", SIGNED, "--tpm2-public-key-pcrs=11", "--tpm2-pcrs="],
};
const SIGNED: &str = "--tpm2-public-key=planted/pcr.pem";

/// Starts a copy of the machine's TPM, runs a command beside it, and stops it.
const WITH_TPM: &str = "rm -rf used && cp -r tpm used
    swtpm socket --tpm2 --tpmstate dir=used --server type=unixio,path=used/socket \
        --ctrl type=unixio,path=used/socket.ctrl --flags not-need-init,startup-clear &
    for each in 1 2 3 4 5 6 7 8 9; do [ -e used/socket ] || sleep 1; done
    \"$@\"
    status=$?; kill $!; exit $status";

/// Makes a disk with one partition labelled `persist`; nothing of it needs the machine that is attacked.
pub(crate) fn disk(computer: &Computer, lock: &Lock) -> PathBuf {
    let folder = computer.folder();
    for name in ["etc", "home", "srv", "var"] {
        let path = folder.join("planted/files/root").join(name);
        fs::create_dir_all(&path).expect("creating a planted folder");
        fs::write(path.join("kept"), "planted\n").expect("writing a planted file");
    }
    fs::create_dir_all(folder.join("planted/definitions")).expect("creating the definitions' folder");
    fs::write(folder.join("planted/key"), PASSPHRASE).expect("writing the passphrase");
    let image = fs::read(computer.kernel_image()).expect("reading the kernel image");
    let key = uki::section(&image, ".pcrpkey").expect("the image has a key that signs PCR 11");
    fs::write(folder.join("planted/pcr.pem"), key).expect("writing the key that signs PCR 11");
    let definition = format!(
        "[Partition]\nType=linux-generic\nLabel=persist\nFormat=xfs\nEncrypt={}\nCopyFiles={}:/\nSizeMinBytes=400M\n",
        lock.encrypt,
        folder.join("planted/files").display()
    );
    fs::write(folder.join("planted/definitions/persist.conf"), definition).expect("writing the definition");
    let disk = folder.join("planted/disk.raw");
    fs::remove_file(&disk).ok();
    let mut repart = with_tpm(computer, "systemd-repart");
    repart.args(["--offline=yes", "--empty=create", "--size=410M", "--dry-run=no", "--no-pager"]);
    run(repart.arg("--definitions=planted/definitions").args(lock.options).arg(&disk));
    disk
}

/// Reads the public part of the TPM's storage root key, which is not secret.
pub(crate) fn read_storage_root_key(computer: &Computer) {
    let mut read = with_tpm(computer, "tpm2_readpublic");
    read.args(["--tcti", "swtpm:path=used/socket", "--object-context", "0x81000001"]);
    run(read.args(["--output", "storage-root-key"]));
}

fn with_tpm(computer: &Computer, program: &str) -> Command {
    let mut command = computer.command("sh");
    command.args(["-c", WITH_TPM, "sh", program]);
    command
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
}
