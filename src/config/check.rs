//! Validates single values. Each function takes what the file has, and says what would be right.

use crate::age::{KeyError, Recipient};
use crate::config::size::{Size, SizeError};
use crate::config::{epoch, version};
use crate::token::{PcrError, Pcrs, RESETTABLE, SPENT};

/// Longest id: `ID_VERSION` with suffixes must be a valid file name on every file system, and a host
/// name of Linux has at most 64 characters.
const ID_MAX: usize = 64;
/// Longest part of a host name (RFC 1035, section 2.3.4).
pub(super) const LABEL_MAX: usize = 63;
/// systemd-boot ignores files in `/EFI/Linux` with this prefix, which is that of entries it makes
/// itself (its src/boot/boot.c).
const OF_THE_LOADER: &str = "auto-";
/// Most recipients: each takes a part of the 12 KiB that a LUKS2 header has for all its keys and
/// tokens.
const ESCROW_MAX: usize = 8;
/// Two kernel images beside the boot loader: one that runs and one that an update brings. The
/// smallest that the tests build has 22 MiB, and others may be a little smaller. `pattern build`
/// compares with what it has built.
const ESP_MIN: Size = Size::from_bytes(40 << 20);
/// A system in it is larger, also compressed.
const USR_MIN: Size = Size::from_bytes(64 << 20);
/// FAT ends at 2 TiB (Microsoft, "FAT32 File System Specification"), and no image comes near this.
const MOST: Size = Size::from_bytes(1 << 40);

/// The highest number of a PCR.
pub(super) const PCR_MAX: u64 = 23;

/// The result of a check: the value, or the message of a problem.
pub(super) type Checked<T> = Result<T, String>;

/// Validates `image.id`. It becomes `IMAGE_ID=` in os-release, the host name, and the first part of
/// file names, up to `_`.
pub(super) fn id(text: &str) -> Checked<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    if text.contains('_') {
        return Err(format!("must not hold '_', which separates id and version in file names: {text:?}"));
    }
    let id = name(text, ID_MAX, fits, "a-z, 0-9, '.' and '-'")?;
    if id.starts_with(OF_THE_LOADER) {
        return Err(format!(
            "must not start with \"{OF_THE_LOADER}\": systemd-boot does not start kernel images whose names do, not {text:?}"
        ));
    }
    if is_localhost(&id) {
        return Err(format!(
            "must be a host name, too, and {text:?} is that of every machine: choose another one"
        ));
    }
    let ends = |part: &str| part.starts_with(is_plain) && part.ends_with(is_plain) && part.len() <= LABEL_MAX;
    if !id.split('.').all(ends) {
        return Err(format!(
            "must be a host name, too: parts between '.' start and end with a letter or a digit, and have at most \
             {LABEL_MAX} characters, not {text:?}"
        ));
    }
    Ok(id)
}

/// systemd takes such a host name for none.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix(".localdomain").unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// Validates `image.version`, a part of file names and partition labels. The allowed characters are
/// those that both systemd-sysupdate and the UAPI version format specification accept. '+'
/// separates boot counters in names of UKIs.
pub(super) fn version(text: &str) -> Checked<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    if text.contains('_') {
        return Err(format!("must not hold '_', which separates id and version in file names: {text:?}"));
    }
    name(text, version::LONGEST, fits, "A-Z, a-z, 0-9, '.' and '-'")
}

/// Validates `image.epoch`, a number as text.
pub(super) fn epoch(text: &str) -> Checked<u32> {
    let epoch = text.parse().ok().filter(|epoch| *epoch <= epoch::HIGHEST);
    epoch.ok_or_else(|| format!("must be a number from 0 to {}, not {text}", epoch::HIGHEST))
}

