//! The tables that are printed, in Markdown.

use pattern_vm_tests::Version;

use crate::how::How;
use crate::measured::Measured;
use crate::others::{Others, size};
use crate::served::Served;

pub const HEAD: &str = "\
| versions | whole | way | fetched | of the whole | kernel image | requests | CPU, s | memory, MiB |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The rows of a pair.
pub fn row(server: &Served, old: &Version, new: &Version, ways: &[Measured; 2], others: &Others) -> String {
    let whole = server.whole(&new.base);
    let version = |version: &Version| version.base.split_once('_').unwrap().1.to_owned();
    let pair = format!("{} → {}", version(old), version(new));
    let share = |bytes: u64| format!("{} | {:.1} %", megabytes(bytes), bytes as f64 * 100.0 / whole as f64);
    let ours = How::ALL.iter().zip(ways).map(|(how, way)| {
        format!(
            "| {pair} | {} | {} | {} | {} | {} | {:.1} | {:.0} |\n",
            megabytes(whole),
            how.name(),
            share(way.bytes),
            megabytes(way.kernel),
            way.requests,
            way.seconds,
            way.memory as f64 / f64::from(1 << 20),
        )
    });
    let kernel = [megabytes(size(&new.kernel)), "in it".to_owned()];
    let theirs =
        [("RAUC, by its definition", others.rauc), ("casync", others.casync)].into_iter().zip(kernel);
    let theirs = theirs.map(|((name, bytes), kernel)| {
        format!("| {pair} | {} | {name} | {} | {kernel} | | | |\n", megabytes(whole), share(bytes))
    });
    ours.chain(theirs).collect()
}

/// In 10⁶ bytes.
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
