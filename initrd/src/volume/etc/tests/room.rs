//! A file system without room: the old tree is left as it is.

use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pattern_machine::mounts::apart;

use super::*;

/// Runs on a file system of this size, in a thread with its own mounts. A container may forbid it.
fn on_a_file_system(name: &str, options: &str, test: impl FnOnce(Machine) + Send + 'static) {
    if !is_root() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("pattern-room-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (at, options) = (folder.clone(), options.to_owned());
    let ran = thread::spawn(move || {
        apart().ok()?;
        mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), Some(&*options)).ok()?;
        test(Machine::in_folder(at.join("machine")).install());
        umount2(&at, MntFlags::MNT_DETACH).ok()
    });
    ran.join().unwrap();
    fs::remove_dir(folder).unwrap();
}

/// Fails for want of room, or returns that there was enough.
fn is_left_as_it_is(machine: &mut Machine) -> bool {
    let before = machine.tree();
    let Err(error) = machine.try_boot(2, false) else { return false };
    let error = format!("{error:#}");
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!((machine.tree(), machine.marked()), (before, Some(mark(1))));
    assert_eq!(machine.beside(), machine.kept(&[1], &[]));
    true
}

#[test]
fn a_full_disk_leaves_the_old_tree() {
    on_a_file_system("blocks", "size=2m", |mut machine| {
        edit(&machine);
        // There is room for one of these, and not for two.
        fs::write(machine.etc().join("big"), vec![b'x'; 1200 << 10]).unwrap();
        assert!(is_left_as_it_is(&mut machine));
        fs::remove_file(machine.etc().join("big")).unwrap();
        machine.boot(2);
        assert_eq!(machine.text("motd").unwrap(), "2");
    });
}

/// Each number of free files but enough: each place at which making one can fail.
#[test]
fn wherever_the_room_ends_the_old_tree_is_left() {
    on_a_file_system("files", "size=8m,nr_inodes=300", |mut machine| {
        edit(&machine);
        let fill = machine.folder.join("fill");
        fs::create_dir(&fill).unwrap();
        let count = (0..).take_while(|name| fs::write(fill.join(name.to_string()), "").is_ok()).count();
        let failed = (0..count).take_while(|name| {
            let is_left = is_left_as_it_is(&mut machine);
            fs::remove_file(fill.join(name.to_string())).unwrap();
            is_left
        });
        let failed = failed.count();
        assert!(failed > 20 && failed < count, "{failed} of {count}");
        assert_eq!(machine.text("motd").unwrap(), "2");
    });
}
