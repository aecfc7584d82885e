//! Every kept input still holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The inputs of one kind, which are kept in one archive: there are hundreds.
fn unpacked(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{name}.tar.gz"));
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&folder).status().unwrap();
    assert!(status.success(), "unpacking {name}: {status}");
    folder
}

#[test]
fn every_kept_input_holds() {
    for (name, target) in pattern_fuzz::TARGETS {
        let mut files = 0;
        for file in fs::read_dir(unpacked(name)).unwrap() {
            target(&fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files >= 20, "{name} has lost its inputs: {files}");
    }
}

#[test]
fn every_header_of_an_honest_tool_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/luks2");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let headers: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "luks2")).collect();
    assert!(headers.len() > 40);
    headers.iter().for_each(|path| pattern_fuzz::header(&fs::read(path).unwrap()));
}

#[test]
fn every_log_of_real_firmware_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let files = ["firmware", "logs"].map(|name| fs::read_dir(folder.join(name)).unwrap());
    let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
    let inputs: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "log" || kind == "auth")).collect();
    assert_eq!(inputs.len(), 21);
    for input in inputs.iter().map(|path| fs::read(path).unwrap()) {
        pattern_fuzz::firmware(&input);
        let length = u16::try_from(input.len()).unwrap();
        pattern_fuzz::start(&[&length.to_le_bytes()[..], &input].concat());
    }
}
