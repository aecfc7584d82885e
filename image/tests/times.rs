//! Nothing in an image tells when it was built: two builds of a version have the same bytes.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use pattern_image::host::temporary;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mkosi/image/finalize/times");
/// 2025-11-24, 16:00 UTC.
const DATE: i64 = 1_764_000_000;

fn run(root: &tempfile::TempDir, date: Option<i64>) -> bool {
    let mut command = Command::new("python3");
    command.arg(SCRIPT).env("BUILDROOT", root.path()).env_remove("SOURCE_DATE_EPOCH");
    command.envs(date.map(|date| ("SOURCE_DATE_EPOCH", date.to_string())));
    command.output().unwrap().status.success()
}

fn root(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let root = temporary::folder().unwrap();
    for (name, content) in files {
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    root
}

#[test]
fn files_folders_and_links_get_the_time_of_the_image() {
    let root = root(&[("usr/lib/file", b""), ("usr/share/file", b"")]);
    let old = fs::File::open(root.path().join("usr/share/file")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    symlink("/nonexistent", root.path().join("usr/link")).unwrap();
    assert!(!run(&root, None), "without a time");
    assert!(run(&root, Some(DATE)));
    for name in ["", "usr", "usr/lib", "usr/lib/file", "usr/share/file", "usr/link"] {
        assert_eq!(root.path().join(name).symlink_metadata().unwrap().mtime(), DATE, "{name}");
    }
}

#[test]
fn passwords_are_of_the_day_of_the_image() {
    let shadow = "root:*:20001:0:99999:7:::\nnew:!*:20001::::::\nchange:x:0:::::\nnever:*:::::::\n";
    let place = "usr/share/factory/etc/shadow";
    let root = root(&[(place, shadow.as_bytes())]);
    assert!(run(&root, Some(DATE)));
    let wanted = "root:*:20416:0:99999:7:::\nnew:!*:20416::::::\nchange:x:0:::::\nnever:*:::::::\n";
    assert_eq!(fs::read_to_string(root.path().join(place)).unwrap(), wanted);
}

/// Otherwise each start of a Python program would compile it anew.
#[test]
fn compiled_python_stays_valid() {
    let root = root(&[("usr/lib/module.py", b"print('run')\n")]);
    let python = |words: &[&str]| {
        let output =
            Command::new("python3").args(words).current_dir(root.path().join("usr/lib")).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    python(&["-m", "py_compile", "module.py"]);
    assert!(run(&root, Some(DATE)));
    let said = python(&["-v", "-c", "import module"]);
    assert!(said.lines().any(|line| line.contains("module.cpython") && line.contains("matches")), "{said}");
}
