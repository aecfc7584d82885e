//! The programs of the initrd need no more of the processor than they did. In a machine whose clock counts instructions,
//! the same work takes the same time on every host. docs/performance.md has the whole initrd beside stock's.

use pattern_vm_tests::{Computer, Guest};

/// Milliseconds of that clock that each stage may use, with the programs that it starts: millions of instructions. The
/// volume is opened, and nothing else is to be done. Nearly all of the first is the kernel's, for the modules.
const MOST: [(&str, f64); 6] = [
    ("pattern-usr", 2350.0),
    ("pattern-grow", 28.0),
    ("pattern-reset", 27.0),
    ("pattern-persist", 168.0),
    ("pattern-seed", 25.0),
    ("pattern-latch", 25.0),
];
/// The same, for a run of the generator, with the start of its process by the shell.
const MOST_OF_THE_GENERATOR: f64 = 7.0;
const RUNS: u32 = 20;

#[test]
fn instructions() {
    let mut computer = Computer::installed("instructions");
    computer.counts_instructions();
    let mut guest = computer.boot_initrd();
    let took = MOST.map(|(stage, most)| (stage, used(&mut guest, stage), most));
    let generator = ("pattern-generator", of_generator(&mut guest), MOST_OF_THE_GENERATOR);
    let all: Vec<_> = took.into_iter().chain([generator]).collect();
    for (program, took, most) in &all {
        println!("{program}: {took:.1} ms, at most {most}");
    }
    for (program, took, most) in all {
        assert!(took <= most, "{program} took {took:.1} ms, more than {most}");
    }
}

/// What the processes of a service have used so far.
pub(crate) fn used(guest: &mut Guest, service: &str) -> f64 {
    let said = guest.must(&format!("systemctl show --property=CPUUsageNSec --value {service}.service"));
    let nanoseconds: f64 = said.trim().parse().unwrap_or_else(|_| panic!("{service} used {said:?}"));
    nanoseconds / 1e6
}

/// The shell is a service, too.
fn of_generator(guest: &mut Guest) -> f64 {
    let before = used(guest, "pattern-break");
    let generator = "/usr/lib/systemd/system-generators/pattern-generator";
    let run = format!("mkdir /run/units.$i && {generator} /run/units.$i /run/units.$i /run/units.$i");
    guest.must(&format!("i=0; while [ $i -lt {RUNS} ]; do {run} || exit; i=$((i + 1)); done"));
    (used(guest, "pattern-break") - before) / f64::from(RUNS)
}
