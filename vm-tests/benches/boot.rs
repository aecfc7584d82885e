//! Boots our system and the same one by stock means in turn, and prints one table: `make bench`.
//!
//! Both have the same packages, kernel, `/usr` and settings. systemd itself says when it began in
//! the initrd, when it began in the system, and when the system was up. Each pair of machines is
//! compared by itself, because the speed of a shared host changes while it works. Two other images
//! are compared by their names: `cargo bench -p pattern-vm-tests --bench boot -- production other`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pattern_vm_tests::{Computer, Guest};

/// The images: ours, and the one by stock means.
const SYSTEMS: [&str; 2] = ["production", "stock"];
const BOOTS: [&str; 2] = ["first", "second"];
/// Pairs of machines. Each machine boots twice.
const PAIRS: usize = 3;

/// What one boot took.
#[derive(Clone, Copy)]
struct Boot {
    /// Seconds from the start of the initrd's systemd to the start of the system's.
    initrd: f64,
    /// Seconds from there until the system was up.
    system: f64,
    /// Commands at the TPM since power-on.
    commands: usize,
}

/// A figure's name, and how to read it from a boot.
type Figure = (&'static str, fn(&Boot) -> f64);

const FIGURES: [Figure; 3] = [
    ("initrd's systemd to switch-root, s", |boot| boot.initrd),
    ("switch-root to multi-user.target, s", |boot| boot.system),
    ("TPM commands since power-on", |boot| boot.commands as f64),
];

/// The boots of a pair of machines, by system and then by boot.
type Pair = [[Boot; 2]; 2];

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let systems = match &named[..] {
        [one, other] => [one.as_str(), other.as_str()],
        _ => SYSTEMS,
    };
    let pairs: Vec<Pair> = (0..PAIRS).map(|_| systems.map(machine)).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/bench/boot.csv");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, csv(&systems, &pairs)).unwrap();
    print!("{}", table(&systems, &pairs));
}

/// Boots a new machine twice.
fn machine(image: &str) -> [Boot; 2] {
    let mut computer = Computer::of_image(image, &format!("bench-{image}"));
    computer.secure_boot_with_keys();
    // Else the second boot finds that the first was cut short, and reads all of /usr.
    computer.powers_off();
    let ear = computer.listen_to_tpm();
    BOOTS.map(|name| {
        drop(ear.take());
        let mut guest = computer.start();
        let boot = reported(&mut guest);
        let boot = Boot { commands: ear.take().len(), ..boot };
        guest.wait_for_power_off();
        eprintln!("{image}, {name} boot: {:.1} s in the initrd", boot.initrd);
        boot
    })
}

/// Reads the line of times in the report of the machine.
fn reported(guest: &mut Guest) -> Boot {
    guest.expect("report: times: ");
    let line = guest.expect("\n");
    let seconds = |name: &str| {
        let text = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let microseconds: Option<u64> = text.and_then(|text| text.parse().ok());
        microseconds.unwrap_or_else(|| panic!("no {name} in {line:?}")) as f64 / 1e6
    };
    let initrd = seconds("InitRDTimestampMonotonic");
    let system = seconds("UserspaceTimestampMonotonic");
    let up = seconds("ActiveEnterTimestampMonotonic");
    Boot { initrd: system - initrd, system: up - system, commands: 0 }
}

fn csv(systems: &[&str; 2], pairs: &[Pair]) -> String {
    let mut text = String::from("pair,system,boot,initrd_s,system_s,tpm_commands\n");
    for (number, pair) in pairs.iter().enumerate() {
        for (system, boots) in systems.iter().zip(pair) {
            for (name, Boot { initrd, system: up, commands }) in BOOTS.iter().zip(boots) {
                writeln!(text, "{number},{system},{name},{initrd:.3},{up:.3},{commands}").unwrap();
            }
        }
    }
    text
}

fn table([ours, theirs]: &[&str; 2], pairs: &[Pair]) -> String {
    let mut text =
        format!("| boot | figure | {ours} | {theirs} | ratio |\n| --- | --- | --- | --- | --- |\n");
    for (index, name) in BOOTS.iter().enumerate() {
        for (figure, value) in FIGURES {
            let of = |system: usize| pairs.iter().map(move |pair| value(&pair[system][index]));
            let ratios = pairs.iter().map(|pair| value(&pair[0][index]) / value(&pair[1][index]));
            let (ours, stock, ratio) = (spread(of(0)), spread(of(1)), spread(ratios));
            writeln!(text, "| {name} | {figure} | {ours} | {stock} | {ratio} |").unwrap();
        }
    }
    text
}

/// The median, and the least and the most.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    format!("{:.2} ({:.2} to {:.2})", sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}
