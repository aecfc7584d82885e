//! Writes docs/performance.md.

use std::fs;

use super::Pair;
use super::figures::median;

/// Returns the page: the table, the chart, the method and the machine.
pub(crate) fn write(table: &str, pairs: &[Pair]) -> String {
    let [initrd, whole, bytes] = goals(pairs);
    format!(
        "# Performance

`make bench` wrote this page, its chart and `build/bench/boot.csv`. It boots the production test image
and the same system by stock means: systemd's own repart, veritysetup and cryptsetup in mkosi's
initrd, from the same packages, with the same kernel, `/usr`, keys and policy
([`vm-tests/images/stock`](../vm-tests/images/stock)). Beside stock, a second boot takes
**{initrd:.0} %** of the time in the initrd and **{whole:.0} %** of the time until the system is up, and the
kernel image has **{bytes:.0} %** of the bytes.

{table}
Medians of {pairs} pairs, with the least and the most; a ratio is that of a pair.

![The stages of a boot of each system, in seconds](performance.svg)

## Method

The two machines of a pair boot in turn: a first boot, which makes the volume, an orderly end, and a
second boot. Times are those of the guest's clock: systemd's lines in the kernel's log, and what
systemd says of its target. The firmware has Secure Boot with the image's keys, the TPM is swtpm, the
disk is virtio. Commands at the TPM are counted between QEMU and swtpm, from the kernel's last line
before the initrd to the change of root.

## Machine

{machine}. QEMU emulates one processor without KVM, so that seconds are many times those of a real
machine. Ratios carry over where both systems do the same kind of work.
",
        pairs = pairs.len(),
        machine = machine(),
    )
}

/// Ours in percent of stock, of a second boot: time in the initrd, time in all, bytes.
fn goals(pairs: &[Pair]) -> [f64; 3] {
    let share = |value: &dyn Fn(&super::Machine) -> f64| {
        100.0 * median(pairs.iter().map(|[ours, stock]| value(ours) / value(stock)))
    };
    [
        share(&|machine| machine.boots[1].initrd()),
        share(&|machine| machine.boots[1].whole()),
        share(&|machine| machine.sizes[0] as f64),
    ]
}

/// Describes the host.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field =
        |line: &str| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned());
    let models: Vec<String> = text.lines().filter_map(field).collect();
    format!("{} processors of the kind {}", models.len(), models.first().map_or("unknown", String::as_str))
}
