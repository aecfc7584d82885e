//! Installed machines with `debug = false`. Secure Boot is on with only the demonstration's keys,
//! nothing is added to the kernel command line, and each boot reports on the console.

use std::fs;

use super::{FIRST_BOOT_LOG, PRODUCTION, Stock};
use crate::computer::Computer;
use crate::scratch::Scratch;
use crate::setting;

impl Computer {
    /// Copies a computer with the image `production`, which has `debug = false`. It booted once,
    /// and has `kept` in each persisted directory.
    #[must_use]
    pub fn production(name: &str) -> Self {
        let scratch = Scratch::new(name);
        PRODUCTION.copy_to(scratch.path());
        Self::in_scratch(scratch, &setting::production()).for_use()
    }

    /// Does the same with a stock system, which uses systemd's own programs.
    #[must_use]
    pub fn stock(stock: Stock, name: &str) -> Self {
        let scratch = Scratch::new(name);
        stock.installed().copy_to(scratch.path());
        Self::in_scratch(scratch, &stock.image()).for_use()
    }

    fn for_use(mut self) -> Self {
        self.no_words();
        self.secure_boot();
        self
    }

    /// Returns what its firmware extended a register with in the first boot, as its system reported
    /// it.
    #[must_use]
    pub fn reported_extends(&self, pcr: u8) -> Vec<[u8; 32]> {
        let log = fs::read(self.folder().join(FIRST_BOOT_LOG));
        let log = String::from_utf8_lossy(&log.expect("reading the first boot's log")).into_owned();
        let before = format!("report: pcr {pcr}: ");
        log.split(&before).skip(1).map(|rest| digest(rest.get(..64).expect("a digest"))).collect()
    }
}

fn digest(digits: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal digits");
    std::array::from_fn(byte)
}
