//! The units in `units/` are those that the code names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pattern::plan::unit::{
    AHEAD, AHEAD_PATH, BLESSED, BREAK, CONFIG, DISARM, HOST, INTERRUPTED, RESET_REQUEST, shipped,
};
use pattern::program::{Manager, Program};

/// These start no stage of the initrd: they run in the system, or end with the initrd.
fn is_no_stage(name: &str) -> bool {
    let system = Program::ALL.into_iter().filter(|program| program.runs_in() == Manager::Host);
    [AHEAD, AHEAD_PATH, BLESSED, BREAK, CONFIG, DISARM, HOST, INTERRUPTED, RESET_REQUEST].contains(&name)
        || system.into_iter().any(|program| program.unit() == name)
}

fn units() -> BTreeSet<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("units");
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn the_folder_and_the_constants_name_the_same_units() {
    let named: BTreeSet<String> = shipped().map(str::to_owned).collect();
    assert_eq!(units(), named);
}

#[test]
fn every_unit_survives_the_switch_of_roots_or_says_why_not() {
    for name in units().iter().filter(|name| !is_no_stage(name)) {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name)).unwrap();
        assert!(text.contains("\nIgnoreOnIsolate=yes\n"), "{name} would be stopped, and /usr with it");
        assert!(text.contains(&format!("\nDocumentation=man:{name}(8)\n")), "{name} names its manual page");
    }
}
