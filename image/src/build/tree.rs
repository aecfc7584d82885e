//! Writes the files that pattern adds to an image. The initrd and `/usr` get the same ones, and the initrd keeps those that it
//! needs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use pattern::config::Config;
use pattern::plan::CONFIG_PATH;
use pattern::program::{FETCH, GENERATOR, Program};
use pattern::update::transfers;

use super::data::Data;

const GENERATORS: &str = "usr/lib/systemd/system-generators";
const PROGRAMS: &str = "usr/lib/pattern";
const UNITS: &str = "usr/lib/systemd/system";

/// The command of the running system.
const COMMAND: &str = "usr/bin/pattern";
/// systemd's target for a factory reset (systemd.special(7)), and the unit that it starts here.
const RESET: [&str; 2] = ["factory-reset.target.wants", "pattern-reset-request.service"];

const JOURNAL: &str = "usr/lib/systemd/journald.conf.d/50-pattern.conf";
const TRANSFERS: &str = "usr/lib/sysupdate.d";
/// Where systemd-pull finds the keys that may sign updates: up to systemd 257, and since then.
const KEYRINGS: [&str; 2] = ["usr/lib/systemd/import-pubring.gpg", "usr/lib/systemd/import-pubring.pgp"];

/// Writes the tree: programs, generator, units, the unchanged configuration, and what updates need.
///
/// # Errors
/// When a file can't be read or written.
pub(crate) fn write(tree: &Path, data: &Data, file: &Path, config: &Config) -> Result<()> {
    for folder in [GENERATORS, PROGRAMS, "usr/libexec", UNITS, "usr/bin", "usr/lib/systemd"] {
        let folder = tree.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    copy(&data.program(), &tree.join(PROGRAMS).join("pattern-initrd"), 0o755)?;
    copy(&data.fetcher(), &tree.join(FETCH.trim_start_matches('/')), 0o755)?;
    let stages = Program::ALL.map(|program| (format!("{PROGRAMS}/{}", program.name()), "pattern-initrd"));
    let others = [
        (format!("{GENERATORS}/{GENERATOR}"), "../../pattern/pattern-initrd"),
        (COMMAND.to_owned(), "../lib/pattern/pattern-initrd"),
    ];
    for (link, target) in stages.into_iter().chain(others) {
        symlink(target, tree.join(&link)).with_context(|| format!("linking {link}"))?;
    }
    copy(file, &tree.join(CONFIG_PATH.trim_start_matches('/')), 0o644)?;
    updates(tree, file, config)?;
    journal(tree, config)?;
    units(tree, &data.units())?;
    let [target, unit] = RESET;
    let wants = tree.join(UNITS).join(target);
    fs::create_dir_all(&wants).with_context(|| format!("creating {}", wants.display()))?;
    symlink(format!("../{unit}"), wants.join(unit)).with_context(|| format!("linking {unit}"))
}

fn updates(tree: &Path, file: &Path, config: &Config) -> Result<()> {
    let folder = tree.join(TRANSFERS);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    for (name, text) in transfers::definitions(config) {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let keyring = file.with_file_name(&config.image.updates.pubring);
    KEYRINGS.iter().try_for_each(|path| copy(&keyring, &tree.join(path), 0o644))
}

/// Keeps the journal where `/var` is kept. Debian's package asks for that by a directory in `/var`, which an
/// image does not have.
fn journal(tree: &Path, config: &Config) -> Result<()> {
    if !config.partitions.persist.var {
        return Ok(());
    }
    let file = tree.join(JOURNAL);
    let folder = file.parent().unwrap_or(tree);
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::write(&file, "[Journal]\nStorage=persistent\n").with_context(|| format!("writing {}", file.display()))
}

fn units(tree: &Path, from: &Path) -> Result<()> {
    let reading = || format!("reading {}", from.display());
    for entry in fs::read_dir(from).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        copy(&entry.path(), &tree.join(UNITS).join(entry.file_name()), 0o644)?;
    }
    Ok(())
}

/// Gives folders and files the modes of an image, whatever the umask was. What can be executed stays so.
///
/// # Errors
/// When the tree can't be read or changed.
pub(crate) fn set_modes(tree: &Path) -> Result<()> {
    let setting = || format!("setting the modes of {}", tree.display());
    let found = tree.symlink_metadata().with_context(setting)?;
    if found.is_symlink() {
        return Ok(());
    }
    if found.is_dir() {
        for entry in fs::read_dir(tree).with_context(setting)? {
            set_modes(&entry.with_context(setting)?.path())?;
        }
    }
    let mode = if found.is_dir() || found.permissions().mode() & 0o111 != 0 { 0o755 } else { 0o644 };
    fs::set_permissions(tree, fs::Permissions::from_mode(mode)).with_context(setting)
}

/// Copies content. The mode is the image's, not this host's.
fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    fs::copy(from, to).with_context(copying)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).with_context(copying)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn modes_do_not_follow_the_umask() {
        let place = temporary::folder().unwrap();
        let tree = place.path().join("tree");
        let mode = |name: &str| fs::metadata(tree.join(name)).unwrap().permissions().mode() & 0o7777;
        fs::create_dir_all(tree.join("usr/bin")).unwrap();
        for (name, private) in [("usr/file", 0o600), ("usr/bin/program", 0o700), ("usr/bin", 0o700)] {
            if !tree.join(name).exists() {
                fs::write(tree.join(name), "").unwrap();
            }
            fs::set_permissions(tree.join(name), fs::Permissions::from_mode(private)).unwrap();
        }
        symlink("/nonexistent", tree.join("usr/link")).unwrap();
        set_modes(&tree).unwrap();
        assert_eq!(["usr/file", "usr/bin/program", "usr/bin"].map(mode), [0o644, 0o755, 0o755]);
        let error = set_modes(&tree.join("gone")).unwrap_err().to_string();
        assert!(error.starts_with("setting the modes of "), "{error}");
    }
}
