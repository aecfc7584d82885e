//! What pattern-fetch takes for an update, and what it asks for.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use pattern_vm_tests::{Fetcher, Slots};

use crate::Built;
use crate::how::How;
use crate::served::Asked;

/// Without `SHA256SUMS` and its signature, which each way fetches.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub bytes: u64,
    /// Of these, what the kernel image takes.
    pub kernel: u64,
    pub requests: usize,
    /// Of pattern-fetch and of the gpg that it starts.
    pub seconds: f64,
    /// The most memory that one of both had, in bytes.
    pub memory: u64,
}

/// Updates, and prints the seconds of CPU and the peak of memory in bytes.
pub fn print(how: How, url: &str, old: Built, new: Built) {
    let slots = Slots::between("bench", old.files, new.files);
    let order = match how {
        How::Blocks => slots.order_without_patch(url),
        How::Patch => slots.order(url),
    };
    let fetcher = Fetcher::start(&order);
    // It ends the program, which then counts below.
    fetcher.makes_the_new_version(&slots);
    drop(fetcher);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let used = usage.user_time() + usage.system_time();
    // In KiB, getrusage(2).
    println!("{} {}", used.num_microseconds() as f64 / 1e6, usage.max_rss() << 10);
}

impl Measured {
    /// `printed` is what [`print`] wrote.
    pub fn of(printed: &str, asked: &[Asked]) -> Self {
        let (seconds, memory) = printed.trim().split_once(' ').unwrap();
        let asked: Vec<_> = asked.iter().filter(|asked| !asked.path.contains("SHA256SUMS")).collect();
        // systemd-sysupdate installs the kernel image last.
        let kernel = asked.last().unwrap();
        assert!(kernel.path.ends_with(".efi") || kernel.path.ends_with(".patch"), "{kernel:?}");
        Self {
            bytes: asked.iter().map(|asked| asked.bytes).sum(),
            kernel: kernel.bytes,
            requests: asked.len(),
            seconds: seconds.parse().unwrap(),
            memory: memory.parse().unwrap(),
        }
    }
}
