//! Boots our system and the same one by stock means in turn, and writes docs/performance.md: `make
//! bench`.
//!
//! Both have the same packages, kernel, `/usr` and settings. Each pair of machines is compared by
//! itself, because the speed of a shared host changes while it works. One more pair counts
//! instructions in the place of seconds. Two other images are compared by their names, and only
//! printed: `cargo bench -p pattern-vm-tests --bench boot -- one other`.

mod alone;
mod chart;
mod figures;
mod machine;
mod page;
mod parts;

use std::fs;
use std::path::{Path, PathBuf};

use machine::{Clock, DELAYS, Machine};

/// The images: ours, and the one by stock means.
const SYSTEMS: [&str; 2] = ["production", "stock"];
/// Pairs of machines in seconds.
const PAIRS: usize = 3;

/// One machine of each system.
type Pair = [Machine; 2];

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let systems = match &named[..] {
        [one, other] => [one.as_str(), other.as_str()],
        _ => SYSTEMS,
    };
    let pair = |clock, delays: &[u64]| systems.map(|image| Machine::boot(image, clock, delays));
    let counted = pair(Clock::Instructions, &[]);
    let mut pairs = vec![pair(Clock::Seconds, &DELAYS)];
    pairs.extend((1..PAIRS).map(|_| pair(Clock::Seconds, &[])));
    write("build/bench/boot.csv", &figures::csv(&systems, &pairs, &counted));
    let table = figures::table(&systems, &pairs, &counted);
    print!("{table}");
    if systems == SYSTEMS {
        let alone = alone::measure();
        print!("{alone}");
        write("docs/performance.svg", &chart::draw(&pairs));
        write("docs/performance.md", &page::write(&table, &alone, &pairs, &counted));
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn write(path: &str, text: &str) {
    let path = root().join(path);
    fs::create_dir_all(path.parent().expect("a path with a folder")).expect("creating a folder");
    fs::write(&path, text).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}
