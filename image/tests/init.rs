//! `pattern init` makes a folder that everything else accepts as it is: `pattern config check` and mkosi. A second run
//! changes nothing in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern_image::host::screen::Screen;
use pattern_image::host::tree::Tools;
use pattern_image::init::{Init, Kind, init};
use tempfile::TempDir;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me@host\n";

fn made(place: &TempDir, (kind, name, with_key): (Kind, &str, bool)) -> Init {
    let key = place.path().join("key.pub");
    fs::write(&key, KEY).unwrap();
    let folder = place.path().join(format!("my-{name}"));
    let options =
        Init { folder, kind, ssh_key: with_key.then_some(key), tools: Tools::At("/nonexistent".into()) };
    init(&options, Screen::new(true)).unwrap();
    options
}

/// Each kind with its name, without an SSH key and with one.
const ALL: [(Kind, &str, bool); 5] = [
    (Kind::Server, "server", false),
    (Kind::Server, "server", true),
    (Kind::Desktop, "desktop", false),
    (Kind::Appliance, "appliance", false),
    (Kind::Appliance, "appliance", true),
];

/// All files of a folder, with their content. An agent of gpg may leave its socket for a moment.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else if path.is_file() {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// What `pattern config check` says of a folder. It finds no error.
fn found(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
    let output = command.args(["config", "check"]).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn each_kind_is_whole_and_a_second_run_changes_nothing() {
    for one in ALL {
        let place = tempfile::tempdir().unwrap();
        let options = made(&place, one);
        let (folder, (_, name, _)) = (&options.folder, one);
        let said = found(folder);
        // An appliance has nobody to write a key down; its owner chooses whether the key is encrypted to one of theirs.
        let notes: &[&str] = match one {
            (Kind::Appliance, _, false) => {
                &["volume.recovery_key: note: ", "userspace.homed: note: as far as this folder"]
            }
            (Kind::Appliance, _, true) => &["volume.recovery_key: note: "],
            _ => &[],
        };
        assert_eq!(said.lines().count(), notes.len(), "{name}: {said}");
        assert!(notes.iter().all(|note| said.contains(note)), "{name}: {said}");
        for part in ["gpg/pubring.kbx", "keys/pcr-private.pem", "keys/secure-boot.crt", "pubring.pgp"] {
            assert!(folder.join(format!("my-{name}-{part}")).exists(), "{name}: {part}");
        }
        let before = content(folder);
        let error = init(&options, Screen::new(true)).unwrap_err().to_string();
        assert!(
            error.contains("/pattern.toml") && error.ends_with("exist already: choose another folder"),
            "{error}"
        );
        assert!(content(folder) == before, "{name}: a file was changed");
    }
}

/// Such a folder has secrets, and an image's folder is for others to see.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn nothing_is_made_among_secrets_or_where_a_file_is() {
    let place = tempfile::tempdir().unwrap();
    let mine = made(&place, (Kind::Server, "own", false)).folder;
    fs::write(place.path().join("file"), "").unwrap();
    let refusal = |path: &str| {
        let options =
            Init { folder: mine.join(path), kind: Kind::Server, ssh_key: None, tools: Tools::At("t".into()) };
        let error = init(&options, Screen::new(true)).unwrap_err().to_string();
        error.replace(&place.path().display().to_string(), "x")
    };
    for (path, wanted) in [
        (
            "my-own-gpg",
            "making x/my-own/my-own-gpg: x/my-own/my-own-gpg is a GnuPG home: choose another place",
        ),
        (
            "my-own-gpg/new",
            "making x/my-own/my-own-gpg/new: x/my-own/my-own-gpg is a GnuPG home: choose another place",
        ),
        (
            "my-own-keys",
            "making x/my-own/my-own-keys: x/my-own/my-own-keys is a folder of secret keys: choose another place",
        ),
        ("../file", "making x/my-own/../file: it is a file, not a folder: choose another name"),
        (
            "../file/new",
            "making x/my-own/../file/new: x/my-own/../file is a file, not a folder: choose another place",
        ),
    ] {
        assert_eq!(refusal(path), wanted);
    }
}

