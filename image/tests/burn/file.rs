//! The disk of a virtual machine: a file, which needs no rights.

use std::fs::{self, File};

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::image::{MIB, assert_burned, entry, image};
use crate::place::Place;

/// Type of the partition of a machine's volume: linux-generic.
const GENERIC: u128 = 0x0FC63DAF_8483_4772_8E79_3D69D8477DE4;

#[test]
fn an_image_is_burned_checked_and_read_back() {
    for given in ["x_1", "x_1/x_1.raw"] {
        let place = Place::new();
        place.disk("vm.raw", 64);
        let shown = place.burns(&[given, "vm.raw"]);
        assert_burned(&place.content("vm.raw"), &image());
        let lines: Vec<_> = shown.lines().collect();
        let [checked, image, looked, disk, blank, written, read] = lines[..] else { panic!("{shown}") };
        assert_eq!(checked, "x_1/x_1.raw: checked");
        assert_eq!(image, "Image x_1/x_1.raw (as `pattern build` wrote it)");
        assert_eq!(looked, "vm.raw: looked at");
        assert_eq!([disk, blank], ["Disk vm.raw: a file, 64 MiB", "  blank"]);
        assert!(written.starts_with("vm.raw: written, 6 MiB, ") && written.ends_with("/s"), "{written}");
        assert!(read.starts_with("vm.raw: read back"), "{read}");
    }
}

#[test]
fn an_image_alone_is_not_checked_and_a_changed_one_is_refused() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    fs::copy(place.path("x_1/x_1.raw"), place.path("alone.raw")).unwrap();
    let mut changed = image();
    changed[6 * MIB] ^= 1;
    fs::write(place.path("x_1/x_1.raw"), changed).unwrap();
    let expected = "pattern: x_1/x_1.raw is not what SHA256SUMS beside it says: nothing was written";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    fs::rename(place.path("x_1/x_1.raw"), place.path("x_1/x_2.raw")).unwrap();
    let expected = "pattern: x_1/SHA256SUMS does not name x_2.raw: is it another version's?";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    assert!(place.content("vm.raw").iter().all(|byte| *byte == 0));
    let out = place.burns(&["alone.raw", "vm.raw"]);
    assert!(out.contains("Image alone.raw (not checked: no SHA256SUMS lies beside it)\n"), "{out}");
}

/// The file has holes, and its file system is too small for what comes there.
#[test]
#[ignore = "needs a user namespace; `make test` runs it"]
fn a_file_on_a_full_disk_says_which_is_full() {
    let place = Place::new();
    fs::create_dir(place.path("m")).unwrap();
    let mount = place.path("m").canonicalize().unwrap();
    let script = "mount -t tmpfs -o size=1m none m && truncate --size=64M m/vm.raw && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.args([env!("CARGO_BIN_EXE_pattern"), "burn", "x_1", "m/vm.raw"]).current_dir(place.path(""));
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let last = error.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let wanted = format!("the file system at {} is full (", mount.display());
    assert!(last.starts_with("pattern: m/vm.raw is not finished: ") && last.contains(&wanted), "{error}");
    assert!(last.contains(" left): make room there, and try again: writing m/vm.raw at byte "), "{error}");
}

#[test]
fn what_is_no_whole_image_is_refused() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    fs::write(place.path("text.raw"), "no image").unwrap();
    let expected = "pattern: text.raw is not an image: it has no partition table";
    assert_eq!(place.refuses(&["text.raw", "vm.raw"]), expected);
    assert_eq!(place.is_not_shown("text.raw"), expected);
    fs::write(place.path("cut.raw"), &image()[..6 * MIB]).unwrap();
    let expected = "pattern: image cut.raw: it ends before its partitions do: copy it again";
    assert_eq!(place.refuses(&["cut.raw", "vm.raw"]), expected);
    let expected = "pattern: cut.raw is not a whole image: it ends before its partitions do: copy it again";
    assert_eq!(place.is_not_shown("cut.raw"), expected);
    let mut other = image();
    let mut disk = std::io::Cursor::new(&mut other);
    let mut gpt = gptman::GPT::read_from(&mut disk, 512).unwrap();
    gpt[3].partition_name = "root".into();
    gpt.write_into(&mut disk).unwrap();
    fs::write(place.path("other.raw"), other).unwrap();
    let expected = "pattern: other.raw is not an image by `pattern build`: it has no partition usr-VERSION";
    assert_eq!(place.refuses(&["other.raw", "vm.raw"]), expected);
    let refusal = place.refuses(&["none.raw", "vm.raw"]);
    assert_eq!(refusal, "pattern: looking at the image none.raw: No such file or directory (os error 2)");
    assert!(place.content("vm.raw").iter().all(|byte| *byte == 0));
}

/// Its partitions would be cleared before they are read.
#[test]
fn an_image_is_not_burned_onto_itself() {
    let place = Place::new();
    let image = place.content("x_1/x_1.raw");
    fs::hard_link(place.path("x_1/x_1.raw"), place.path("hard")).unwrap();
    std::os::unix::fs::symlink("x_1/x_1.raw", place.path("soft")).unwrap();
    for disk in ["x_1/x_1.raw", "hard", "soft"] {
        let said = place.refuses(&["x_1", disk, "--erase", "x_1.raw"]);
        assert!(
            said.contains(&format!("{disk} is the image itself, or a device made of it: name another disk")),
            "{said}"
        );
        assert!(place.content("x_1/x_1.raw") == image, "the image was changed");
    }
}

