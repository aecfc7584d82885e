//! A configuration as TOML, with every key spelled out.

use std::fmt;

use crate::age::Recipient;

use super::{Config, DiskChoice, FlagName};

impl fmt::Display for Config {
    /// [`super::parse`] reads the text back to the same configuration. No value needs escapes: the checks
    /// admit neither quotes, nor control characters; backslashes occur in `disk` only, hence the literal string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, partitions) = (&self.image, &self.partitions);
        let disk = match &partitions.disk {
            DiskChoice::Auto => "auto",
            DiskChoice::Path(path) => path,
        };
        let (sizes, persist, userspace) = (partitions.sizes, partitions.persist, self.userspace);
        writeln!(f, "debug = {}\n", self.debug)?;
        writeln!(f, "[image]\nid = \"{}\"\nversion = \"{}\"", image.id, image.version)?;
        writeln!(f, "epoch = {}", image.epoch)?;
        writeln!(
            f,
            "updates = {{ url = \"{}\", pubring = \"{}\" }}\n",
            image.updates.url, image.updates.pubring
        )?;
        writeln!(f, "[partitions]\ndisk = '{disk}'")?;
        writeln!(
            f,
            "sizes = {{ esp = \"{}\", verity = \"{}\", usr = \"{}\" }}",
            sizes.esp, sizes.verity, sizes.usr
        )?;
        writeln!(
            f,
            "persist = {{ etc = {}, home = {}, srv = {}, var = {} }}\n",
            persist.etc, persist.home, persist.srv, persist.var
        )?;
        writeln!(f, "[userspace]\nhomed = {}\ndesktop = {}", userspace.homed, userspace.desktop)?;
        writeln!(f, "distrobox = {}\nsandboxing = {}\n", userspace.distrobox, userspace.sandboxing)?;
        writeln!(f, "[volume]\nfilesystem = \"{}\"", self.volume.filesystem.name())?;
        if let Some(pcrs) = self.volume.pcrs {
            writeln!(f, "pcrs = {:?}", pcrs.iter().collect::<Vec<_>>())?;
        }
        writeln!(f, "pin = {}\ncounter = {}", self.volume.pin, self.volume.counter)?;
        if let Some(secure_boot) = self.volume.secure_boot {
            writeln!(f, "secure_boot = \"{}\"", secure_boot.name())?;
        }
        writeln!(f, "recovery_key = {}", self.volume.recovery_key)?;
        let escrow = self.volume.escrow.iter().map(Recipient::as_str).collect::<Vec<_>>();
        writeln!(f, "escrow = {escrow:?}\n")?;
        writeln!(f, "[verity]\non_corruption = \"{}\"\n", self.verity.on_corruption.name())?;
        let flags = self.boot.flags.iter().copied().map(FlagName::name).collect::<Vec<_>>();
        // Names of units may hold backslashes.
        let essential = self.boot.essential.iter().map(|unit| format!("'{unit}'")).collect::<Vec<_>>();
        writeln!(f, "[boot]\nessential = [{}]\nflags = {flags:?}", essential.join(", "))?;
        writeln!(f, "credentials = {:?}", self.boot.credentials)?;
        writeln!(f, "secure_boot_enroll = \"{}\"", self.boot.secure_boot_enroll.name())
    }
}
