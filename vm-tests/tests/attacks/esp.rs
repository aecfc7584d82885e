//! Files on the EFI system partition, which everybody writes who has the disk.

use std::fs;
use std::process::Command;

use pattern_vm_tests::Computer;

use crate::planted::run;

/// Where systemd-stub looks for credentials of all images.
pub(crate) const CREDENTIALS: &str = "::/loader/credentials";
/// The same for add-ons.
pub(crate) const ADD_ONS: &str = "::/loader/addons";
/// Unified kernel images.
pub(crate) const IMAGES: &str = "::/EFI/Linux";

/// Puts a file with this content there.
pub(crate) fn write(computer: &Computer, place: &str, name: &str, content: &[u8]) {
    fs::write(computer.folder().join(name), content).expect("writing a file for the EFI system partition");
    put(computer, place, name);
}

/// Puts a file of the computer's folder there.
pub(crate) fn put(computer: &Computer, place: &str, file: &str) {
    let _ = on_esp(computer, "mmd", &[place]).output();
    run(&mut on_esp(computer, "mcopy", &["-o", file, place]));
}

/// Removes a file.
pub(crate) fn remove(computer: &Computer, path: &str) {
    run(&mut on_esp(computer, "mdel", &[path]));
}

/// A command of mtools.
fn on_esp(computer: &Computer, program: &str, words: &[&str]) -> Command {
    let start = computer.disk().partition("esp").start;
    let mut command = computer.command(program);
    let _ = command.arg("-i").arg(format!("disk.raw@@{start}")).args(words);
    command
}