/// `dd` would make the file /dev/sdx of a mistyped name, and fill the memory.
#[test]
fn nothing_is_made_where_there_is_nothing() {
    let place = Place::new();
    let expected = "pattern: there is no vm.raw; to burn into a file, as the disk of a virtual machine, make it first: \
                    truncate --size=20G FILE";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    assert!(!place.path("vm.raw").exists());
    assert_eq!(place.refuses(&["x_1", "/dev/null"]), "pattern: /dev/null is neither a disk nor a file");
    assert_eq!(place.refuses(&["x_1", "x_1"]), "pattern: x_1 is neither a disk nor a file");
}

#[test]
fn a_disk_that_is_too_small_is_left_alone() {
    let place = Place::new();
    fs::write(place.path("vm.raw"), vec![1; 7 * MIB]).unwrap();
    let expected =
        "pattern: x_1/x_1.raw on vm.raw: the disk has 7 MiB, the image needs 7.1 MiB: take a larger one";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    assert!(place.content("vm.raw").iter().all(|byte| *byte == 1));
    place.disk("stick.raw", 8);
    let errors = place.burns(&["x_1", "stick.raw"]);
    let warning = "warning: the disk has 8 MiB, and a system that is installed needs more than 11.1 MiB: room for another \
                   version and for its files\n";
    assert!(errors.contains(warning), "{errors}");
    place.disk("enough.raw", 12);
    let errors = place.burns(&["x_1", "enough.raw"]);
    assert!(!errors.contains("warning"), "{errors}");
}

#[test]
fn what_is_not_blank_is_erased_only_when_it_is_named() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    place.burns(&["x_1", "vm.raw"]);
    let before = place.content("vm.raw");
    let expected = "pattern: vm.raw: it is not blank, and the command has no terminal to ask on: nothing was changed; to erase it, \
                    add --erase with its serial number or name: vm.raw";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    let expected = "pattern: vm.raw: --erase names \"sdb\", but this is vm.raw: nothing was changed";
    assert_eq!(place.refuses(&["x_1", "vm.raw", "--erase", "sdb"]), expected);
    assert!(place.content("vm.raw") == before);
    let out = place.burns(&["x_1", "vm.raw", "--erase", "vm.raw"]);
    assert!(out.contains("\n  partition 1 (esp), 2 MiB: a FAT file system\n"), "{out}");
}

/// It may be a large file that somebody took for another.
#[test]
fn a_file_with_anything_in_its_middle_is_not_blank() {
    let place = Place::new();
    place.disk("notes", 64);
    let file = File::options().write(true).open(place.path("notes")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; MIB], 30 << 20).unwrap();
    place.burns(&["x_1", "notes"]);
    place.disk("notes", 0);
    place.disk("notes", 64);
    std::os::unix::fs::FileExt::write_all_at(&file, b"mine", 30 << 20).unwrap();
    let refusal = place.refuses(&["x_1", "notes"]);
    assert!(
        refusal.starts_with("pattern: notes: it is not blank, and the command has no terminal to ask on"),
        "{refusal}"
    );
    assert_eq!(&place.content("notes")[30 * MIB..30 * MIB + 4], b"mine");
    let out = place.burns(&["x_1", "notes", "--erase", "notes"]);
    assert!(out.contains("\n  the whole file, 64 MiB: data of an unknown kind\n"), "{out}");
}

/// The TPM of the machine whose files they were knows the volume.
#[test]
fn the_files_of_a_machine_are_named_before_and_after() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    let mut file = File::options().read(true).write(true).open(place.path("vm.raw")).unwrap();
    let mut gpt = gptman::GPT::new_from(&mut file, 512, [9; 16]).unwrap();
    gpt[1] = entry(GENERIC, "persist", 20, 30);
    gpt.write_into(&mut file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"LUKS\xba\xbe\0\x02", 20 << 20).unwrap();
    drop(file);
    let out = place.burns(&["x_1", "vm.raw", "--erase", "vm.raw"]);
    let seen = "\n  partition 1 (persist), 30 MiB: a LUKS2 volume: the files of a pattern machine\n";
    assert!(out.contains(seen), "{out}");
    assert!(out.contains("\nwarning: a machine that kept its files on this disk knows that, "), "{out}");
    assert_eq!(place.content("vm.raw")[20 * MIB..20 * MIB + 8], [0; 8]);
    assert_burned(&place.content("vm.raw"), &image());
}

/// `pattern run` locks the folder of a kept machine before QEMU locks the disk, and until it ends.
#[test]
fn the_disk_of_a_machine_that_runs_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.path("m")).unwrap();
    place.disk("m/disk.raw", 64);
    let lock = File::open(place.path("m")).unwrap();
    lock.lock().unwrap();
    // The folder of something else.
    place.burns(&["x_1", "m/disk.raw"]);
    fs::write(place.path("m/made-from.json"), "{}").unwrap();
    std::os::unix::fs::symlink("m/disk.raw", place.path("link")).unwrap();
    for disk in ["m/disk.raw", "link"] {
        let refusal = place.refuses(&["x_1", disk, "--erase", "disk.raw"]);
        let here = place.path("m").canonicalize().unwrap();
        let wanted = format!(
            "pattern: another pattern process is using {}; try again when it has finished",
            here.display()
        );
        assert_eq!(refusal, wanted);
    }
    drop(lock);
    place.burns(&["x_1", "m/disk.raw", "--erase", "disk.raw"]);
}

#[test]
fn a_file_that_another_program_has_locked_is_left_alone() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    let lock = File::open(place.path("vm.raw")).unwrap();
    lock.lock().unwrap();
    let expected = "pattern: vm.raw is locked by another program; try again when it has finished";
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    drop(lock);
    // As QEMU does.
    let machine = File::options().read(true).write(true).open(place.path("vm.raw")).unwrap();
    fcntl_lock(&machine, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert_eq!(place.refuses(&["x_1", "vm.raw"]), expected);
    drop(machine);
    place.burns(&["x_1", "vm.raw"]);
}
