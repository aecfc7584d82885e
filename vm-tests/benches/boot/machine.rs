//! Boots a machine twice, and reads what each boot took from its console.

use std::fs;

use pattern::update::uki;
use pattern_vm_tests::{Computer, Guest};

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

/// Two boots of a machine, and the sizes of its image.
pub(crate) struct Machine {
    pub(crate) boots: [Boot; 2],
    /// Bytes of the unified kernel image, and of the initrd in it.
    pub(crate) sizes: [usize; 2],
}

/// What one boot took.
pub(crate) struct Boot {
    /// When each of [`STAGES`] ended, in seconds of the kernel's clock.
    pub(crate) ends: [f64; STAGES.len()],
    /// Commands at the TPM, from the start of the initrd to its end.
    pub(crate) commands: usize,
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
}

impl Machine {
    /// Boots a new machine with this image twice.
    pub(crate) fn boot(image: &str) -> Self {
        let mut computer = Computer::of_image(image, &format!("bench-{image}"));
        computer.secure_boot_with_keys();
        // Else the second boot finds that the first was cut short, and reads all of /usr.
        computer.powers_off();
        let ear = computer.listen_to_tpm();
        let boots = BOOTS.map(|name| {
            let mut guest = computer.start();
            guest.expect("Run /init as init process");
            drop(ear.take());
            guest.expect("Switching root.");
            let commands = ear.take().len();
            let boot = Boot { ends: ends(&mut guest), commands };
            eprintln!("{image}, {name} boot: {:.1} s in the initrd", boot.initrd());
            guest.wait_for_power_off();
            boot
        });
        let file = fs::read(computer.kernel_image()).expect("reading the unified kernel image");
        let initrd = uki::section(&file, ".initrd").expect("an initrd in the unified kernel image");
        Self { boots, sizes: [file.len(), initrd.len()] }
    }
}

fn ends(guest: &mut Guest) -> [f64; STAGES.len()] {
    guest.expect("report: times: ");
    let up = up(&guest.expect("\n"));
    let mut lines = guest.console().lines();
    STAGES.map(|(name, texts)| {
        if texts.is_empty() {
            return up;
        }
        let said = lines.by_ref().find_map(|line| {
            let (head, text) = line.split_once("] systemd[1]: ")?;
            let (_, seconds) = head.rsplit_once('[')?;
            texts.iter().any(|wanted| text.starts_with(wanted)).then(|| seconds.trim().parse().ok()).flatten()
        });
        said.unwrap_or_else(|| panic!("the console has no end of the stage {name:?}"))
    })
}

/// Returns when the system was up, from its report.
fn up(report: &str) -> f64 {
    let time = report.split_whitespace().find_map(|word| word.strip_prefix("ActiveEnterTimestampMonotonic="));
    let microseconds: Option<f64> = time.and_then(|text| text.parse().ok());
    microseconds.unwrap_or_else(|| panic!("no time in {report:?}")) / 1e6
}
