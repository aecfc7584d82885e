//! What sfdisk and sgdisk say of our tables.

use super::disk::{BASE, Disk, MIB, layout, target_table, wanted};
use pattern::table::{Found, Guid, PersistPlace, Step, commit, persist};
use std::path::PathBuf;
use std::process::Command;

/// What a tool prints.
fn run(tool: &str, arguments: &[&str], file: &PathBuf) -> String {
    let path = "/usr/sbin:/sbin:/usr/bin:/bin";
    let output = Command::new(tool).env("PATH", path).args(arguments).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("starting {tool}: {error}"));
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool}: {text}");
    text
}

fn finished() -> Disk {
    let mut disk = Disk::with(512, 600, &BASE);
    disk.size = 8192 * MIB;
    let found = disk.found();
    disk.apply(&commit(&found, &target_table(&found, &wanted())).unwrap());
    let found = disk.found();
    let Ok(PersistPlace::Free { number, extent }) = persist(&found.table, 0) else { panic!() };
    let new = found.table.with_persist(number, extent, Guid::from_random([3; 16]));
    disk.apply(&commit(&found, &new).unwrap());
    disk
}

fn on_file(name: &str, disk: &Disk) -> PathBuf {
    let file = std::env::temp_dir().join(format!("pattern-table-{name}-{}", std::process::id()));
    disk.dump(&file);
    file
}

#[test]
#[ignore = "needs gdisk; `make test` runs it"]
fn sgdisk_finds_no_problem() {
    let disk = finished();
    let good = on_file("good", &disk);
    let text = run("sgdisk", &["-v"], &good);
    let mut torn = disk;
    torn.put(512, &[0]);
    let bad = on_file("bad", &torn);
    let complaint = run("sgdisk", &["-v"], &bad);
    for file in [good, bad] {
        std::fs::remove_file(file).unwrap();
    }
    assert!(text.contains("No problems found.") && !text.contains("Caution"), "{text}");
    assert!(complaint.contains("Main header: ERROR"), "{complaint}");
}

/// The tool moves the entries, changes their number and makes the disk's table fit a larger disk. What it did stays.
#[test]
#[ignore = "needs gdisk; `make test` runs it"]
fn what_sgdisk_moved_is_read_and_kept() {
    for (options, entries, count) in [
        (&["--move-main-table=1024"][..], 1024, 128),
        (&["--resize-table=248"], 2, 248),
        (&["--resize-table=56", "--move-main-table=40"], 40, 56),
    ] {
        let mut disk = Disk::with(512, 600, &BASE);
        disk.edit(|gpt| gpt.header.first_usable_lba = 2048);
        let file = on_file("moved", &disk);
        run("sgdisk", options, &file);
        for sectors in [600 * 2048, 8192 * 2048_u64] {
            std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(sectors * 512).unwrap();
            let mut on_disk = std::fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
            let found = Found::read(&mut on_disk, 512).unwrap();
            assert_eq!(found.changeable(), Ok(()), "{options:?}");
            assert_eq!(layout(&found.table), layout(&disk.found().table), "{options:?}");
            if sectors > 600 * 2048 {
                for step in commit(&found, &target_table(&found, &wanted())).unwrap() {
                    let Step::Write { offset, bytes } = step else { continue };
                    std::os::unix::fs::FileExt::write_all_at(&on_disk, &bytes, offset).unwrap();
                }
            }
        }
        let text = run("sgdisk", &["-v"], &file);
        let header = std::os::unix::fs::FileExt::read_at;
        let mut bytes = [0; 12];
        header(&std::fs::File::open(&file).unwrap(), &mut bytes, 512 + 72).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(text.contains("No problems found."), "{options:?}: {text}");
        assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()), entries);
        assert_eq!(u32::from_le_bytes(bytes[8..].try_into().unwrap()), count);
    }
}

#[test]
#[ignore = "needs fdisk; `make test` runs it"]
fn sfdisk_reads_what_we_wrote() {
    let disk = finished();
    let file = on_file("sfdisk", &disk);
    let text = run("sfdisk", &["--json"], &file);
    std::fs::remove_file(&file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let table = &json["partitiontable"];
    assert_eq!(table["lastlba"], 8192 * 2048 - 34);
    let mib = |value: &serde_json::Value| value.as_u64().unwrap() / 2048;
    let seen: Vec<_> = (1..)
        .zip(table["partitions"].as_array().unwrap())
        .map(|(number, part)| {
            (number, part["name"].as_str().unwrap().to_owned(), mib(&part["start"]), mib(&part["size"]))
        })
        .collect();
    assert_eq!(seen, layout(&disk.found().table));
    assert_eq!(table["partitions"][5]["type"], "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
    assert_eq!(table["partitions"][4]["attrs"], "GUID:60");
}
