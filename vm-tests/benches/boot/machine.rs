//! Boots a machine twice, and reads what each boot took from its console.

use std::fs;
use std::time::{Duration, Instant};

use pattern::uki;
use pattern_vm_tests::{Computer, Ear};

/// The boots of a machine.
pub(crate) const BOOTS: [&str; 2] = ["first", "second"];

/// What a boot is made of: the name of a stage, and what systemd says at its end. Of several texts
/// each system has its own. When the last stage ended is in the system's report.
pub(crate) const STAGES: [(&str, &[&str]); 7] = [
    ("kernel", &["systemd 25"]),
    ("systemd loads units, generators run", &["Queued start job for default target"]),
    ("/usr is found, opened, mounted", &["Finished pattern-usr.service", "Mounted sysusr-usr.mount"]),
    ("the volume is opened, mounted", &["Finished pattern-persist.service", "Mounted sysroot-etc.mount"]),
    ("what is left in the initrd", &["Switching root."]),
    ("switching root", &["systemd 25"]),
    ("the system, until multi-user.target", &[]),
];

/// Delays of each command at the TPM that are tried, in milliseconds.
pub(crate) const DELAYS: [u64; 2] = [20, 100];

/// What tells the time in a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The host's clock.
    Seconds,
    /// Each instruction is a nanosecond.
    Instructions,
}

/// Boots of a machine, and the sizes of its image.
pub(crate) struct Machine {
    pub(crate) boots: [Boot; 2],
    /// Seconds that the initrd of later boots took, for each delay that was asked for.
    pub(crate) delayed: Vec<f64>,
    /// Bytes of the unified kernel image, and of the initrd in it.
    pub(crate) sizes: [usize; 2],
}

/// What one boot took.
pub(crate) struct Boot {
    /// Seconds from power on to the kernel's start, which are not counted by instructions.
    pub(crate) firmware: f64,
    /// When each of [`STAGES`] ended, in seconds of the kernel's clock.
    pub(crate) ends: [f64; STAGES.len()],
    /// Commands at the TPM, from the start of the initrd to its end.
    pub(crate) commands: usize,
    /// Bytes written to the disk until the system was up.
    pub(crate) written: f64,
    /// What the console had.
    pub(crate) console: String,
}

impl Boot {
    /// Seconds from the start of the initrd's systemd to the start of the system's.
    pub(crate) fn initrd(&self) -> f64 {
        self.ends[5] - self.ends[0]
    }

    /// Seconds from the kernel's start until the system is up.
    pub(crate) fn whole(&self) -> f64 {
        self.ends[6]
    }

    /// Seconds from power on until the system is up.
    pub(crate) fn since_power_on(&self) -> f64 {
        self.firmware + self.whole()
    }
}

impl Machine {
    /// Boots a new machine with this image twice, and once more for each delay of the TPM, in
    /// milliseconds.
    pub(crate) fn boot(image: &str, clock: Clock, delays: &[u64]) -> Self {
        let mut computer = Computer::of_image(image, &format!("bench-{image}"));
        computer.secure_boot_with_keys();
        // Else the second boot finds that the first was cut short, and reads all of /usr.
        computer.powers_off();
        if clock == Clock::Instructions {
            computer.counts_instructions();
        }
        let ear = computer.listen_to_tpm();
        let boots = BOOTS.map(|name| {
            let boot = boot(&mut computer, &ear, 0);
            eprintln!("{image}, {name} boot: {:.1} s in the initrd", boot.initrd());
            boot
        });
        let delayed = delays.iter().map(|delay| boot(&mut computer, &ear, *delay).initrd()).collect();
        let file = fs::read(computer.kernel_image()).expect("reading the unified kernel image");
        let initrd = uki::section(&file, ".initrd").expect("an initrd in the unified kernel image");
        Self { boots, delayed, sizes: [file.len(), initrd.len()] }
    }
}

/// Boots a machine. In the initrd, each command at the TPM takes `delay` milliseconds longer.
fn boot(computer: &mut Computer, ear: &Ear, delay: u64) -> Boot {
    let begin = Instant::now();
    let mut guest = computer.start();
    guest.expect("] Run /init as init process");
    let elapsed = begin.elapsed().as_secs_f64();
    drop(ear.take());
    ear.slow_down(Duration::from_millis(delay));
    let line = guest.console().lines().find(|line| line.contains("] Run /init as init process"));
    let firmware = elapsed - line.and_then(time).expect("the kernel's line has a time").0;
    guest.expect("Switching root.");
    ear.slow_down(Duration::ZERO);
    let commands = ear.take().len();
    guest.expect("report: times: ");
    let up = number(&guest.expect("\n"), "ActiveEnterTimestampMonotonic=") / 1e6;
    guest.expect("report: written: ");
    let written = number(&guest.expect("\n"), "");
    let console = guest.console().to_owned();
    guest.wait_for_power_off();
    Boot { firmware, ends: ends(&console, up), commands, written, console }
}

fn ends(console: &str, up: f64) -> [f64; STAGES.len()] {
    let mut lines = console.lines();
    STAGES.map(|(name, texts)| {
        if texts.is_empty() {
            return up;
        }
        let said = lines.by_ref().find_map(|line| {
            let (seconds, text) = time(line)?;
            let text = text.strip_prefix("systemd[1]: ")?;
            texts.iter().any(|wanted| text.starts_with(wanted)).then_some(seconds)
        });
        said.unwrap_or_else(|| panic!("the console has no end of the stage {name:?}"))
    })
}

/// Returns the seconds in a line of the kernel's log, and the text after them.
pub(crate) fn time(line: &str) -> Option<(f64, &str)> {
    let (head, text) = line.split_once("] ")?;
    Some((head.rsplit_once('[')?.1.trim().parse().ok()?, text))
}

/// Returns a number of a report, after this word.
fn number(report: &str, word: &str) -> f64 {
    let found = report.split_whitespace().find_map(|one| one.strip_prefix(word)?.parse().ok());
    found.unwrap_or_else(|| panic!("no {word:?} in {report:?}"))
}
