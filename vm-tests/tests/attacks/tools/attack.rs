//! How an attack is run, and how it is told what came of it.

use std::fs;
use std::path::Path;

use pattern_vm_tests::{Computer, Guest, Stock};

/// What the attacker's volumes have in a file where the owner's have `kept`.
pub(crate) const PLANTED: &str = "etc: planted";
pub(crate) const KEPT: &str = "etc: kept";

/// An attack on a system that was installed, and is switched off.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// Its place in the table.
    pub(crate) row: u32,
    pub(crate) name: &'static str,
    /// What is done, in the table's words.
    pub(crate) what: &'static str,
    /// What the attacker has or knows.
    pub(crate) who: &'static str,
    /// Does it: changes the disk, the TPM or the machine.
    pub(crate) prepare: fn(&mut Computer),
    /// What the attacker enters where a key is asked for.
    pub(crate) enters: Option<&'static str>,
    /// The line of the report by which a system tells that it uses what the attacker wants.
    pub(crate) used: &'static str,
}

/// For attacks that a test runs step by step.
pub(crate) const BY_STEPS: Attack =
    Attack { row: 0, name: "", what: "", who: "", prepare: |_| (), enters: None, used: "" };

/// What a boot came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) used: bool,
    pub(crate) words: String,
    /// All that was on the console.
    pub(crate) console: String,
}

const ASKED: &[&str] =
    &["Recovery key for /dev/", "enter passphrase for disk", "enter recovery key for disk"];
const STOPPED: &[&str] = &[
    "This image gives nobody a shell here.",
    "emergency mode",
    "Emergency Shell",
    "Emergency Mode",
    "console, the root account is locked",
    "Kernel panic",
];
const REPORT_END: &str = "report: end";
pub(crate) const NO_EFFECT: &str = "no effect: the system starts with the owner's files";

impl Attack {
    /// Runs it on a system of ours, which must refuse it, and say this.
    pub(crate) fn refused(self, says: &str) {
        let outcome = self.ours();
        assert!(!outcome.used, "{}: {}", self.name, outcome.words);
        assert!(outcome.console.contains(says), "{}: {says:?} was not said", self.name);
        self.note("ours", &format!("refused: {says}"));
    }

    /// Runs it on a system of ours, which goes on with the owner's volume as if nothing had been done.
    pub(crate) fn without_effect(self) {
        let outcome = self.ours();
        assert!(!outcome.used && outcome.console.contains(KEPT), "{}: {}", self.name, outcome.words);
        self.note("ours", &outcome.words);
    }

    /// Runs it on each system by stock means, and notes what comes of it.
    pub(crate) fn stock(self) {
        on_stock(self.name, |mut computer| {
            (self.prepare)(&mut computer);
            vec![(self, self.judge(&mut computer.start()).words)]
        });
    }

    fn ours(self) -> Outcome {
        self.ours_after(self.prepare).0
    }

    /// Runs it on a system of ours that was prepared in another way, and returns what that gave.
    pub(crate) fn ours_after<T>(self, prepare: impl FnOnce(&mut Computer) -> T) -> (Outcome, T) {
        let mut computer = Computer::production(self.name);
        let prepared = prepare(&mut computer);
        (self.judge(&mut computer.start()), prepared)
    }

    /// Lets the machine start until it has reported, asks for a key that nobody enters, or stops.
    pub(crate) fn judge(self, guest: &mut Guest) -> Outcome {
        let texts = [&[REPORT_END], ASKED, STOPPED].concat();
        let mut enters = self.enters;
        let words = loop {
            let (index, _) = guest.expect_any(&texts);
            if texts[index] == REPORT_END {
                break self.reported(guest.console());
            } else if STOPPED.contains(&texts[index]) {
                break format!("refused: the boot stops{}", last_words(guest.console()));
            } else if let Some(key) = enters.take() {
                guest.send(key);
            } else {
                break format!("refused: asks for a key{}", last_words(guest.console()));
            }
        };
        let used = words.starts_with("**used**");
        println!("{}: {words}", self.name);
        Outcome { used, words, console: guest.console().to_owned() }
    }

    fn reported(self, console: &str) -> String {
        let said = |line: &str| !line.is_empty() && console.contains(&format!("report: {line}"));
        let words = match () {
            () if said(self.used) => "**used**",
            () if said(KEPT) => NO_EFFECT,
            () => "no effect: the system starts without the owner's files",
        };
        words.to_owned()
    }

    /// Leaves for the table what came of it.
    pub(crate) fn note(self, system: &str, words: &str) {
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build");
        fs::create_dir_all(build.join("attacks")).expect("creating the folder for results");
        let file = |kind: &str| build.join("attacks").join(format!("{:02}-{}.{kind}", self.row, self.name));
        fs::write(file("attack"), format!("{} | {}\n", self.what, self.who)).expect("noting the attack");
        fs::write(file(system), format!("{words}\n")).expect("noting the result");
    }
}

/// Runs attacks on a machine of each stock system, and notes what came of them.
pub(crate) fn on_stock(name: &str, run: impl Fn(Computer) -> Vec<(Attack, String)>) {
    for stock in Stock::built() {
        let computer = Computer::stock(stock, &format!("{name}-{}", stock.name()));
        for (attack, words) in run(computer) {
            println!("{} on {}: {words}", attack.name, stock.name());
            attack.note(stock.name(), &words);
        }
    }
}

/// Starts a machine that has to come up with the owner's files; returns all that was on its console.
pub(crate) fn owners_boot(computer: &mut Computer) -> String {
    let mut guest = computer.start();
    let texts = [&[REPORT_END], ASKED, STOPPED].concat();
    let (index, _) = guest.expect_any(&texts);
    let console = guest.console();
    let opened = texts[index] == REPORT_END && console.contains(&format!("report: {KEPT}"));
    assert!(opened, "the owner's volume is opened: {:?}: {console}", texts[index]);
    console.to_owned()
}

/// What systemd's own program complained of last.
fn last_words(console: &str) -> String {
    let said = console.lines().filter_map(|line| line.split_once("systemd-cryptsetup[")?.1.split_once("]: "));
    let complaint = said.map(|(_, words)| words.trim()).rfind(|words| !words.starts_with("Set cipher"));
    complaint.map_or_else(String::new, |words| format!("; \"{words}\""))
}
