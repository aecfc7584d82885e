//! What is new in a version.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::Facts;
use super::packages::PackageChange;
use super::signature::Signed;

/// The differences from an older image. A list that could not be made is `None`.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    /// The older image.
    pub(super) file: String,
    /// Its version, if it can be read.
    pub(super) version: Option<String>,
    /// Bytes before and now, of what is larger or smaller.
    pub(super) bytes: BTreeMap<&'static str, [u64; 2]>,
    /// Values before and now, of keys in `pattern.toml` and of what signs.
    pub(super) values: Option<BTreeMap<String, [String; 2]>>,
    pub(super) packages: Option<PackageChange>,
}

impl Change {
    /// Compares two images.
    pub(super) fn between(old: &Facts, new: &Facts) -> Self {
        let sizes = sizes(old).into_iter().zip(sizes(new));
        let bytes = sizes.filter_map(|((name, before), (_, now))| Some((name, [before?, now?])));
        let packages = old.packages.as_ref().zip(new.packages.as_ref());
        Self {
            file: old.file.clone(),
            version: old.system.as_ref().map(|system| system.version.clone()),
            bytes: bytes.filter(|(_, [before, now])| before != now).collect(),
            values: values(old).zip(values(new)).map(|(before, now)| different(before, now)),
            packages: packages.map(|(before, now)| PackageChange::between(before, now)),
        }
    }
}

fn sizes(facts: &Facts) -> [(&'static str, Option<u64>); 2] {
    let kernel = facts.kernel.as_ref().map(|kernel| kernel.signed.bytes);
    [("/usr", facts.partition("usr").map(|part| part.bytes)), ("kernel image", kernel)]
}

/// Returns everything that has a name and a value. `None` if a part is unknown.
fn values(facts: &Facts) -> Option<BTreeMap<String, String>> {
    let (system, kernel, loader) =
        (facts.system.as_ref()?, facts.kernel.as_ref()?, facts.boot_loader.as_ref()?);
    let keys = facts.update_keys.as_ref()?;
    let signer = |signed: &Signed| {
        signed
            .signature
            .as_ref()
            .map_or("not signed".to_owned(), |by| format!("{} {}", by.subject, by.fingerprint))
    };
    let mut values = system.settings.clone();
    values.extend([
        ("Linux".to_owned(), kernel.release.clone()),
        ("distribution".to_owned(), system.distribution.clone()),
        ("signer of the kernel image".to_owned(), signer(&kernel.signed)),
        ("signer of the boot loader".to_owned(), signer(loader)),
        ("signers of PCR 11".to_owned(), kernel.pcr_signers.join(", ")),
        ("signers of updates".to_owned(), keys.join(", ")),
        ("who can log in".to_owned(), system.login.join("; ")),
    ]);
    Some(values)
}

fn different(
    before: BTreeMap<String, String>,
    now: BTreeMap<String, String>,
) -> BTreeMap<String, [String; 2]> {
    let names = before.keys().chain(now.keys());
    let value =
        |values: &BTreeMap<String, String>, name: &String| values.get(name).cloned().unwrap_or_default();
    let pairs = names.map(|name| (name.clone(), [value(&before, name), value(&now, name)]));
    pairs.filter(|(_, [before, now])| before != now).collect()
}
