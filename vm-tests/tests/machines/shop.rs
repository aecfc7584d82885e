//! Tries a machine, and keeps the result in `build/machines`.

use std::fs;
use std::path::Path;

use pattern_vm_tests::{Computer, Guest};

/// One machine.
pub(crate) struct Row {
    /// What is special about it.
    pub(crate) what: &'static str,
    /// The machine as it would be otherwise.
    pub(crate) from: fn(&str) -> Computer,
    /// Makes it special.
    pub(crate) prepare: fn(&mut Computer),
    /// Looks at how it starts. Returns that in words.
    pub(crate) end: fn(Computer) -> String,
}

/// Tries a machine.
pub(crate) fn try_out(name: &str, group: &str, row: &Row) {
    let note = note(name, group);
    fs::remove_file(&note).ok();
    let mut computer = (row.from)(name);
    (row.prepare)(&mut computer);
    let end = (row.end)(computer);
    fs::write(&note, format!("{} | {end}\n", row.what)).expect("keeping the result");
}

/// Sorted by their names, the notes are in the order of the table.
fn note(name: &str, group: &str) -> std::path::PathBuf {
    let group = group.rsplit("::").next().unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/machines");
    fs::create_dir_all(&folder).expect("making a folder");
    folder.join(format!("{group}.{name}"))
}

/// The first boot makes the volume, the second one opens it by the TPM, and no unit fails.
pub(crate) fn starts_twice(computer: Computer) -> String {
    twice(computer, |guest| assert_eq!(guest.must("systemctl --failed --no-legend"), ""));
    "starts, and again".to_owned()
}

/// The same, of a machine whose kernel image comes from elsewhere. The system does not find out which EFI system partition it
/// was started from, so that what looks there fails.
pub(crate) fn opens_twice(computer: Computer) -> String {
    twice(computer, |_| {});
    "opens its volume, and again".to_owned()
}

fn twice(mut computer: Computer, look: fn(&mut Guest)) {
    let mut guest = computer.boot();
    look(&mut guest);
    guest.must("echo kept >/home/kept && sync /home/kept");
    guest.power_off();
    let mut guest = computer.boot();
    look(&mut guest);
    assert_eq!(guest.must("cat /home/kept"), "kept");
    let log = guest.must("journalctl -b -k | grep 'pattern-persist\\['");
    assert!(log.contains("opened it by the TPM"), "{log}");
    guest.power_off();
}

/// A machine whose volume was made before: the boot opens it by the TPM, and finds the files. The kernel's log has these words.
pub(crate) fn opens(mut computer: Computer, words: &str) -> String {
    let mut guest = computer.boot();
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    assert_eq!(guest.must("cat /home/kept"), "kept");
    let log = guest.must("journalctl -b -k --no-pager");
    assert!(log.contains("opened it by the TPM"), "{log}");
    assert!(log.contains(words), "{words:?} is not in {log}");
    guest.power_off();
    "opens its volume".to_owned()
}

/// The boot ends with these words, and leaves no volume.
pub(crate) fn says(mut computer: Computer, words: &str) -> String {
    let mut guest = computer.start();
    guest.expect("You are in emergency mode");
    assert!(guest.console().contains(words), "{words:?} is not on the console");
    drop(guest);
    assert!(!computer.disk().labels().contains(&"persist".to_owned()), "a volume was made");
    format!("stops: *{words}*")
}