/// Validates `image.updates.pubring`, a file beside `pattern.toml`.
pub(super) fn pubring(text: &str) -> Checked<String> {
    if text.contains('/') {
        return Err(format!(
            "must be the name of a file beside pattern.toml, without a directory, not {text:?}"
        ));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name(text, 255, fits, "A-Z, a-z, 0-9, '.', '_' and '-'")
}

/// Validates `image.updates.limit`. With 0, nothing is fetched outside of the window.
pub(super) fn limit(text: &str) -> Checked<Size> {
    Size::parse(text).map_err(|error| error.to_string())
}

/// Validates a name of limited length and characters that starts with a letter or digit.
fn name(text: &str, max: usize, fits: fn(char) -> bool, allowed: &str) -> Checked<String> {
    if let Some(strange) = text.chars().find(|c| !fits(*c)) {
        return Err(format!("must consist of {allowed}, and has {strange:?}: {text:?}"));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(format!("must start with a letter or a digit, not {text:?}"));
    }
    if text.len() > max {
        return Err(format!("must have at most {max} characters, and has {}: {text:?}", text.len()));
    }
    Ok(text.to_owned())
}

/// Validates `partitions.disk` if it is not `auto`: a device path without `.`, `..` or empty parts.
pub(super) fn device(text: &str) -> Checked<String> {
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+:@,=\\".contains(c))
    };
    match text.strip_prefix("/dev/") {
        Some(rest) if rest.split('/').all(plain) => Ok(text.to_owned()),
        _ => Err(format!("must be \"auto\" or the path of a disk such as \"/dev/nvme0n1\", not {text:?}")),
    }
}

/// Validates `partitions.sizes.usr`.
pub(super) fn usr(text: &str) -> Checked<Size> {
    match parsed(text)? {
        small if small < USR_MIN && small.bytes() > 0 => Err(format!(
            "must be at least \"{USR_MIN}\", because /usr has a kernel's modules and systemd, not {text:?}"
        )),
        fits => whole(text, fits),
    }
}

/// Validates any of `partitions.sizes`.
pub(super) fn size(text: &str) -> Checked<Size> {
    whole(text, parsed(text)?)
}

fn parsed(text: &str) -> Checked<Size> {
    Size::parse(text).map_err(|error| match error {
        SizeError::TooLarge(_) => too_large(text),
        SizeError::Form(_) => error.to_string(),
    })
}

fn too_large(text: &str) -> String {
    format!("must be at most \"{MOST}\", because an image has to fit on a disk, not {text:?}")
}

fn whole(text: &str, size: Size) -> Checked<Size> {
    if size.bytes() == 0 {
        return Err("must be more than nothing".to_owned());
    }
    if size > MOST {
        return Err(too_large(text));
    }
    if size.whole_mib() != size {
        return Err(format!("must be a multiple of 1M, such as \"{}\", not {text:?}", size.whole_mib()));
    }
    Ok(size)
}

/// Validates `partitions.sizes.esp`.
pub(super) fn esp(text: &str) -> Checked<Size> {
    match parsed(text)? {
        small if small < ESP_MIN => Err(format!(
            "must be at least \"{ESP_MIN}\", because an update writes a second kernel image beside the first, not {text:?}"
        )),
        fits => whole(text, fits),
    }
}

/// Validates `partitions.sizes.verity` against `partitions.sizes.usr`.
pub(super) fn verity_holds(verity: Size, usr: Size) -> Checked<()> {
    let tree = usr.verity_tree().whole_mib();
    if verity < tree {
        return Err(format!(
            "must be at least \"{tree}\" to hold the hash tree of a /usr of {usr}, not \"{verity}\""
        ));
    }
    Ok(())
}

/// Validates one name in `boot.essential` (systemd.unit(5): characters, suffixes, at most 255
/// bytes).
pub(super) fn unit(text: &str) -> Checked<String> {
    const KINDS: [&str; 7] = [".service", ".target", ".socket", ".mount", ".path", ".timer", ".swap"];
    let known = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let named = KINDS.iter().any(|kind| text.strip_suffix(kind).is_some_and(|name| !name.is_empty()));
    if named && let Some((name, kind)) = text.split_once("@.") {
        return Err(format!(
            "must name an instance of a template, such as \"{name}@tty1.{kind}\", not {text:?}"
        ));
    }
    if named && text.len() <= 255 && text.chars().all(known) && !text.starts_with(['-', '.']) {
        return Ok(text.to_owned());
    }
    Err(format!("must be names of units such as \"sshd.service\", not {text:?}"))
}

