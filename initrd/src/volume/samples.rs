//! A boot and an image, for tests.

use pattern::config::Config;
use pattern::firmware::secure_boot::State;
use pattern_machine::boot::Boot;

use crate::tpm::Tcti;
use crate::volume::means::Means;

pub(crate) static BOOT: Boot = Boot { secure_boot: State::On, added: false, damage: None, on_trial: false };

/// Returns the means of an image that is not signed, in an ordinary boot.
pub(crate) fn means<'a>(config: &'a Config, tcti: &'a Tcti) -> Means<'a> {
    Means { config, boot: &BOOT, tcti, image: None, signatures: None }
}

/// Returns an image with `debug = false`. `counter`: whether the TPM counts.
pub(crate) fn config(counter: bool) -> Config {
    let text = format!(
        "[image]\nid = \"demo\"\nversion = \"1\"\n\
         updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
         [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n[volume]\ncounter = {counter}\n"
    );
    pattern::config::parse("pattern.toml", &text).unwrap()
}
