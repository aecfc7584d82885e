//! The computer that booted once: made when a scenario first asks for it, copied for each that does.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::{Computer, setting};

/// What the first boot printed, in the folder of each copy.
pub(crate) const FIRST_BOOT_LOG: &str = "first-boot.log";

/// Copies it to a scenario's folder.
pub(crate) fn copy_to(folder: &Path) {
    let installed = setting::machines().join("installed");
    fs::create_dir_all(setting::machines()).expect("creating the folder for machines");
    // Two scenarios that start together must not both make it.
    let lock = File::create(installed.with_extension("lock")).expect("creating the lock file");
    lock.lock().expect("waiting for another scenario to make the installed computer");
    let image = image_identity();
    let made_from = installed.join("made-from");
    if fs::read_to_string(&made_from).ok() != Some(image.clone()) {
        make();
        fs::write(&made_from, image).expect("noting what the installed computer was made from");
    }
    let _ = fs::remove_dir_all(folder);
    let mut copy = Command::new("cp");
    let _ = copy.args(["-r", "--reflink=auto", "--sparse=always", "--"]);
    let status = copy.arg(&installed).arg(folder).status().expect("starting cp");
    assert!(status.success(), "copying {} to {}", installed.display(), folder.display());
    // The scenario's own boots are counted from 1.
    let renamed = fs::rename(folder.join("console-1.log"), folder.join(FIRST_BOOT_LOG));
    renamed.expect("renaming the log of the first boot");
}

fn make() {
    let mut guest = Computer::new("installed").boot();
    for folder in ["etc", "home", "srv", "var"] {
        let _ = guest.must(&format!("echo kept >/{folder}/kept"));
    }
    guest.power_off();
}

/// Changes when the image is built anew.
fn image_identity() -> String {
    let image = setting::image();
    let facts = fs::metadata(&image).expect("reading the image's age");
    let age = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {} {age:?}", image.display(), facts.len())
}
