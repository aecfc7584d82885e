//! A folder where a machine is kept: decides what `pattern run --persist` does with it.

use serde_json::{Value, json};

use super::CONSOLE_LOG;
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
    // QEMU, which makes the log, starts after the TPM.
    if !fresh && has(DISK) && has(CONSOLE_LOG) && !has(TPM) {
        return Err(format!(
            "the machine has run, and its {TPM}, which opens its volume, is missing: restore it from a copy; or start the machine \
             with a new TPM, for which it asks for its recovery key, after you removed {CONSOLE_LOG}; or give --fresh, which \
             erases what is left of the machine"
        ));
    }
    let Some(image) = image else {
        return if has(DISK) {
            Ok(Next::GoOn)
        } else {
            Err("there is no machine: name an IMAGE to make one".into())
        };
    };
    match &found.origin {
        _ if fresh => Ok(Next::Make),
        Some(origin) if has(DISK) && origin.identity == image.identity && found.other_disk => {
            Err(of_another_disk(image))
        }
        Some(origin) if has(DISK) && origin.identity == image.identity => Ok(Next::GoOn),
        origin if has(DISK) => Err(of_another_image(origin.as_ref(), image)),
        _ if has(TPM) => Err(format!(
            "its {DISK} is missing: restore it from a copy, or give --fresh, which erases what is left of the machine"
        )),
        _ => Ok(Next::Make),
    }
}

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
mod tests {
    use super::*;

    fn origin(name: &str, identity: &str) -> Origin {
        Origin { name: name.into(), bytes: 5, identity: identity.into() }
    }

    fn found(names: &[&str], made_from: Option<Origin>) -> Found {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Found { names, origin: made_from, other_disk: false }
    }

    fn machine() -> Found {
        found(&[NOTE, DISK, VARIABLES, TPM, "console.log", "my notes"], Some(origin("x_1.raw", "one")))
    }

    #[test]
    fn a_new_machine_gets_an_empty_folder() {
        let (image, make) = (origin("x_1.raw", "one"), Ok(Next::Make));
        for names in [&[][..], &[".gitignore"], &[NOTE, "disk.part"], &["disk.part", "uefi-variables.fd"]] {
            assert_eq!(decide(&found(names, None), Some(&image), false), make, "{names:?}");
            assert_eq!(decide(&found(names, None), Some(&image), true), make, "{names:?}");
            let refusal = decide(&found(names, None), None, false).unwrap_err();
            assert_eq!(refusal, "there is no machine: name an IMAGE to make one");
        }
    }

    #[test]
    fn another_disk_is_not_started_in_the_place_of_the_machine_s() {
        let (image, found) = (origin("x_1.raw", "one"), Found { other_disk: true, ..machine() });
        let refusal = decide(&found, Some(&image), false).unwrap_err();
        let start = "its machine was made from x_1.raw, but disk.raw has the partition table of another disk, or none: ";
        assert!(refusal.starts_with(start), "{refusal}");
        assert_eq!(decide(&found, None, false), Ok(Next::GoOn));
        assert_eq!(decide(&found, Some(&image), true), Ok(Next::Make));
    }

    #[test]
    fn files_of_others_are_not_a_machine_s() {
        let image = origin("x_1.raw", "one");
        for (names, other) in [
            (&["notes.txt"][..], "notes.txt"),
            (&["tpm", "pattern.toml"], "pattern.toml"),
            // The disk of another program.
            (&["disk.raw"], "disk.raw"),
        ] {
            for fresh in [false, true] {
                let refusal = decide(&found(names, None), Some(&image), fresh).unwrap_err();
                assert_eq!(
                    refusal,
                    format!(
                        "it is not the folder of a machine, and has {other}: name a new or an empty folder"
                    )
                );
            }
        }
    }

