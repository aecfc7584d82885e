//! A boot and an image, for tests.

use pattern::config::Config;
use pattern::firmware::secure_boot::State;

use crate::machine::boot::Boot;

pub(crate) const BOOT: Boot = Boot { secure_boot: State::On, added: false, degraded: false };

/// Returns an image with `debug = false`. `counter`: whether the TPM counts.
pub(crate) fn config(counter: bool) -> Config {
    let text = format!(
        "[image]\nid = \"demo\"\nversion = \"1\"\n\
         updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
         [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n[volume]\ncounter = {counter}\n"
    );
    pattern::config::parse("pattern.toml", &text).unwrap()
}
