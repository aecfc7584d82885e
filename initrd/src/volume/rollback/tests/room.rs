//! A file system without room: nothing is copied, and the version on trial starts.

use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pattern_machine::mounts::apart;

use super::*;

/// Runs on a file system of this size, in a thread with its own mounts. A container may forbid it.
fn on_a_file_system(name: &str, options: &str, test: impl FnOnce(Machine) + Send + 'static) {
    if !is_root() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("pattern-rollback-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (at, options) = (folder.clone(), options.to_owned());
    let ran = thread::spawn(move || {
        apart().ok()?;
        mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), Some(&*options)).ok()?;
        test(Machine::at(at.join("machine")));
        umount2(&at, MntFlags::MNT_DETACH).ok()
    });
    ran.join().unwrap();
    fs::remove_dir(folder).unwrap();
}

/// The version on trial starts without a copy, and the one before gets what it left.
fn starts_without_a_copy(machine: &Machine) -> String {
    let before = machine.tree();
    let error = format!("{:#}", machine.try_start(2, true).unwrap_err());
    assert_eq!((machine.tree(), machine.beside()), (before, Vec::new()));
    assert_eq!(Layout::new(&machine.0).started().unwrap(), Some(mark(2)));
    error
}

#[test]
fn without_room_the_figures_are_said() {
    on_a_file_system("blocks", "size=4m", |machine| {
        fs::write(machine.var().join("lib/app/big"), vec![b'x'; 3 << 20]).unwrap();
        let error = starts_without_a_copy(&machine);
        assert!(
            error.contains("it needs 4 MiB, 0 MiB are free, and 1 MiB of them have to stay free"),
            "{error}"
        );
        fs::remove_file(machine.var().join("lib/app/big")).unwrap();
        // The next try finds room, and what the first one left.
        machine.migrate();
        machine.start(2, true);
        assert_eq!(machine.beside(), Vec::<String>::new());
    });
}

#[test]
fn a_copy_that_ends_for_want_of_room_leaves_nothing() {
    on_a_file_system("files", "size=8m,nr_inodes=100", |machine| {
        let fill = machine.0.join("fill");
        fs::create_dir(&fill).unwrap();
        let count = (0..).take_while(|name| fs::write(fill.join(name.to_string()), "").is_ok()).count();
        let failed = (0..count).take_while(|name| {
            machine.start(1, false);
            let is_short = machine.try_start(2, true).is_err();
            let names: &[&str] = if is_short { &[] } else { &["before"] };
            assert_eq!(machine.beside(), names);
            fs::remove_file(fill.join(name.to_string())).unwrap();
            is_short
        });
        let failed = failed.count();
        assert!(failed > 5 && failed < count, "{failed} of {count}");
    });
}
