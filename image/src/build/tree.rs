//! The files that pattern adds to an image: the same ones in the initrd and in `/usr`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use pattern::plan::CONFIG_PATH;

use super::data::Data;

const GENERATORS: &str = "usr/lib/systemd/system-generators";
const PROGRAMS: &str = "usr/lib/pattern";
const UNITS: &str = "usr/lib/systemd/system";

/// The names under which the one program of the initrd is started.
const STAGES: [&str; 4] = ["pattern-usr", "pattern-grow", "pattern-persist", "pattern-seed"];

/// Writes the tree: programs, generator, units, and the configuration in full.
///
/// # Errors
/// When a file can't be read or written.
pub(crate) fn write(tree: &Path, data: &Data, config: &Path) -> Result<()> {
    for folder in [GENERATORS, PROGRAMS, UNITS] {
        let folder = tree.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let generator = tree.join(GENERATORS).join("pattern-generator");
    copy(&data.program("pattern-generator"), &generator, 0o755)?;
    let program = tree.join(PROGRAMS).join("pattern-initrd");
    copy(&data.program("pattern-initrd"), &program, 0o755)?;
    for stage in STAGES {
        let link = program.with_file_name(stage);
        symlink("pattern-initrd", &link).with_context(|| format!("linking {}", link.display()))?;
    }
    copy(config, &tree.join(CONFIG_PATH.trim_start_matches('/')), 0o644)?;
    units(tree, &data.units())
}

fn units(tree: &Path, from: &Path) -> Result<()> {
    let reading = || format!("reading {}", from.display());
    for entry in fs::read_dir(from).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        copy(&entry.path(), &tree.join(UNITS).join(entry.file_name()), 0o644)?;
    }
    Ok(())
}

/// Copies contents; the mode is the image's business, not this host's.
fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    let _ = fs::copy(from, to).with_context(copying)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).with_context(copying)
}
