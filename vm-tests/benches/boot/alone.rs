//! Figures of our system alone, in machines of the demonstration, whose root has a shell.

use std::fmt::Write as _;

use pattern_vm_tests::{Computer, Guest};

use super::figures::median;
use super::machine::time;

/// Sizes of disks for a first boot.
const DISKS: [&str; 2] = ["8G", "512G"];
/// Mounts the kernel's file systems and `/usr`, and nothing else. The kernel ends with it.
const FLOOR: &str = "#!/usr/bin/sh
export PATH=/usr/bin:/usr/sbin
mkdir -p /proc /sys /dev /run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
/usr/lib/pattern/pattern-usr
";
const GENERATORS: &str = "/usr/lib/systemd/system-generators";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../build/dist/usr/lib/pattern/pattern-initrd");
/// Blocks of a MiB that are read.
const BLOCKS: u32 = 160;

/// Returns a Markdown table.
pub(crate) fn measure() -> String {
    let mut text = String::from("| figure | value |\n| --- | --- |\n");
    for size in DISKS {
        let first = first(size);
        let of = |figure: &str| format!("first boot on a disk of {size}iB, {figure}");
        row(&mut text, &of("until the volume is made, counted"), &format!("{:.2}", first.took));
        row(&mut text, &of("MB of memory in use at the end of the initrd"), &format!("{:.0}", first.memory));
        row(&mut text, &of("MB written to the disk until then"), &format!("{:.1}", first.written));
    }
    let floor = format!("{:.2}", floor());
    row(&mut text, "the floor: `/usr` opened and mounted, no systemd in the initrd, counted", &floor);
    let mut computer = Computer::installed("bench-alone");
    computer.counts_instructions();
    let mut guest = computer.boot();
    generators(&mut text, &mut guest);
    let [plain, verity] = ["/dev/vda3", "/dev/mapper/usr"].map(|device| read(&mut guest, device));
    row(&mut text, "instructions for a byte of `/usr` that is read without verity", &format!("{plain:.2}"));
    row(&mut text, "the same with verity", &format!("{verity:.2}"));
    let scrub = seconds(&mut guest, "/usr/lib/pattern/pattern-scrub");
    row(
        &mut text,
        "`pattern-scrub`, which reads all of `/usr`, most of it again, counted",
        &format!("{scrub:.2}"),
    );
    let log = seconds(&mut guest, "dd if=/dev/zero of=/persist/log bs=1M count=64 oflag=direct");
    row(
        &mut text,
        "64 MiB written to the volume, as much as its file system's log, counted",
        &format!("{log:.2}"),
    );
    let program = std::fs::metadata(PROGRAM).expect("the program that `make image` installed").len();
    row(&mut text, "MB of the static program, not compressed", &format!("{:.1}", program as f64 / 1e6));
    text
}

fn row(text: &mut String, figure: &str, value: &str) {
    writeln!(text, "| {figure} | {value} |").expect("writing to memory");
}

/// A first boot: instructions in the initrd, and what it left.
struct First {
    took: f64,
    memory: f64,
    written: f64,
}

fn first(size: &str) -> First {
    let mut computer = Computer::with_disk("bench-disk", size);
    computer.counts_instructions();
    let mut guest = computer.boot_initrd();
    let log = guest.must("dmesg");
    let at = |text: &str| log.lines().filter_map(time).find(|(_, line)| line.contains(text)).map(|one| one.0);
    let begin = at("systemd[1]: systemd 25").expect("systemd says that it starts");
    let end = at("; made one with ").expect("the stage reports");
    let kib = |guest: &mut Guest, name: &str| -> f64 {
        let said = guest.must(&format!("grep ^{name}: /proc/meminfo"));
        said.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of KiB")
    };
    let memory = (kib(&mut guest, "MemTotal") - kib(&mut guest, "MemAvailable")) / 1e3;
    let stat = guest.must("cat /sys/block/vda/stat");
    let sectors: f64 = stat.split_whitespace().nth(6).and_then(|word| word.parse().ok()).expect("sectors");
    First { took: end - begin, memory, written: sectors * 512.0 / 1e6 }
}

fn floor() -> f64 {
    let mut computer = Computer::new("bench-floor");
    computer.counts_instructions();
    computer.run_instead(FLOOR);
    let mut guest = computer.start();
    guest.expect("Attempted to kill init!");
    let lines = || guest.console().lines().filter_map(time);
    let begin = lines().find(|(_, line)| line.starts_with("Run /script"));
    let end = lines().find(|(_, line)| line.starts_with("pattern-usr") && line.contains("opened it"));
    end.expect("the stage reports").0 - begin.expect("the kernel starts the script").0
}

/// Ours, which plans a whole initrd, beside systemd's, which have nothing to do.
fn generators(text: &mut String, guest: &mut Guest) {
    let names = guest.must(&format!("ls {GENERATORS}"));
    let names: Vec<&str> = names.split_whitespace().filter(|name| name.ends_with("-generator")).collect();
    let mut of = |name: &str| {
        let run = format!(
            "rm -rf /run/units; mkdir /run/units; {GENERATORS}/{name} /run/units /run/units /run/units"
        );
        seconds(guest, &format!("sh -c '{run}'")) * 1e3
    };
    let ours = of("pattern-generator");
    let theirs: Vec<f64> =
        names.iter().filter(|name| name.starts_with("systemd-")).map(|name| of(name)).collect();
    row(
        text,
        "millions of instructions of `pattern-generator`, with the shell that starts it",
        &format!("{ours:.0}"),
    );
    let figure = format!("the same of each of the {} generators of systemd, median", theirs.len());
    row(text, &figure, &format!("{:.0}", median(theirs.into_iter())));
}

fn read(guest: &mut Guest, device: &str) -> f64 {
    guest.must("echo 3 >/proc/sys/vm/drop_caches");
    seconds(guest, &format!("dd if={device} of=/dev/null bs=1M count={BLOCKS} status=none"))
        / f64::from(BLOCKS << 20)
        * 1e9
}

/// Returns how long a command takes, by the shell's clock.
fn seconds(guest: &mut Guest, command: &str) -> f64 {
    let said = guest.must(&format!("TIMEFORMAT='took %R'; time {{ {command} >/dev/null 2>&1; }} 2>&1"));
    let took = said.lines().find_map(|line| line.strip_prefix("took ")?.trim().parse().ok());
    took.unwrap_or_else(|| panic!("no time in {said:?}"))
}
