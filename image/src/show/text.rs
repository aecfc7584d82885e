//! The facts as text for people.

use pattern::config::size::Size;
use pattern::plain::plain;
use pattern::table::Amount;

use super::change::Change;
use super::facts::Facts;
use super::kernel::Kernel;
use super::packages::{PackageChange, Packages};
use super::signature::Signed;
use super::system::System;

/// Columns of a bar.
const BAR: u64 = 40;
/// Columns of names.
const NAME: usize = 15;

/// Returns the whole text.
pub(super) fn facts(facts: &Facts) -> String {
    let mut text = title(facts);
    text.push_str(&section("Layout", &layout(facts)));
    text.push_str(&section("Sizes", &sizes(facts)));
    text.push_str(&section("Signed", &signed(facts)));
    if let Some(system) = &facts.system {
        text.push_str(&section("Settings", &settings(system)));
        text.push_str(&section("Who can log in", &login(system)));
    }
    text.push_str(&section("Not read", &facts.unread));
    text
}

fn section(name: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{name}\n{}", lines.iter().map(|line| format!("  {}\n", plain(line))).collect::<String>())
}

fn row(name: &str, value: &str) -> String {
    format!("{name:NAME$} {value}")
}

fn title(facts: &Facts) -> String {
    let Some(system) = &facts.system else { return format!("{}\n", plain(&facts.file)) };
    let debug = if system.text("debug") == Some("true") { ", debug = true: for development" } else { "" };
    let count = facts.packages.as_ref().map(|packages| format!(", {} packages", packages.len()));
    let count = count.unwrap_or_default();
    let name = format!("{} {}{debug}", system.id, system.version);
    let lines = [name, format!("{}{count}", system.distribution), facts.file.clone()];
    lines.iter().map(|line| format!("{}\n", plain(line))).collect()
}

/// Returns a bar for each partition: its part of the largest one.
fn layout(facts: &Facts) -> Vec<String> {
    let largest = facts.partitions.iter().map(|part| part.bytes).max().unwrap_or(1).max(1);
    let bar = |bytes: u64| "#".repeat(usize::try_from((bytes * BAR).div_ceil(largest)).unwrap_or(0));
    let line = |part: &super::facts::Partition| {
        row(&part.label, &format!("{:>10} {}", Amount(part.bytes).to_string(), bar(part.bytes)))
    };
    let mut lines: Vec<_> = facts.partitions.iter().map(line).collect();
    lines.push(row("together", &format!("{:>10}", Amount(facts.bytes).to_string())));
    lines
}

fn sizes(facts: &Facts) -> Vec<String> {
    let slot = |key| facts.system.as_ref()?.text(key).and_then(|text| Size::parse(text).ok());
    let of = |bytes: u64, whole: Option<Size>, what: &str| match whole.map(Size::bytes) {
        Some(whole @ 1..) => {
            format!(
                "{:>10}, {} % of the {} that {what}",
                Amount(bytes).to_string(),
                bytes * 100 / whole,
                Amount(whole)
            )
        }
        _ => format!("{:>10}", Amount(bytes).to_string()),
    };
    let mut lines = Vec::new();
    if let Some(usr) = facts.partition("usr") {
        lines.push(row("/usr", &of(usr.bytes, slot("partitions.sizes.usr"), "each version may have")));
    }
    if let Some(Kernel { signed, linux_bytes, initrd_bytes, .. }) = &facts.kernel {
        let what = "two versions share with the boot loader";
        lines.push(row("kernel image", &of(signed.bytes, slot("partitions.sizes.esp"), what)));
        lines.push(row("- Linux", &format!("{:>10}", Amount(*linux_bytes as u64).to_string())));
        lines.push(row("- initrd", &format!("{:>10}", Amount(*initrd_bytes as u64).to_string())));
    }
    lines
}

