//! A folder where a machine is kept: decides what `pattern run --persist` does with it.

use serde_json::{Value, json};

use super::CONSOLE_LOG;
use super::fault::Fault;
use super::image::Image;
use crate::release;

/// The note about the image that a machine was made from.
pub(super) const NOTE: &str = "made-from.json";
pub(super) const DISK: &str = "disk.raw";
pub(super) const VARIABLES: &str = "uefi-variables.fd";
pub(super) const TPM: &str = "tpm";

/// The image that a machine was made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The name of its file.
    pub name: String,
    /// The size of its file.
    pub bytes: u64,
    pub(super) identity: String,
}

impl Origin {
    /// # Errors
    /// When the image can't be read.
    pub(super) fn of(image: &Image) -> anyhow::Result<Self> {
        let name = image.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, bytes: image.bytes(), identity: image.identity()? })
    }

    pub(super) fn render(&self) -> String {
        json!({ "image": self.name, "bytes": self.bytes, "identity": self.identity }).to_string()
    }

    /// Returns nothing for a note that was not written to its end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let note: Value = serde_json::from_str(text).ok()?;
        let text = |key: &str| note[key].as_str().map(str::to_owned);
        Some(Self { name: text("image")?, bytes: note["bytes"].as_u64()?, identity: text("identity")? })
    }
}

/// What a folder holds.
#[derive(Clone, Default, Debug)]
pub(super) struct Found {
    pub(super) names: Vec<String>,
    pub(super) origin: Option<Origin>,
    /// What is wrong with its own files.
    pub(super) faults: Vec<(&'static str, Fault)>,
    /// Whether the disk's partition table is not that of a disk that was made from the image.
    pub(super) other_disk: bool,
}

/// What to do with a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Make a machine. What is left of another one goes.
    Make,
    /// Start the machine that is there.
    GoOn,
}

/// The names of a machine's own files.
const OWN: [&str; 10] = [
    DISK,
    "disk.part",
    VARIABLES,
    "uefi-variables.part",
    TPM,
    super::swtpm::SOCKET,
    super::swtpm::LOG,
    super::vm::QEMU_LOG,
    super::CONSOLE_LOG,
    NOTE,
];

/// Returns the names that `--fresh` erases, in an order in which the disk goes first.
pub(super) fn own() -> impl Iterator<Item = &'static str> {
    OWN.into_iter()
}

/// Decides what to do with a folder, or says why nothing may be done.
pub(super) fn decide(found: &Found, image: Option<&Origin>, fresh: bool) -> Result<Next, String> {
    let has = |name: &str| found.names.iter().any(|found| found == name);
    if let Some(built) = found.names.iter().find(|name| release::is_built(name)) {
        return Err(of_a_build(built, has(DISK)));
    }
    let is_machine = has(NOTE) || (has(DISK) && has(VARIABLES));
    let mut others =
        found.names.iter().filter(|name| !name.starts_with('.') && (*name == DISK || !is_own(name)));
    if !is_machine && let Some(other) = others.next() {
        return Err(format!(
            "it is not the folder of a machine, and has {other}: name a new or an empty folder"
        ));
    }
    if !fresh && let Some(why) = of_a_part(found) {
        return Err(why);
    }
    let Some(image) = image else {
        return if has(DISK) {
            Ok(Next::GoOn)
        } else {
            Err("the folder has no machine yet: name an IMAGE to make one".into())
        };
    };
    match &found.origin {
        _ if fresh => Ok(Next::Make),
        Some(origin) if has(DISK) && origin.identity == image.identity && found.other_disk => {
            Err(of_another_disk(image))
        }
        Some(origin) if has(DISK) && origin.identity == image.identity => Ok(Next::GoOn),
        origin if has(DISK) => Err(of_another_image(origin.as_ref(), image)),
        _ if has(TPM) => Err(format!("its {DISK} is missing: restore it from a copy, or {ERASE}")),
        _ => Ok(Next::Make),
    }
}

/// Says what is wrong with the parts of a machine, in the order of what it costs to lose them.
fn of_a_part(found: &Found) -> Option<String> {
    let has = |name: &str| found.names.iter().any(|found| found == name);
    // QEMU, which makes the log, starts after the TPM.
    let has_run = has(DISK) && has(CONSOLE_LOG);
    let fault = |name: &str| {
        let fault = found.faults.iter().find(|(part, _)| *part == name);
        fault.map(|(_, fault)| fault.to_string()).or_else(|| (!has(name)).then(|| "is missing".to_owned()))
    };
    let is_faulty = |name: &str| found.faults.iter().any(|(part, _)| *part == name);
    if is_faulty(DISK) {
        return Some(format!("its {DISK} {}: restore it from a copy, or {ERASE}", fault(DISK)?));
    }
    let removed = |part: &str| match (has(part), has(CONSOLE_LOG)) {
        (true, true) => format!("{part} and {CONSOLE_LOG}"),
        (true, false) => part.to_owned(),
        (false, _) => CONSOLE_LOG.to_owned(),
    };
    if has_run && let Some(fault) = fault(TPM) {
        return Some(format!(
            "the machine has run, and its {TPM}, which opens its volume, {fault}: restore it from a copy; or start the machine \
             with a new TPM, for which it asks for its recovery key, after you removed {}; or {ERASE}",
            removed(TPM)
        ));
    }
    if (has_run || is_faulty(VARIABLES))
        && let Some(fault) = fault(VARIABLES)
    {
        return Some(format!(
            "its {VARIABLES}, which has its keys of Secure Boot and its boot entries, {fault}: restore it from a copy; or start the \
             machine with new ones, for which it may ask for its recovery key, after you removed {}; or {ERASE}",
            removed(VARIABLES)
        ));
    }
    let (name, fault) = found.faults.iter().find(|(name, fault)| *name != TPM || *fault != Fault::Empty)?;
    Some(format!("its {name} {fault}: remove it, or {ERASE}"))
}

const ERASE: &str = "give --fresh, which erases what is left of the machine";

fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

fn of_a_build(built: &str, with_machine: bool) -> String {
    let machine =
        if with_machine { format!(", and move {DISK}, {VARIABLES} and {TPM} there") } else { String::new() };
    format!("it holds what `pattern build` wrote ({built}): name another folder for the machine{machine}")
}

fn of_another_disk(image: &Origin) -> String {
    format!(
        "its machine was made from {}, but {DISK} has the partition table of another disk, or none: was another image burned \
         onto it? To start what is there, leave IMAGE out; to start anew, give --fresh, which erases the machine's disk, TPM and \
         UEFI variables",
        image.name
    )
}

fn of_another_image(origin: Option<&Origin>, image: &Origin) -> String {
    let made = match origin {
        None => "an older version of pattern made its machine, and did not note from which image".to_owned(),
        Some(origin) if origin.name == image.name => {
            format!("its machine was made from another build of {}", image.name)
        }
        Some(origin) => {
            format!("its machine was made from {}, and {} is another image", origin.name, image.name)
        }
    };
    format!(
        "{made}: to go on with the machine, leave IMAGE out (`pattern update` on the machine brings a new version, and \
         keeps its files); to start anew, give --fresh, which erases the machine's disk, TPM and UEFI variables"
    )
}

#[cfg(test)]
mod tests;
