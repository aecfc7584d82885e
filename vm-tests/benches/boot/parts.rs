//! What the initrd of a boot is made of, line by line of its log.

use std::fmt::Write as _;

use super::machine::{Boot, time};

/// Steps of fewer milliseconds are summed up.
const LEAST: f64 = 40.0;
/// The most letters of a line that are shown.
const LONGEST: usize = 90;

/// Returns a Markdown table of the steps between two lines of the log. Milliseconds of the guest's
/// clock.
pub(crate) fn table(boot: &Boot) -> String {
    let (begin, end) = (boot.ends[0], boot.ends[5]);
    let mut text = String::from("| milliseconds | until this line of the log |\n| --- | --- |\n");
    let (mut before, mut short) = (begin, 0.0);
    let lines = boot.console.lines().filter_map(time).filter(|(at, line)| *at <= end && tells(line));
    for (at, line) in lines.skip_while(|(at, _)| *at <= begin) {
        let took = (at - before) * 1e3;
        before = at;
        if took < LEAST {
            short += took;
        } else {
            writeln!(text, "| {took:.0} | `{}` |", shown(line)).expect("writing to memory");
        }
    }
    writeln!(text, "| {short:.0} | all steps of fewer than {LEAST:.0} ms |").expect("writing to memory");
    text
}

/// Whether somebody said it who takes part in the boot. Disks that are looked for in vain tell too.
fn tells(line: &str) -> bool {
    ["systemd[1]: ", "pattern-", "device-mapper: ", "erofs: ", "SGI XFS", "XFS "]
        .iter()
        .any(|by| line.starts_with(by))
}

fn shown(line: &str) -> String {
    let line: String = line.chars().filter(|c| !c.is_control() && *c != '|' && *c != '`').collect();
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}