fn signed(facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(loader) = &facts.boot_loader {
        lines.extend(signer("boot loader", loader));
    }
    if let Some(kernel) = &facts.kernel {
        lines.extend(signer("kernel image", &kernel.signed));
        lines.extend(pcr_11(kernel, facts.system.as_ref()));
    }
    if let Some(keys) = &facts.update_keys {
        lines.extend(named("updates", keys.iter().map(|key| format!("verified with the OpenPGP key {key}"))));
    }
    lines
}

/// Returns the lines of one name, which stands before the first.
fn named(name: &str, values: impl Iterator<Item = String>) -> Vec<String> {
    values.enumerate().map(|(index, value)| row(if index == 0 { name } else { "" }, &value)).collect()
}

fn signer(name: &str, signed: &Signed) -> Vec<String> {
    let Some(by) = &signed.signature else {
        return vec![row(name, "NOT SIGNED: firmware with Secure Boot does not start it")];
    };
    let valid = if by.valid { "" } else { "NOT VALID: " };
    let lines = [
        format!("{valid}{}, certificate until {}", by.subject, by.until),
        format!("SHA-256 {}", by.fingerprint),
    ];
    named(name, lines.into_iter())
}

fn pcr_11(kernel: &Kernel, system: Option<&System>) -> Vec<String> {
    if kernel.pcr_signers.is_empty() {
        return vec![row("PCR 11", "NOT SIGNED: a volume is bound to this boot's other registers only")];
    }
    let epoch = system.and_then(|system| system.text("image.epoch")).unwrap_or("0");
    let whose = |key: &String| {
        let own = Some(key) == kernel.pcr_key.as_ref();
        let debug = system.is_some_and(|system| system.text("debug") == Some("true"));
        match (own, debug) {
            (true, true) => "the image's key".to_owned(),
            (true, false) => format!("the image's key, of epoch {epoch}"),
            (false, _) => "another key, as of the epoch before".to_owned(),
        }
    };
    named("PCR 11", kernel.pcr_signers.iter().map(|key| format!("signed by {key}: {}", whose(key))))
}

fn settings(system: &System) -> Vec<String> {
    let own =
        system.settings.iter().filter(|(key, _)| !["image.id", "image.version"].contains(&key.as_str()));
    own.map(|(key, value)| format!("{key} = {value}")).collect()
}

fn login(system: &System) -> Vec<String> {
    match system.login.as_slice() {
        [] => vec!["nobody".to_owned()],
        lines => lines.to_vec(),
    }
}

/// Returns the text of the differences.
pub(super) fn change(change: &Change) -> String {
    let since = change.version.as_ref().unwrap_or(&change.file);
    let mut lines: Vec<_> = change.bytes.iter().map(|(name, sizes)| row(name, &difference(*sizes))).collect();
    match &change.values {
        Some(values) => lines.extend(values.iter().map(|(name, [before, now])| {
            let said = |value: &str| if value.is_empty() { "-".to_owned() } else { value.to_owned() };
            format!("{name}: {} -> {}", said(before), said(now))
        })),
        None => lines.push("settings and signers: not compared, see \"Not read\"".to_owned()),
    }
    match &change.packages {
        Some(packages) => lines.extend(package_lines(packages)),
        None => lines.push("packages: not compared: an image has no manifest beside it".to_owned()),
    }
    section(&plain(&format!("Changes since {since}")), &lines)
}

fn difference([before, now]: [u64; 2]) -> String {
    let (sign, bytes) = if now > before { ("+", now - before) } else { ("-", before - now) };
    format!("{:>10} ({sign}{})", Amount(now).to_string(), Amount(bytes))
}

fn package_lines(change: &PackageChange) -> Vec<String> {
    let list = |packages: &Packages, sign: char| {
        packages.iter().map(|(name, version)| format!("{sign} {name} {version}")).collect::<Vec<_>>()
    };
    let changed = change.changed.iter().map(|(name, [before, now])| format!("  {name} {before} -> {now}"));
    let (added, removed) = (change.added.len(), change.removed.len());
    let head = format!("packages: {added} added, {removed} removed, {} changed", change.changed.len());
    let lines = list(&change.added, '+').into_iter().chain(list(&change.removed, '-')).chain(changed);
    [head].into_iter().chain(lines).collect()
}
