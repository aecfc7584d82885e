//! Writes docs/performance.md.

use std::fs;

use super::figures::median;
use super::machine::BOOTS;
use super::{Machine, Pair, parts};

/// Returns the page: the tables, the chart, what remains, the method and the machine.
pub(crate) fn write(table: &str, alone: &str, pairs: &[Pair], counted: &Pair) -> String {
    let [initrd, whole, bytes] = shares(pairs);
    format!(
        "# Performance

`make bench` wrote this page, its chart and `build/bench/boot.csv`. It boots the production test image
and the same system by stock means: systemd's own repart, veritysetup and cryptsetup in mkosi's
initrd, from the same packages, with the same kernel, `/usr`, keys and policy
([`vm-tests/images/stock`](../vm-tests/images/stock)). Beside stock, a second boot takes
**{initrd:.0} %** of the time in the initrd and **{whole:.0} %** of the time until the system is up, and the
kernel image has **{bytes:.0} %** of the bytes.

{table}
Medians of {pairs} pairs, with the least and the most; a ratio is that of a pair. The TPM is slowed down for
one pair. What is counted is of one more pair, see below.

![The stages of a boot of each system, in seconds](performance.svg)

{remains}
## What the initrd's time is

Of the counted boots of the production test image. {modules}

{parts}
## The demonstration alone

{alone}
The file system's log is most of what a first boot writes: 64 MiB on every disk. A smaller log would make the
first boot shorter, and each later change of many files slower: 64 MiB is the least that `mkfs.xfs` takes by itself.

{PROGRAM}

## Method

The two machines of a pair boot in turn: a first boot, which makes the volume, an orderly end, a
second boot, and a boot for each delay of the TPM. Times are those of the guest's clock: systemd's
lines in the kernel's log, and what systemd says of its target. Before the kernel's start, the time is
the host's. The firmware has Secure Boot with the image's keys, the TPM is swtpm, the disk is virtio.
Commands at the TPM are counted between QEMU and swtpm, from the kernel's last line before the initrd
to the change of root.

**Counted** means that each instruction of the one processor takes a nanosecond of the guest's clock, which is
set ahead while the guest waits (QEMU's option `-icount`). So a second of it is a thousand million instructions
and short waits. Only the waits depend on the host. The scenario `instructions` in `make check` holds what the stages
may use of it, `tpm_commands` the commands, `sizes` the bytes.

## Machine

{machine}. QEMU emulates one processor without KVM, so that seconds are many times those of a real
machine. Ratios carry over where both systems do the same kind of work.
",
        pairs = pairs.len(),
        remains = remains(pairs, counted),
        modules = MODULES,
        parts = parts(counted),
        machine = machine(),
    )
}

const MODULES: &str = "Most of it is the kernel, which loads modules: it checks their signatures, and patches \
them for this processor and for its own tracing. The largest is that of the volume's file system.";

/// By the symbols of a build that keeps them: `CARGO_PROFILE_RELEASE_STRIP=none static/cargo build --release -p
/// pattern-initrd`, `nm -S`, each symbol looked up in the libraries of `build/static`.
const PROGRAM: &str = "By its symbols, the static program is, in MB: 1.1 libcrypto, 1.1 the C library, 1.2 Rust (0.4 of it \
the standard library), 0.3 libcryptsetup with libdevmapper and json-c, 0.2 tpm2-tss, and 0.6 of tables for relocation and \
unwinding. The libraries are built without what the initrd does not use (`static/build`). What is left of libcrypto is what \
libcryptsetup and tpm2-tss refer to.";

/// Ours in percent of stock, of a second boot: time in the initrd, time in all, bytes.
fn shares(pairs: &[Pair]) -> [f64; 3] {
    let share = |value: &dyn Fn(&Machine) -> f64| {
        100.0 * median(pairs.iter().map(|[ours, stock]| value(ours) / value(stock)))
    };
    [
        share(&|machine| machine.boots[1].initrd()),
        share(&|machine| machine.boots[1].since_power_on()),
        share(&|machine| machine.sizes[0] as f64),
    ]
}

/// What no initrd can change, and what a first boot does.
fn remains(pairs: &[Pair], counted: &Pair) -> String {
    let of = |value: &dyn Fn(&Machine) -> f64| median(pairs.iter().map(|[ours, _]| value(ours)));
    let second = |machine: &Machine| machine.boots[1].since_power_on();
    let firmware = of(&|machine| machine.boots[1].firmware);
    let kernel = of(&|machine| machine.boots[1].ends[0]);
    let system = of(&|machine| machine.boots[1].ends[6] - machine.boots[1].ends[5]);
    let theirs = median(pairs.iter().map(|[_, stock]| second(stock)));
    let [first, later] = [0, 1].map(|boot: usize| counted[0].boots[boot].initrd());
    format!(
        "Of the {whole:.1} seconds from power on, the initrd has no part in {fixed:.1}: the firmware's and the boot \
loader's {firmware:.1}, the kernel's {kernel:.1}, and {system:.1} of the system after the change of root, which is \
systemd and Debian's units in both. An initrd that takes no time would leave {floor:.0} % of \
stock's {theirs:.1} seconds.

A first boot does what stock does, too: it makes a LUKS2 header and writes its 16 MiB, adds two keys, makes the file \
system and fills it, and each of that is on the medium before the next. That is {more:.1} thousand million instructions \
and waits more than the {later:.1} of a second boot. Most of it is 64 MiB of the file system's log, which are encrypted, \
the files of `/etc` and `/var`, and the TPM, which makes the key and its records. So a first boot can't come near \
1.15 times a second one, as long as a second one does so little: with a smaller log, each later change of many files would \
wait longer, on every day of the machine; and the file system is not made while the TPM still seals, because a TPM that \
fails leaves the disk unchanged.
",
        whole = of(&second),
        fixed = firmware + kernel + system,
        floor = 100.0 * (firmware + kernel + system) / theirs,
        more = first - later,
    )
}

fn parts([ours, _]: &Pair) -> String {
    let each = BOOTS.iter().zip(&ours.boots).map(|(name, boot)| {
        format!("A {name} boot, {:.2} seconds of that clock:\n\n{}\n", boot.initrd(), parts::table(boot))
    });
    each.collect::<Vec<_>>().concat()
}

/// Describes the host.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field =
        |line: &str| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned());
    let models: Vec<String> = text.lines().filter_map(field).collect();
    format!("{} processors of the kind {}", models.len(), models.first().map_or("unknown", String::as_str))
}