    #[test]
    fn the_result_of_a_build_is_not_a_machine_s_folder() {
        let image = origin("x_1.raw", "one");
        for name in ["SHA256SUMS", "x_1.raw", "x_1.efi", "x_1_0a_9.usr.raw", "x_1.pubring.pgp", "x_1.raw.xz"]
        {
            let refusal = decide(&found(&[name], None), Some(&image), true).unwrap_err();
            let wanted =
                format!("it holds what `pattern build` wrote ({name}): name another folder for the machine");
            assert_eq!(refusal, wanted);
        }
        let both = found(&["SHA256SUMS", DISK, VARIABLES, TPM], None);
        let refusal = decide(&both, None, false).unwrap_err();
        assert!(refusal.ends_with("and move disk.raw, uefi-variables.fd and tpm there"), "{refusal}");
    }

    #[test]
    fn a_machine_goes_on_with_its_own_image_or_without() {
        let same = origin("copy.raw", "one");
        assert_eq!(decide(&machine(), Some(&same), false), Ok(Next::GoOn));
        assert_eq!(decide(&machine(), None, false), Ok(Next::GoOn));
        assert_eq!(decide(&machine(), Some(&same), true), Ok(Next::Make));
        let older = Found { origin: None, ..machine() };
        assert_eq!(decide(&older, None, false), Ok(Next::GoOn));
    }

    #[test]
    fn another_image_is_never_shown_in_its_place() {
        let said = |found: &Found, image: &Origin| {
            assert_eq!(decide(found, Some(image), true), Ok(Next::Make));
            let refusal = decide(found, Some(image), false).unwrap_err();
            let (made, next) = refusal.split_once(": to go on with the machine, leave IMAGE out (").unwrap();
            assert!(
                next.ends_with("--fresh, which erases the machine's disk, TPM and UEFI variables"),
                "{next}"
            );
            made.to_owned()
        };
        let machine = machine();
        assert_eq!(
            said(&machine, &origin("x_2.raw", "two")),
            "its machine was made from x_1.raw, and x_2.raw is another image"
        );
        assert_eq!(
            said(&machine, &origin("x_1.raw", "two")),
            "its machine was made from another build of x_1.raw"
        );
        assert_eq!(
            said(&Found { origin: None, ..machine }, &origin("x_1.raw", "one")),
            "an older version of pattern made its machine, and did not note from which image"
        );
    }

    #[test]
    fn a_machine_that_ran_is_not_given_another_tpm() {
        let image = origin("x_1.raw", "one");
        let lost = found(&[NOTE, DISK, VARIABLES, CONSOLE_LOG], Some(image.clone()));
        for given in [Some(&image), None] {
            let refusal = decide(&lost, given, false).unwrap_err();
            let start = "the machine has run, and its tpm, which opens its volume, is missing: restore it from a copy; or start ";
            assert!(refusal.starts_with(start), "{refusal}");
        }
        assert_eq!(decide(&lost, Some(&image), true), Ok(Next::Make));
        // A run that was stopped before it had a TPM, or as the message says.
        let new = found(&[NOTE, DISK, VARIABLES], Some(image.clone()));
        assert_eq!(decide(&new, Some(&image), false), Ok(Next::GoOn));
    }

    #[test]
    fn a_tpm_without_its_disk_is_not_given_another_one() {
        let (image, rest) =
            (origin("x_1.raw", "one"), found(&[NOTE, VARIABLES, TPM], Some(origin("x_1.raw", "one"))));
        let refusal = decide(&rest, Some(&image), false).unwrap_err();
        assert!(
            refusal.starts_with("its disk.raw is missing: restore it from a copy, or give --fresh"),
            "{refusal}"
        );
        assert_eq!(decide(&rest, Some(&image), true), Ok(Next::Make));
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let origin = origin("a \"b\".raw", "00ff");
        assert_eq!(Origin::parse(&origin.render()), Some(origin.clone()));
        for torn in ["", "{}", origin.render().trim_end_matches('}')] {
            assert_eq!(Origin::parse(torn), None, "{torn}");
        }
    }
}
