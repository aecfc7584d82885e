//! What systemd-sysupdate transfers on the device, as definitions for it (sysupdate.d(5)).
//!
//! They are carried out in the order of their names: first both partitions, and last the entry that
//! the boot loader offers. A cut before the end leaves a machine that does not know of the new
//! version.

use crate::config::Config;
use crate::update::release::Part;

/// How often a new version may be tried.
const TRIES: u32 = 3;

/// Returns the definition files, as name and text.
#[must_use]
pub fn definitions(config: &Config) -> [(&'static str, String); 3] {
    all(config, &format!("Verify=yes\n\n[Source]\nType=url-file\nPath={}", config.image.updates.url))
}

/// Returns definitions for a version that **pattern-fetch** offers at a port of the loopback. It verified the signed list, and its
/// own has the sums of what it makes.
#[must_use]
pub fn on_the_loopback(config: &Config, port: u16) -> [(&'static str, String); 3] {
    all(config, &format!("Verify=no\n\n[Source]\nType=url-file\nPath=http://127.0.0.1:{port}"))
}

fn all(config: &Config, source: &str) -> [(&'static str, String); 3] {
    [
        ("10-verity.transfer", partition(config, source, Part::Verity, "usr-verity")),
        ("20-usr.transfer", partition(config, source, Part::Usr, "usr")),
        ("30-uki.transfer", uki(config, source)),
    ]
}

fn partition(config: &Config, source: &str, part: Part, kind: &str) -> String {
    let label = part.name();
    let target = format!(
        "Type=partition\nPath=auto\nMatchPattern={label}-@v\nMatchPartitionType={kind}\nReadOnly=yes\nInstancesMax=2\n"
    );
    definition(source, &part.patterns(&config.image.id), &target)
}

fn uki(config: &Config, source: &str) -> String {
    let id = &config.image.id;
    // The first pattern is the name of a new version. The others are names of versions that were
    // tried or that proved themselves.
    let target = format!(
        "Type=regular-file\nPath=/EFI/Linux\nPathRelativeTo=boot\n\
         MatchPattern={id}_@v+@l-@d.efi {id}_@v+@l.efi {id}_@v.efi\n\
         Mode=0644\nTriesLeft={TRIES}\nTriesDone=0\nInstancesMax=2\n"
    );
    definition(source, &format!("{id}_@v.efi"), &target)
}

fn definition(source: &str, patterns: &str, target: &str) -> String {
    // `%A` is the running version (IMAGE_VERSION= in os-release). It is never overwritten.
    format!(
        "# Written by pattern from pattern.toml\n[Transfer]\nProtectVersion=%A\n{source}\nMatchPattern={patterns}\n\n\
         [Target]\n{target}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;
    use crate::delta::{index, patch};

    fn all() -> [(&'static str, String); 3] {
        definitions(&config(false, ""))
    }

    #[test]
    fn only_the_source_differs_on_the_loopback() {
        for ((name, remote), (same, local)) in all().into_iter().zip(on_the_loopback(&config(false, ""), 99))
        {
            let back = local
                .replace("Verify=no", "Verify=yes")
                .replace("http://127.0.0.1:99", "https://example.org/");
            assert_eq!((name, remote), (same, back));
        }
    }

    #[test]
    fn the_entry_comes_last_and_is_counted() {
        let all = all();
        assert!(all.is_sorted_by_key(|(name, _)| *name));
        let (name, text) = &all[2];
        assert_eq!(*name, "30-uki.transfer");
        assert!(text.contains("\nMatchPattern=demo_@v+@l-@d.efi demo_@v+@l.efi demo_@v.efi\n"), "{text}");
        assert!(text.contains("\nTriesLeft=3\nTriesDone=0\n"), "{text}");
    }

    #[test]
    fn what_runs_is_protected_and_everything_is_verified() {
        for (name, text) in all() {
            for line in ["ProtectVersion=%A", "Verify=yes", "InstancesMax=2", "Path=https://example.org/"] {
                assert!(text.contains(&format!("\n{line}\n")), "{name}: {text}");
            }
        }
    }

    /// systemd-sysupdate takes any text for a version, also one with dots and underscores.
    #[test]
    fn what_is_fetched_in_parts_is_not_taken_for_a_version() {
        let all = all();
        let sources = all.iter().filter_map(|(_, text)| text.split("[Target]").next());
        let lines = sources.flat_map(str::lines).filter_map(|line| line.strip_prefix("MatchPattern="));
        let any = |pattern: &str| {
            ["@v", "@u", "@s"].iter().fold(pattern.to_owned(), |text, word| text.replace(word, "*"))
        };
        let patterns =
            lines.flat_map(str::split_whitespace).map(|one| glob::Pattern::new(&any(one)).unwrap());
        let patterns: Vec<_> = patterns.collect();
        let taken = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
        assert!(taken("demo_2.efi") && taken("demo_2_0a_9.usr.raw.xz") && taken("demo_2_0a_9.verity.raw"));
        let packed = [index::BLOCKS, index::INDEX].map(|end| format!("demo_2{end}"));
        let patches = [patch::PATCH, patch::INDEX].map(|end| patch::name("demo_2", "demo_1", end));
        for name in packed.iter().chain(&patches) {
            assert!(!taken(name), "{name}");
        }
    }

    #[test]
    fn slots_are_found_by_type_and_label() {
        let [(_, verity), (_, usr), _] = all();
        assert!(verity.contains("\nMatchPattern=verity-@v\nMatchPartitionType=usr-verity\n"), "{verity}");
        assert!(usr.contains("\nMatchPattern=usr-@v\nMatchPartitionType=usr\n"), "{usr}");
    }
}
