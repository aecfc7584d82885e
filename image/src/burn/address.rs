//! The address that a system on the disk takes updates from.

use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::config;
use pattern::table::Table;

use crate::host::tree::Tools;
use crate::machine::qemu::SERVER;
use crate::release::usr::{CONFIG, Usr};

/// Returns what an owner should know before the system on this disk is used. Where its `/usr` can't be read, there is nothing to
/// say: the disk has what the image had.
pub(super) fn warning(disk: &Path, table: &Table, tools: &Tools) -> Option<String> {
    of_a_trial(&address(disk, table, tools).ok()?)
}

fn address(disk: &Path, table: &Table, tools: &Tools) -> Result<String> {
    let usr = table.partitions().find(|part| part.label.starts_with("usr-")).context("no partition /usr")?;
    let start = usr.extent.first.saturating_mul(table.sector_size());
    let text = Usr::new(disk, start, tools)?.file(CONFIG)?.context("no configuration")?;
    let url = config::settings(&text).into_iter().find(|(key, _)| *key == "image.updates.url");
    Ok(url.context("no address")?.1.trim_matches('"').to_owned())
}

/// An address that only machines of `pattern run` reach is right for an image that is tried, and useless on any other machine.
fn of_a_trial(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split('/').next()?;
    (host == SERVER).then(|| {
        format!(
            "this system takes updates from {url}, which only machines of `pattern run` reach. Before you use it, set \
             image.updates.url to your own server, build the image again, and burn that"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_trial_is_named() {
        for url in ["http://10.0.2.100:8000", "http://10.0.2.100:8000/demo"] {
            let warning = of_a_trial(url).unwrap();
            assert!(
                warning.starts_with(&format!("this system takes updates from {url}, which only")),
                "{warning}"
            );
        }
        for url in
            ["http://10.0.2.100", "http://10.0.2.100:80001", "https://example.org/10.0.2.100:8000", "nothing"]
        {
            assert_eq!(of_a_trial(url), None, "{url}");
        }
    }
}