/// Here the keys fail because openssl does, which has another run of the same name begin meanwhile.
#[test]
fn a_folder_is_made_by_one_run() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    fs::create_dir(path("bin")).unwrap();
    fs::write(path("bin/openssl"), "#!/bin/sh\n\"$PATTERN\" init \"$FOLDER\" 2>\"$FOLDER-said\"\nexit 7\n")
        .unwrap();
    fs::set_permissions(path("bin/openssl"), fs::Permissions::from_mode(0o755)).unwrap();
    let pattern = env!("CARGO_BIN_EXE_pattern");
    let mut command = Command::new(pattern);
    command.args(["init", "mine"]).current_dir(place.path());
    command.env("PATH", format!("{}:{}", path("bin").display(), std::env::var("PATH").unwrap()));
    command.env("PATTERN", pattern).env("FOLDER", path("mine"));
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("making mine, of which nothing is left: "), "{errors}");
    let shown = path("mine").display().to_string();
    let wanted =
        format!("making {shown}: another pattern process is using {shown}; try again when it has finished");
    assert_eq!(fs::read_to_string(path("mine-said")).unwrap(), format!("pattern: {wanted}\n"));
    assert!(!path("mine").exists());
}

/// Here another run is at work. The same command can be given again.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn without_keys_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    let other = fs::File::open(&folder).unwrap();
    other.lock().unwrap();
    let options =
        Init { folder: folder.clone(), kind: Kind::Server, ssh_key: None, tools: Tools::At("t".into()) };
    let error = format!("{:#}", init(&options, Screen::new(true)).unwrap_err());
    let shown = folder.display();
    let wanted =
        format!("making {shown}: another pattern process is using {shown}; try again when it has finished");
    assert_eq!(error, wanted);
    assert_eq!(content(&folder), [(folder.join("notes.txt"), vec![])]);
    drop(other);
    init(&options, Screen::new(true)).unwrap();

    // As a power cut leaves it.
    let again = |lost: &[&str]| {
        for name in lost {
            let path = folder.join(name);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        init(&options, Screen::new(true)).unwrap_err().to_string()
    };
    let error = again(&["mine-gpg", "mine-keys", "mine-pubring.pgp"]);
    let next = format!("; the keys are not there: only for a new system: pattern gen-keyring {shown}/mine");
    assert!(error.ends_with(&format!("mkosi.conf exist already: choose another folder{next}")), "{error}");
    let error = again(&["pattern.toml", "README.md", ".gitignore"]);
    let next = "mkosi.conf exists already: choose another folder; a run that was cut off left it: remove it";
    assert!(error.ends_with(next), "{error}");
}

/// mkosi, if `pattern build` has fetched it.
fn mkosi() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools").canonicalize().ok()?;
    tools.join("mkosi").exists().then_some(tools)
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn mkosi_reads_the_configuration_of_each_kind() {
    let Some(tools) = mkosi() else {
        println!("skipped: build/tools has no mkosi");
        return;
    };
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("mkosi/image");
    for one in ALL {
        let place = tempfile::tempdir().unwrap();
        let options = made(&place, one);
        let (kind, _, with_key) = one;
        let mut command = Command::new(tools.join("mkosi"));
        command.arg("--directory").arg(&options.folder).arg("--include").arg(&ours);
        command.arg("--tools-tree").arg(tools.join("tree")).arg("summary");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let has = |line: &str| said.lines().any(|one| one.trim_end().ends_with(line));
        assert!(has(" linux-image-amd64") && has(" systemd"), "{said}");
        assert_eq!(has(" openssh-server"), with_key || kind == Kind::Server, "{said}");
        // The console that was named last is the one that asks.
        let last = said.rfind("console=tty0") > said.rfind("console=ttyS0");
        assert_eq!(last, kind == Kind::Desktop, "{said}");
    }
}
