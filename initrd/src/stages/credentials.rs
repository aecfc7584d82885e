//! Passes on the firmware's credentials that `boot.credentials` lists, in images with
//! `debug = false`. systemd itself imports none there, because nobody measures them, and many of
//! them give root access.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use pattern::firmware::credential::{self, Credentials};
use pattern::firmware::smbios;
use pattern_machine::firmware::SMBIOS;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::stage::Report;

/// Where services find credentials to import (systemd.exec(5), `ImportCredential=`). Neither
/// systemd itself nor its generators read this folder.
const STORE: &str = "/run/credstore";

/// `pattern-credentials`: passes the listed credentials on to the system.
///
/// # Errors
/// When the firmware's table can't be read, a listed credential is not valid, or it can't be
/// written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let table = read(Path::new(SMBIOS))?;
    let strings = smbios::oem_strings(&table);
    let (chosen, others) = credential::choose(&strings, &ctx.config.boot.credentials)
        .map_err(|why| anyhow!("reading {SMBIOS}: {why}"))?;
    write(Path::new(STORE), &chosen)?;
    let found = format!(
        "{} credentials by firmware that boot.credentials lists, and {others} that it does not",
        chosen.len()
    );
    let names = chosen.keys().map(String::as_str).collect::<Vec<_>>();
    let decided = if names.is_empty() {
        "nothing to give to the system".to_owned()
    } else {
        format!("gave the system {}", names.join(", "))
    };
    Ok(Report { found, decided })
}

/// Reads the table. Not every machine has one.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    match fs::read(path) {
        Ok(table) => Ok(Zeroizing::new(table)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Writes the credentials for root alone. A second run replaces the files.
fn write(store: &Path, credentials: &Credentials) -> Result<()> {
    if credentials.is_empty() {
        return Ok(());
    }
    let creating = || format!("creating {}", store.display());
    DirBuilder::new().recursive(true).mode(0o700).create(store).with_context(creating)?;
    for (name, value) in credentials {
        let path = store.join(name);
        let writing = || format!("writing {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(value)).with_context(writing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn they_are_for_root_alone_and_a_second_run_changes_nothing() {
        let store = std::env::temp_dir().join(format!("pattern-credentials-{}", std::process::id()));
        write(&store, &Credentials::new()).unwrap();
        assert!(!store.exists());
        let chosen = Credentials::from([("a.b".to_owned(), Zeroizing::new(b"secret".to_vec()))]);
        for _ in 0..2 {
            write(&store, &chosen).unwrap();
            assert_eq!(fs::read(store.join("a.b")).unwrap(), b"secret");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store), mode(&store.join("a.b"))), (0o700, 0o600));
        fs::remove_dir_all(store).unwrap();
    }

    #[test]
    fn a_machine_without_a_table_has_none() {
        assert!(read(Path::new("/nonexistent/DMI")).unwrap().is_empty());
        let error = read(Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "reading /");
    }
}
