//! Converts values to a [`Config`]. It goes on after a problem, so that all problems are found at
//! once.

use toml::de::DeValue;

use super::add_on;
use super::check::{self, Checked};
use super::document::{Document, kind_of};
use super::finding::Finding;
use super::keys::{Absent, find};
use super::limit::{Limit, Window};
use super::url::url;
use super::{
    Boot, Config, Corruption, DiskChoice, Enroll, Filesystem, FlagName, Image, Partitions, Persist,
    SecureBoot, Sizes, TpmNeed, Updates, Userspace, Verity, Volume,
};
use crate::token::Pcrs;

const WINDOW: &str = "image.updates.window";
const ROLLBACK: &str = "partitions.persist.rollback";

/// Reads every key. Returns the configuration if there is no problem.
pub(super) fn config(document: Document<'_>) -> Result<Config, Vec<Finding>> {
    let mut reader = Reader { document };
    let debug = reader.boolean("debug");
    let (image, partitions, userspace) = (reader.image(), reader.partitions(), reader.userspace());
    reader.homes_are_whole(partitions.as_ref(), userspace.as_ref());
    let (volume, verity, boot) = (reader.volume(), reader.verity(), reader.boot(debug));
    let whole = || {
        Some(Config {
            debug: debug?,
            image: image?,
            partitions: partitions?,
            userspace: userspace?,
            volume: volume?,
            verity: verity?,
            boot: boot?,
        })
    };
    match whole() {
        Some(config) if reader.document.problems.is_empty() => Ok(config),
        _ => Err(reader.document.finish()),
    }
}

struct Reader<'a> {
    document: Document<'a>,
}

