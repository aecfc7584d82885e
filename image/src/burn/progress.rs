//! Shows how far a long read or write of a disk is.

use std::path::Path;
use std::time::{Duration, Instant};

use pattern::table::Amount;

use crate::host::screen::Screen;
use crate::host::step::Step;

/// How often the line changes.
const PAUSE: Duration = Duration::from_millis(200);

/// One changing line where lines can change, and a line at the end.
pub(super) struct Progress {
    step: Step,
    doing: &'static str,
    total: u64,
    started: Instant,
    shown: Instant,
}

impl Progress {
    pub(super) fn new(screen: Screen, disk: &Path, doing: &'static str, total: u64) -> Self {
        let (step, now) = (Step::new(screen, disk.display().to_string()), Instant::now());
        Self { step, doing, total, started: now, shown: now }
    }

    /// Shows that this many bytes are done, now and then.
    pub(super) fn at(&mut self, done: u64) {
        if self.shown.elapsed() > PAUSE {
            self.shown = Instant::now();
            let far = under_way(done, self.total, self.started.elapsed());
            self.step.show(&format!("{}, {far}", self.doing));
        }
    }

    /// Shows that all is done.
    pub(super) fn end(self, done: &str) {
        let rate = Amount(rate(self.total, self.started.elapsed()));
        self.step.end(&format!("{done}, {}, {rate}/s", Amount(self.total)));
    }
}

fn under_way(done: u64, total: u64, elapsed: Duration) -> String {
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    let rate = rate(done, elapsed);
    let left = match total.saturating_sub(done).div_ceil(rate.max(1)) {
        _ if rate == 0 => "…".to_owned(),
        seconds @ ..120 => format!("{seconds} s left"),
        seconds => format!("{} min left", seconds.div_ceil(60)),
    };
    format!("{} of {}, {percent} %, {}/s, {left}", Amount(done), Amount(total), Amount(rate))
}

/// Returns bytes a second.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(bytes) * 1000 / elapsed.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_shown() {
        const MIB: u64 = 1 << 20;
        for (done, total, seconds, wanted) in [
            (0, 600 * MIB, 0, "0 bytes of 600 MiB, 0 %, 0 bytes/s, …"),
            (100 * MIB, 600 * MIB, 4, "100 MiB of 600 MiB, 16 %, 25 MiB/s, 20 s left"),
            (100 * MIB, 6000 * MIB, 10, "100 MiB of 5.9 GiB, 1 %, 10 MiB/s, 10 min left"),
            (600 * MIB, 600 * MIB, 10, "600 MiB of 600 MiB, 100 %, 60 MiB/s, 0 s left"),
        ] {
            assert_eq!(under_way(done, total, Duration::from_secs(seconds)), wanted);
        }
    }
}
