//! Signals: nothing half made is left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::place::{Place, tools};

fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn waiting_for_a_tools_tree_that_is_made_anew_ends_by_a_signal() {
    let place = Place::new();
    fs::create_dir_all(place.path("tools/tree")).unwrap();
    let making = fs::File::create(place.path("tools/tree.conf")).unwrap();
    making.lock().unwrap();
    let before = place.names();
    let mut command = place.pattern(&["addon", "x", "quiet", "--tools", "tools"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.next().unwrap().unwrap().starts_with("waiting: another pattern process is using "));
    interrupt(child.id());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(place.names(), before);
}

/// It may be too late for that: then the file is whole.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_signal_while_an_add_on_is_made_leaves_all_of_it_or_nothing() {
    let Some(tools) = tools() else { return };
    let place = Place::new();
    let line = ["addon", "x", "quiet", "--tools", &tools];
    place.tells(&[&line[..], &["--output", "whole.addon.efi"]].concat());
    let whole = fs::read(place.path("whole.addon.efi")).unwrap();
    let before = place.names();
    let mut child = place.pattern(&line).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let works = || fs::read_dir(place.path("temporary")).unwrap().count() > 0;
    while !works() && child.try_wait().unwrap().is_none() {}
    interrupt(child.id());
    child.wait().unwrap();
    match fs::read(place.path("x.addon.efi")) {
        Ok(made) => assert_eq!(made, whole),
        Err(_) => assert_eq!(place.names(), before),
    }
    assert!(!works());
}