impl Reader<'_> {
    fn image(&mut self) -> Option<Image> {
        let id = self.text("image.id", check::id);
        let version = self.text("image.version", check::version);
        let epoch = self.read("image.epoch", |value| check::epoch(&integer(value)?));
        let url = self.text("image.updates.url", url);
        let pubring = self.text("image.updates.pubring", check::pubring);
        let limit = self.limit();
        Some(Image {
            id: id?,
            version: version?,
            epoch: epoch?,
            updates: Updates { url: url?, pubring: pubring?, limit: limit? },
        })
    }

    fn limit(&mut self) -> Option<Option<Limit>> {
        let size = self.given("image.updates.limit", |value| check::limit(string(value)?));
        let window = self.given(WINDOW, |value| Window::parse(string(value)?));
        let (size, window) = (size?, window?);
        let needs = match (size, window) {
            (None, Some(_)) => {
                Err("needs image.updates.limit: without it any amount is fetched at any time".to_owned())
            }
            _ => Ok(size.map(|size| Limit { size, window })),
        };
        self.checked(WINDOW, needs)
    }

    fn partitions(&mut self) -> Option<Partitions> {
        let disk = self.text("partitions.disk", |text| match text {
            "auto" => Ok(DiskChoice::Auto),
            path => check::device(path).map(DiskChoice::Path),
        });
        let (sizes, persist) = (self.sizes(), self.persist());
        Some(Partitions { disk: disk?, sizes: sizes?, persist: persist? })
    }

    fn sizes(&mut self) -> Option<Sizes> {
        let esp = self.text("partitions.sizes.esp", check::esp);
        let verity = self.text("partitions.sizes.verity", check::size);
        let usr = self.text("partitions.sizes.usr", check::usr);
        let (verity, usr) = (verity?, usr?);
        let holds = check::verity_holds(verity, usr);
        self.checked("partitions.sizes.verity", holds)?;
        Some(Sizes { esp: esp?, verity, usr })
    }

    fn persist(&mut self) -> Option<Persist> {
        let etc = self.boolean("partitions.persist.etc");
        let home = self.boolean("partitions.persist.home");
        let srv = self.boolean("partitions.persist.srv");
        let var = self.boolean("partitions.persist.var");
        let paths = "paths such as [\"/var/lib/app\"]";
        let rollback = self.list(ROLLBACK, paths, |value| item(value, check::below_var));
        let rollback =
            rollback.and_then(|paths| self.checked(ROLLBACK, check::rollback(paths, var.unwrap_or(true))));
        Some(Persist { etc: etc?, home: home?, srv: srv?, var: var?, rollback: rollback? })
    }

    fn userspace(&mut self) -> Option<Userspace> {
        let homed = self.boolean("userspace.homed");
        let desktop = self.boolean("userspace.desktop");
        let distrobox = self.boolean("userspace.distrobox");
        let sandboxing = self.boolean("userspace.sandboxing");
        let firmware = self.boolean("userspace.firmware");
        Some(Userspace {
            homed: homed?,
            desktop: desktop?,
            distrobox: distrobox?,
            sandboxing: sandboxing?,
            firmware: firmware?,
        })
    }

    /// Requires both parts of homes: systemd-homed stores one part of each user under /home, and
    /// the other under /var/lib.
    fn homes_are_whole(&mut self, partitions: Option<&Partitions>, userspace: Option<&Userspace>) {
        let (Some(partitions), Some(userspace)) = (partitions, userspace) else { return };
        let persist = &partitions.persist;
        let whole = if userspace.homed && persist.home != persist.var {
            Err("needs partitions.persist.home and partitions.persist.var both true, or both false: systemd-homed \
                keeps one part of each user in either, and a login needs both".into())
        } else {
            Ok(())
        };
        self.checked("userspace.homed", whole);
    }

    fn volume(&mut self) -> Option<Volume> {
        let filesystem =
            self.text("volume.filesystem", |text| one_of(&Filesystem::ALL, Filesystem::name, text));
        let tpm = self.text("volume.tpm", |text| one_of(&TpmNeed::ALL, TpmNeed::name, text));
        let pcrs = self.pcrs();
        let pin = self.boolean("volume.pin");
        let counter = self.boolean("volume.counter");
        let secure_boot = self
            .given("volume.secure_boot", |value| one_of(&SecureBoot::ALL, SecureBoot::name, string(value)?));
        let recovery_key = self.boolean("volume.recovery_key");
        let keys = "public keys such as [\"age1...\"]";
        let escrow = self.list("volume.escrow", keys, |value| item(value, check::recipient));
        let escrow = escrow.and_then(|found| {
            self.checked("volume.escrow", check::escrow(found, recovery_key.unwrap_or(true)))
        });
        Some(Volume {
            filesystem: filesystem?,
            tpm: tpm?,
            pcrs: pcrs?,
            pin: pin?,
            counter: counter?,
            secure_boot: secure_boot?,
            recovery_key: recovery_key?,
            escrow: escrow?,
        })
    }

    fn verity(&mut self) -> Option<Verity> {
        let on_corruption =
            self.text("verity.on_corruption", |text| one_of(&Corruption::ALL, Corruption::name, text));
        Some(Verity { on_corruption: on_corruption? })
    }

    fn boot(&mut self, debug: Option<bool>) -> Option<Boot> {
        let units = "units such as [\"sshd.service\"]";
        let essential = self.list("boot.essential", units, |value| item(value, check::unit));
        let flag = |name: &str| one_of(&FlagName::ALL, FlagName::name, name);
        let flags = self.list("boot.flags", "flags such as [\"grow\"]", |value| item(value, flag))?;
        let shell = match debug {
            Some(false) if flags.contains(&FlagName::Break) => Err(
                "must not hold \"break\" unless debug = true: it gives a root shell to anyone at the console"
                    .into(),
            ),
            _ => Ok(()),
        };
        self.checked("boot.flags", shell)?;
        let names = "names of credentials such as [\"home.create.*\"]";
        let credentials = self.list("boot.credentials", names, |value| item(value, check::credential));
        let words = "words such as [\"console=*\"]";
        let add_on_words = self.list("boot.add_on_words", words, |value| item(value, add_on::item));
        let enroll = self.text("boot.secure_boot_enroll", |text| one_of(&Enroll::ALL, Enroll::name, text));
        Some(Boot {
            essential: essential?,
            flags,
            credentials: credentials?,
            add_on_words: add_on_words?,
            secure_boot_enroll: enroll?,
        })
    }

    fn boolean(&mut self, path: &str) -> Option<bool> {
        self.read(path, |value| {
            value.as_bool().ok_or_else(|| format!("must be true or false, not {}", kind_of(value)))
        })
    }

    fn text<T>(&mut self, path: &str, check: impl Fn(&str) -> Checked<T>) -> Option<T> {
        self.read(path, |value| check(string(value)?))
    }

    /// Reads one key, or its default if the file has none, and records a problem with it.
    fn read<T>(&mut self, path: &str, convert: impl Fn(&DeValue<'_>) -> Checked<T>) -> Option<T> {
        let default = match find(path).map(|key| key.absent) {
            Some(Absent::Default(text)) => DeValue::parse(text).ok(),
            _ => None,
        };
        let result = match (self.document.value(path), &default) {
            (Some((_, value)), _) => convert(value),
            (None, Some(value)) => convert(value.get_ref()),
            (None, None) => {
                let help = find(path).map_or("", |key| key.help);
                Err(format!("must be given: {help}"))
            }
        };
        self.checked(path, result)
    }

    fn pcrs(&mut self) -> Option<Option<Pcrs>> {
        const KEY: &str = "volume.pcrs";
        if self.document.value(KEY).is_none() {
            return Some(None);
        }
        let listed = self.list(KEY, "numbers such as [7]", number)?;
        self.checked(KEY, check::pcrs(&listed)).map(Some)
    }

    /// Reads a list of `what`, and records a problem with each wrong item. Duplicates count once.
    fn list<T: PartialEq>(
        &mut self,
        path: &str,
        what: &str,
        convert: impl Fn(&DeValue<'_>) -> Checked<T>,
    ) -> Option<Vec<T>> {
        let items = self.read(path, |value| {
            let items = value.as_array();
            let items = items.ok_or_else(|| format!("must be a list of {what}, not {}", kind_of(value)))?;
            Ok(items.iter().map(|item| convert(item.get_ref())).collect::<Vec<_>>())
        })?;
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Ok(item) if !found.contains(&item) => found.push(item),
                Err(message) if !wrong.contains(&message) => wrong.push(message),
                _ => {}
            }
        }
        if wrong.is_empty() {
            return Some(found);
        }
        for message in wrong {
            self.checked::<()>(path, Err(message));
        }
        None
    }

    /// Reads a key like [`Self::read`], but the key may be missing.
    fn given<T>(&mut self, path: &str, convert: impl Fn(&DeValue<'_>) -> Checked<T>) -> Option<Option<T>> {
        if self.document.value(path).is_none() {
            return Some(None);
        }
        self.read(path, convert).map(Some)
    }

    fn checked<T>(&mut self, path: &str, result: Checked<T>) -> Option<T> {
        match (result, self.document.line(path)) {
            (Ok(value), _) => Some(value),
            (Err(message), Some(line)) => {
                self.document.report(line, path, message);
                None
            }
            // The section of this key is already reported as a whole.
            (Err(_), None) => None,
        }
    }
}

