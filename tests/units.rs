//! The units in `units/` are those that the code names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pattern::plan::unit::{AHEAD, AHEAD_PATH, FALLBACK, HEALTH, RECOVERY, RESET_REQUEST, SCRUB, SHIPPED};

/// They never run in the initrd.
const HOST: [&str; 7] = [AHEAD, AHEAD_PATH, HEALTH, SCRUB, FALLBACK, RECOVERY, RESET_REQUEST];

fn units() -> BTreeSet<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("units");
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn the_folder_and_the_constants_name_the_same_units() {
    let named: BTreeSet<String> = SHIPPED.iter().map(ToString::to_string).collect();
    assert_eq!(units(), named);
}

#[test]
fn every_unit_survives_the_switch_of_roots_or_says_why_not() {
    for name in units().iter().filter(|name| {
        !["pattern-break.service", "pattern-config.service", "pattern-usr-disarm.service"]
            .contains(&name.as_str())
            && !HOST.contains(&name.as_str())
    }) {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name)).unwrap();
        assert!(text.contains("\nIgnoreOnIsolate=yes\n"), "{name} would be stopped, and /usr with it");
        assert!(text.contains(&format!("\nDocumentation=man:{name}(8)\n")), "{name} names its manual page");
    }
}
