//! CPU time of one run of the generator, as the kernel accounts it: `make bench`. `PATTERN_PROGRAM`
//! names the static program that images have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use pattern::program::GENERATOR;

const RUNS: usize = 200;

fn main() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-root");
    prepare(&root);
    let generator = root.join(GENERATOR);
    let program = std::env::var_os("PATTERN_PROGRAM").expect("PATTERN_PROGRAM is not set");
    symlink(program, &generator).unwrap();
    let mut microseconds: Vec<i64> = (0..RUNS).map(|_| run(&generator, &root)).collect();
    microseconds.sort_unstable();
    let at = |share: usize| microseconds[(RUNS - 1) * share / 100] as f64 / 1000.0;
    println!("pattern-generator, initrd, demo configuration, CPU time of {RUNS} runs:");
    println!(
        "  median {:.2} ms, min {:.2} ms, max {:.2} ms (at most 5 ms is promised)",
        at(50),
        at(0),
        at(100)
    );
}

/// The demo's configuration in an initrd's places.
fn prepare(root: &Path) {
    fs::remove_dir_all(root).ok();
    for dir in ["proc", "etc", "usr/lib/pattern"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pattern.toml");
    fs::copy(demo, root.join("usr/lib/pattern/pattern.toml")).unwrap();
    fs::write(root.join("proc/cmdline"), format!("root=tmpfs rw usrhash={}\n", "5a".repeat(32))).unwrap();
    fs::write(root.join("etc/initrd-release"), "").unwrap();
}

/// One run's user and system time in microseconds.
fn run(generator: &Path, root: &Path) -> i64 {
    let out = root.join("out");
    fs::remove_dir_all(&out).ok();
    fs::create_dir(&out).unwrap();
    let before = children();
    let status = Command::new(generator)
        .arg(format!("--root={}", root.display()))
        .arg(&out)
        .stderr(Stdio::inherit())
        .status();
    assert!(status.unwrap().success());
    children() - before
}

fn children() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let spent = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    spent(usage.user_time()) + spent(usage.system_time())
}