fn string<'v>(value: &'v DeValue<'_>) -> Checked<&'v str> {
    value.as_str().ok_or_else(|| format!("must be a string in quotes, not {}", kind_of(value)))
}

/// Returns the number as the file has it: the sign, and digits.
fn integer(value: &DeValue<'_>) -> Checked<String> {
    let number =
        value.as_integer().ok_or_else(|| format!("must be a number such as 1, not {}", kind_of(value)))?;
    let read = u64::from_str_radix(number.as_str(), number.radix());
    Ok(read.map_or_else(|_| number.to_string(), |read| read.to_string()))
}

/// Returns a number of a list.
fn number(value: &DeValue<'_>) -> Checked<u64> {
    let number = value
        .as_integer()
        .ok_or_else(|| format!("must be a list of numbers such as [7], and has {} in it", kind_of(value)))?;
    let read =
        u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|read| *read <= check::PCR_MAX);
    read.ok_or_else(|| format!("must be numbers from 0 to {}, not {number}", check::PCR_MAX))
}

/// Returns an item of a list of strings, converted.
fn item<T>(value: &DeValue<'_>, convert: impl Fn(&str) -> Checked<T>) -> Checked<T> {
    convert(
        value.as_str().ok_or_else(|| {
            format!("must be a list of strings in quotes, and has {} in it", kind_of(value))
        })?,
    )
}

fn one_of<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Checked<T> {
    let names = || all.iter().map(|one| format!("\"{}\"", name(*one))).collect::<Vec<_>>().join(", ");
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| format!("must be one of {}, not {text:?}", names()))
}
