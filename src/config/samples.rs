//! The smallest configuration, for tests.

use super::{Config, parse};

/// Returns the configuration of an image with these lines in its `[volume]`.
pub(crate) fn config(debug: bool, volume: &str) -> Config {
    let text = format!(
        "debug = {debug}\n[image]\nid = \"demo\"\nversion = \"1\"\n\
         updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
         [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n[volume]\n{volume}\n"
    );
    parse("pattern.toml", &text).unwrap()
}
