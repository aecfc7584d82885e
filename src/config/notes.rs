//! What is valid in a `pattern.toml`, and may not be what is meant.

use std::cmp::Ordering;

use super::document::line_of;
use super::finding::Finding;
use super::prerelease::PreRelease;
use super::version::compare;
use super::{Config, SecureBoot};

/// PCRs that every new version of an image changes (UAPI.7, "Linux TPM PCR Registry"): what the
/// firmware starts, the partition table with the versions in its labels, the initrd, the kernel
/// image. IMA measures a sum of the registers below 10 into PCR 10 at each start, also without a policy.
const OF_THE_VERSION: [u8; 5] = [4, 5, 9, 10, 11];

/// Returns the notes about a text that is valid, in the order of the file. `file` is only for the
/// messages.
#[must_use]
pub fn notes(file: &str, text: &str, config: &Config) -> Vec<Finding> {
    let all = [
        ("image.version", version(&config.image.version)),
        ("image.updates.url", url(&config.image.updates.url)),
        ("partitions.sizes.verity", verity(config)),
        ("volume.secure_boot", secure_boot(config)),
        ("volume.pcrs", pcrs(config)),
        ("volume.recovery_key", recovery_key(config)),
    ];
    let said = all.into_iter().filter_map(|(key, message)| Some((key, message?)));
    let mut notes: Vec<_> =
        said.map(|(key, message)| Finding::note(file, line_of(text, key), key, message)).collect();
    notes.sort_by_key(|note| note.line);
    notes
}

fn version(version: &str) -> Option<String> {
    if !version.contains(|c: char| c.is_ascii_digit()) {
        return Some(format!(
            "{version:?} has no number: a machine takes only a version that is newer than its own, so count the \
             versions, such as \"1\" or \"2026.11\""
        ));
    }
    if let Some(whole) = without_gaps(version) {
        let order = if compare(version, &whole) == Ordering::Less { "older" } else { "newer" };
        return Some(format!(
            "{version:?} has an empty part beside '.' or '-', and machines take it for {order} than {whole:?}: write {whole:?}"
        ));
    }
    PreRelease::of(version).map(|PreRelease { release, instead: [one, its_release] }| {
        format!(
            "{version:?} is newer than {release:?}: a machine that has it never takes {release:?}. \
             Versions that sort as they are meant: {one:?}, and then the release as {its_release:?}"
        )
    })
}

fn url(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    if let Some(folder) = url.strip_suffix("/SHA256SUMS") {
        return Some(format!("{url:?} is a file of the release: name its folder, {folder:?}"));
    }
    let address = rest.split('/').next().unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = address.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(address, |(host, _)| host);
    let own = ["localhost", "[::1]"].contains(&host) || host.starts_with("127.");
    own.then(|| format!("{host} is each machine itself: name the server that has the releases"))
}

/// Returns a version without its empty parts, if it has some.
fn without_gaps(version: &str) -> Option<String> {
    let mut whole = String::new();
    for part in version.split_inclusive(['.', '-']).filter(|part| !part.starts_with(['.', '-'])) {
        whole.push_str(part);
    }
    let whole = whole.trim_end_matches(['.', '-']);
    (whole != version).then(|| whole.to_owned())
}

/// A hash tree has less than a hundredth of what it verifies.
fn verity(config: &Config) -> Option<String> {
    let sizes = &config.partitions.sizes;
    (sizes.verity >= sizes.usr).then(|| {
        format!(
            "\"{}\" is not smaller than partitions.sizes.usr: the hash tree of a /usr of {} has {} at most, and each machine \
             has two such partitions",
            sizes.verity,
            sizes.usr,
            sizes.usr.verity_tree().whole_mib()
        )
    })
}

fn secure_boot(config: &Config) -> Option<String> {
    let open = !config.debug && config.secure_boot() != SecureBoot::Required;
    open.then(|| {
        "\"optional\": on a machine with Secure Boot off, anyone who has the machine can start a system of \
         their own on it, and have the TPM open the volume"
            .to_owned()
    })
}

fn recovery_key(config: &Config) -> Option<String> {
    let kept = config.partitions.persist.asked().next().is_some();
    (kept && !config.debug && !config.volume.recovery_key).then(|| {
        "false: if a machine's TPM does not open the volume, nobody can, and all that the machine keeps is lost. That \
         happens when the TPM is cleared or replaced, and in an image that is not signed with --keys also when an update of \
         the firmware changes the keys of Secure Boot. With true, the first boot shows a key to write down"
            .to_owned()
    })
}

fn pcrs(config: &Config) -> Option<String> {
    let listed = config.volume.pcrs.into_iter().flat_map(|pcrs| pcrs.iter());
    let changing = listed.filter(|pcr| OF_THE_VERSION.contains(pcr)).map(|pcr| pcr.to_string());
    let changing = changing.collect::<Vec<_>>().join("+");
    (!changing.is_empty()).then(|| {
        format!(
            "each version of an image gives PCR {changing} another value: after each update the TPM does not open the \
             volume, and a recovery key is asked for"
        )
    })
}
