//! What every stage reads: the image's configuration, this boot's flags and the root hash of
//! `/usr`. The root directory and the TPM's address are chosen here. Only the latch of an
//! emergency, which may have no configuration, chooses the address itself.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use pattern::boot::cmdline::Cmdline;
use pattern::boot::flags::Flags;
use pattern::boot::usr::UsrHash;
use pattern::config::{self, Config};
use pattern::plan::{CONFIG_PATH, usr_hash};

use crate::tpm::Tcti;

/// The inputs of a stage.
pub struct Context {
    /// `pattern.toml`.
    pub config: Config,
    /// The `pattern.*` flags that this image honours.
    pub flags: Flags,
    /// Flags that were given and have no effect, with a sentence for each.
    pub ignored: Vec<String>,
    /// `usrhash=`.
    pub usr: UsrHash,
    /// Where the TPM is, if there is one.
    pub tcti: Tcti,
}

impl Context {
    /// Does the same as [`Context::gather`], for the running system.
    ///
    /// # Errors
    /// As [`Context::gather`].
    pub fn here() -> Result<Self> {
        Self::gather(Path::new("/"))
    }

    /// Reads `pattern.toml` and the kernel command line below a root directory.
    ///
    /// # Errors
    /// When one of them can't be read, or has a mistake.
    pub fn gather(root: &Path) -> Result<Self> {
        let toml = read(&root.join(CONFIG_PATH.trim_start_matches('/')))?;
        let cmdline = Cmdline::parse(&read(&root.join("proc/cmdline"))?);
        let config = config::parse(CONFIG_PATH, &toml).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("; "))
        })?;
        let (flags, ignored) = Flags::read(&cmdline, &config);
        let usr = usr_hash(&cmdline).map_err(|why| anyhow!(why))?;
        Ok(Self { config, flags, ignored, usr, tcti: Tcti::default() })
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