/// Validates one item of `boot.credentials`, in the form of `ImportCredential=` in systemd.exec(5):
/// the name of a credential, or the start of names and a `*`.
pub(super) fn credential(text: &str) -> Checked<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let name = text.strip_suffix('*').unwrap_or(text);
    if text.len() <= 255 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("must be names of credentials such as \"home.create.*\", not {text:?}"))
}

/// Validates one item of `partitions.persist.rollback`. Its parts are names, so that no program reads it in another way.
pub(super) fn below_var(text: &str) -> Checked<String> {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
    match text.strip_prefix("/var/") {
        Some(rest) if rest.split('/').all(is_name) => Ok(text.to_owned()),
        _ => Err(format!("must be paths below /var such as \"/var/lib/app\", not {text:?}")),
    }
}

/// Validates `partitions.persist.rollback` as a whole.
pub(super) fn rollback(paths: Vec<String>, keeps_var: bool) -> Checked<Vec<String>> {
    if !paths.is_empty() && !keeps_var {
        return Err("needs partitions.persist.var = true: without it every start has a new /var".to_owned());
    }
    let is_in = |inner: &&String, outer: &String| {
        inner.strip_prefix(&**outer).is_some_and(|rest| rest.starts_with('/'))
    };
    for outer in &paths {
        if let Some(inner) = paths.iter().find(|inner| is_in(inner, outer)) {
            return Err(format!("must not hold {inner:?}, which is in {outer:?}, and goes back with it"));
        }
    }
    Ok(paths)
}

/// GRUB measures into PCR 8, shim into PCR 14, and a processor that starts a kernel once more (DRTM) into the others.
const UNMEASURED: [u8; 8] = [8, 14, 17, 18, 19, 20, 21, 22];

/// Validates `volume.pcrs`. Any program that reaches the TPM can reset PCR 16 and 23 (TCG PC Client
/// Platform TPM Profile, "PCR Attributes"), PCR 15 is bound anyway, with nothing in it, and what nothing is measured into has
/// the same value whatever is started.
pub(super) fn pcrs(numbers: &[u64]) -> Checked<Pcrs> {
    let refusal = |why| Err(format!("must name a register that measures the boot, such as [7]: {why}"));
    let protects = |pcr: u8| pcr != SPENT && !RESETTABLE.contains(&pcr) && !UNMEASURED.contains(&pcr);
    match Pcrs::new(numbers.iter().copied()) {
        Err(PcrError::OutOfRange(number)) => {
            Err(format!("must be numbers from 0 to {PCR_MAX}, not {number}"))
        }
        Err(PcrError::None) => refusal("an empty list protects nothing"),
        Ok(pcrs) if !pcrs.iter().any(protects) => refusal(
            "nothing is measured into PCR 15 before the volume is open, nor into PCR 8, 14 and 17 to 22 when the firmware starts a \
             UKI, and any program can reset PCR 16 and 23",
        ),
        Ok(pcrs) => Ok(pcrs),
    }
}

/// Validates one recipient in `volume.escrow`.
pub(super) fn recipient(text: &str) -> Checked<Recipient> {
    Recipient::parse(text).map_err(|error| match error {
        // The message must not repeat a secret key.
        KeyError::Secret => format!("must be public keys of age: one of these {error}. Everybody can read this file: make another pair"),
        _ => format!("must be public keys of age such as age-keygen shows, age1...: {text:?} {error}"),
    })
}

/// Validates `volume.escrow` as a whole.
pub(super) fn escrow(recipients: Vec<Recipient>, recovery_key: bool) -> Checked<Vec<Recipient>> {
    if recipients.len() > ESCROW_MAX {
        return Err(format!("must have at most {ESCROW_MAX} public keys, and has {}", recipients.len()));
    }
    if !recipients.is_empty() && !recovery_key {
        return Err("needs volume.recovery_key = true: without it there is no key to encrypt".to_owned());
    }
    Ok(recipients)
}
