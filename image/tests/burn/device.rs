//! Loop devices are disks to the kernel. They need root: without root these tests do nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::image::{END, MIB, assert_burned, assert_table, image};
use crate::place::Place;

/// A disk that the kernel makes of a file. It goes when this is dropped.
struct Loop(String);

impl Loop {
    /// `None` without root.
    fn of(place: &Place, file: &str, options: &[&str]) -> Option<Self> {
        let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !root {
            eprintln!("not root: nothing is tried");
            return None;
        }
        let file = place.path(file).display().to_string();
        let path = run(&[&["losetup", "--find", "--show"], options, &[&file]].concat());
        Some(Self(path.trim().to_owned()))
    }

    fn name(&self) -> &str {
        self.0.strip_prefix("/dev/").unwrap()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        Command::new("losetup").args(["--detach", &self.0]).status().ok();
    }
}

fn run(command: &[&str]) -> String {
    let path = "/usr/sbin:/sbin:/usr/bin:/bin";
    let output = Command::new(command[0]).env("PATH", path).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs root; `make test` runs it"]
fn a_disk_is_burned_past_the_cache_and_again() {
    let place = Place::new();
    place.disk("disk", 64);
    let Some(disk) = Loop::of(&place, "disk", &[]) else { return };
    let out = place.burns(&["x_1", &disk.0]);
    assert!(out.contains(": read back, 6 MiB, "), "{out}");
    assert!(out.contains(&format!("Disk {}: 64 MiB\n  blank\n", disk.name())), "{out}");
    assert_burned(&fs::read(&disk.0).unwrap(), &image());
    let refusal = place.refuses(&["x_1", &disk.0]);
    assert!(refusal.starts_with(&format!("pattern: {}: it is not blank, ", disk.name())), "{refusal}");
    // A link to it stands for it.
    let link = place.path("link");
    std::os::unix::fs::symlink(&disk.0, &link).unwrap();
    place.burns(&["x_1", "link", "--erase", disk.name()]);
    assert_burned(&fs::read(&disk.0).unwrap(), &image());
}

/// A file system that is mounted while this lives.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[test]
#[ignore = "needs root; `make test` runs it"]
fn a_mounted_disk_is_refused_and_so_is_one_that_a_program_has_for_itself() {
    let place = Place::new();
    place.disk("disk", 64);
    let Some(disk) = Loop::of(&place, "disk", &[]) else { return };
    run(&["mkfs.ext4", "-q", &disk.0]);
    let mounted = Mounted(place.path("mounted"));
    fs::create_dir(&mounted.0).unwrap();
    run(&["mount", &disk.0, mounted.0.to_str().unwrap()]);
    let (path, name, at) = (&disk.0, disk.name().to_owned(), mounted.0.display().to_string());
    let erase = ["x_1", path, "--erase", &name];
    let expected = format!("pattern: {path} is mounted at {at}; to end that, run: umount {path}");
    assert_eq!(place.refuses(&erase), expected);
    // In namespaces where nothing of it is mounted, as those of a container.
    let script =
        format!("umount {at} && exec {} burn x_1 {path} --erase {name}", env!("CARGO_BIN_EXE_pattern"));
    let mut apart = Command::new("unshare");
    let output = apart.args(["--mount", "sh", "-c", &script]).current_dir(place.path("")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "pattern: {path} is in use, though nothing of it is mounted here: by another program or container?\n"
    );
    assert_eq!(errors, expected);
    drop(mounted);
    let out = place.burns(&erase);
    assert!(out.contains("\n  the whole disk, 64 MiB: an ext2, ext3 or ext4 file system\n"), "{out}");
}

#[test]
#[ignore = "needs root; `make test` runs it"]
fn a_read_only_disk_is_refused() {
    let place = Place::new();
    place.disk("disk", 64);
    let Some(disk) = Loop::of(&place, "disk", &["--read-only"]) else { return };
    let expected = format!("pattern: {} is read-only: look for a switch on the medium", disk.0);
    assert_eq!(place.refuses(&["x_1", &disk.0]), expected);
}

/// The image with a real file system in its EFI system partition, and a file in it.
fn with_files(place: &Place) -> Vec<u8> {
    place.disk("esp", 2);
    let (esp, file) =
        (place.path("esp").display().to_string(), place.path("Boot Loader.efi").display().to_string());
    fs::write(&file, vec![9; 500_000]).unwrap();
    run(&["mkfs.vfat", "-S", "512", &esp]);
    run(&["mmd", "-i", &esp, "::/EFI"]);
    run(&["mcopy", "-i", &esp, &file, "::/EFI"]);
    let mut image = image();
    image[MIB..3 * MIB].copy_from_slice(&place.content("esp"));
    image
}

/// Firmware and Linux count a disk's sectors: the table, and the file system that both read.
#[test]
#[ignore = "needs root dosfstools mtools; `make test` runs it"]
fn a_disk_with_sectors_of_4096_bytes_gets_a_table_and_a_file_system_of_its_own() {
    let place = Place::new();
    let image = with_files(&place);
    fs::write(place.path("x.raw"), &image).unwrap();
    place.disk("disk", 64);
    let Some(disk) = Loop::of(&place, "disk", &["--sector-size", "4096"]) else { return };
    let out = place.burns(&["x.raw", &disk.0]);
    let said = "the disk has sectors of 4096 bytes, and the file system of the image's EFI system partition has sectors of 512: \
                making it anew\n";
    assert!(out.contains(said), "{out}");
    let burned = fs::read(&disk.0).unwrap();
    assert_table(&burned, &image, 4096);
    assert!(burned[3 * MIB..END] == image[3 * MIB..END], "the other partitions are other ones");
    assert_eq!(burned[MIB + 11..MIB + 13], 4096_u16.to_le_bytes());
    fs::write(place.path("esp"), &burned[MIB..3 * MIB]).unwrap();
    let esp = place.path("esp").display().to_string();
    run(&["fsck.vfat", "-n", &esp]);
    assert_eq!(run(&["mtype", "-i", &esp, "::/EFI/Boot Loader.efi"]).as_bytes(), vec![9; 500_000]);

    // What can't be read is not written.
    let mut broken = image;
    broken[MIB + 600..3 * MIB].fill(0xff);
    fs::write(place.path("x.raw"), &broken).unwrap();
    let refusal = place.refuses(&["x.raw", &disk.0, "--erase", disk.name()]);
    assert!(refusal.contains(": making it anew: unpacking it: exit status: 1: "), "{refusal}");
    assert!(fs::read(&disk.0).unwrap() == burned, "something was written");
}
