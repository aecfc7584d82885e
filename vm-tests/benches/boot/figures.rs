//! The figures of all boots, as a table for people and as one for programs.

use std::fmt::Write as _;

use super::Pair;
use super::machine::{BOOTS, Boot, DELAYS, STAGES};

/// A figure's name, and how to read it from a boot.
type Figure = (&'static str, fn(&Boot) -> f64);

const FIGURES: [Figure; 5] = [
    ("seconds from the start of the initrd's systemd to that of the system's", Boot::initrd),
    ("seconds from the kernel's start to `multi-user.target`", Boot::whole),
    ("seconds from power on to `multi-user.target`", Boot::since_power_on),
    ("commands at the TPM in the initrd", |boot| boot.commands as f64),
    ("MB written to the disk until the system was up", |boot| boot.written / 1e6),
];
const COUNTED: [Figure; 2] = [
    ("counted: seconds of instructions and waits in the initrd", Boot::initrd),
    ("counted: the same from the kernel's start to `multi-user.target`", Boot::whole),
];
const SIZES: [&str; 2] = ["MB of the unified kernel image", "MB of the initrd in it"];

/// Returns a Markdown table: medians, with the least and the most. Ratios are those of pairs.
pub(crate) fn table([ours, theirs]: &[&str; 2], pairs: &[Pair], counted: &Pair) -> String {
    let mut text =
        format!("| boot | figure | {ours} | {theirs} | ratio |\n| --- | --- | --- | --- | --- |\n");
    let counted = std::slice::from_ref(counted);
    for (index, name) in BOOTS.iter().enumerate() {
        let rows = FIGURES.map(|figure| (figure, pairs)).into_iter();
        for ((figure, value), pairs) in rows.chain(COUNTED.map(|figure| (figure, counted))) {
            line(&mut text, name, figure, pairs, |pair| {
                [0, 1].map(|system: usize| value(&pair[system].boots[index]))
            });
        }
    }
    for (index, delay) in DELAYS.iter().enumerate() {
        let figure = format!("seconds in the initrd, where each command at the TPM takes {delay} ms longer");
        line(&mut text, "later", &figure, &pairs[..1], |pair| {
            [0, 1].map(|system: usize| pair[system].delayed[index])
        });
    }
    line(&mut text, "first to second", FIGURES[0].0, pairs, |pair| {
        [0, 1].map(|system: usize| pair[system].boots[0].initrd() / pair[system].boots[1].initrd())
    });
    for (index, figure) in SIZES.iter().enumerate() {
        line(&mut text, "", figure, pairs, |pair| {
            [0, 1].map(|system: usize| pair[system].sizes[index] as f64 / 1e6)
        });
    }
    text
}

fn line(text: &mut String, boot: &str, figure: &str, pairs: &[Pair], value: impl Fn(&Pair) -> [f64; 2]) {
    let of = |system: usize| spread(pairs.iter().map(|pair| value(pair)[system]));
    let ratio = spread(pairs.iter().map(|pair| value(pair)[0] / value(pair)[1]));
    writeln!(text, "| {boot} | {figure} | {} | {} | {ratio} |", of(0), of(1)).expect("writing to memory");
}

/// Returns the median.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let sorted = sorted(values);
    sorted[sorted.len() / 2]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The median, and the least and the most if they differ from it. A whole number has no digits
/// after the point.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let sorted = sorted(values);
    let shown = |value: f64| if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") };
    let [least, median, most] = [0, sorted.len() / 2, sorted.len() - 1].map(|at| shown(sorted[at]));
    if least == most { median } else { format!("{median} ({least} to {most})") }
}

/// Returns each boot in a line.
pub(crate) fn csv(systems: &[&str; 2], pairs: &[Pair], counted: &Pair) -> String {
    let mut text = String::from("pair,system,boot,tpm_commands,bytes_written,firmware");
    for (name, _) in STAGES {
        write!(text, ",end of: {}", name.replace(',', "")).expect("writing to memory");
    }
    text.push('\n');
    let numbered = pairs.iter().enumerate().map(|(number, pair)| (number.to_string(), pair));
    for (number, pair) in numbered.chain([("counted".to_owned(), counted)]) {
        for (system, machine) in systems.iter().zip(pair) {
            for (name, boot) in BOOTS.iter().zip(&machine.boots) {
                let ends: String = boot.ends.iter().map(|end| format!(",{end:.3}")).collect();
                let Boot { commands, written, firmware, .. } = boot;
                writeln!(text, "{number},{system},{name},{commands},{written},{firmware:.3}{ends}")
                    .expect("writing to memory");
            }
        }
    }
    text
}
