//! What an image is made of: packages, by mkosi's manifest, and what the static program was linked from.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Something that has a name and a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// The kind of what has the name: `deb`, `crate`, `source`, `rust`.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) version: String,
    /// Where everybody finds it: a package URL (package-url.org).
    pub(super) purl: Option<String>,
    /// The file that it came in, and its SHA-256.
    pub(super) source: Option<(String, String)>,
}

/// Reads the packages of mkosi's manifest.
///
/// # Errors
/// When it is not such a manifest.
pub(super) fn packages(text: &str) -> Result<Vec<Part>> {
    let manifest: Value = serde_json::from_str(text)?;
    let config = &manifest["config"];
    let distribution = config["distribution"].as_str().context("it names no distribution")?;
    let release = config["release"].as_str().context("it names no release")?;
    let packages = manifest["packages"].as_array().context("it lists no packages")?;
    packages
        .iter()
        .map(|package| {
            let word = |key: &str| package[key].as_str().with_context(|| format!("a package has no {key}"));
            let (kind, name, version) = (word("type")?, word("name")?, word("version")?);
            let query = format!("arch={}&distro={}", encoded(word("architecture")?), encoded(release));
            let purl = format!("{}?{query}", purl(&format!("{kind}/{distribution}"), name, version));
            Ok(Part { purl: Some(purl), ..Part::new(kind, name, version) })
        })
        .collect()
}

/// Reads what `static/components` wrote.
///
/// # Errors
/// When a line is of another kind. The error has its number.
pub(super) fn components(text: &str) -> Result<Vec<Part>> {
    let part =
        |(number, line): (usize, &str)| component(line).with_context(|| format!("line {number}: {line:?}"));
    (1..).zip(text.lines()).map(part).collect()
}

fn component(line: &str) -> Result<Part> {
    let words: Vec<&str> = line.split(' ').collect();
    let (part, purl) = match words[..] {
        // Of this repository: what has the name on crates.io is something else.
        ["crate", name, version, "-"] => return Ok(Part::new("crate", name, version)),
        ["crate", name, version, sum] => {
            let file = format!("https://static.crates.io/crates/{name}/{name}-{version}.crate");
            let source = Some((file, sum.to_owned()));
            (Part { source, ..Part::new("crate", name, version) }, purl("cargo", name, version))
        }
        ["debian", name, version] => {
            (Part::new("source", name, version), purl("deb/debian", name, version) + "?arch=source")
        }
        ["rust", version] => (Part::new("rust", "rust", version), purl("generic", "rust", version)),
        _ => bail!("it must be `crate NAME VERSION SHA256`, `debian NAME VERSION` or `rust VERSION`"),
    };
    Ok(Part { purl: Some(purl), ..part })
}

impl Part {
    fn new(kind: &str, name: &str, version: &str) -> Self {
        Self { kind: kind.into(), name: name.into(), version: version.into(), purl: None, source: None }
    }
}

fn purl(kind: &str, name: &str, version: &str) -> String {
    format!("pkg:{kind}/{}@{}", encoded(name), encoded(version))
}

/// Encodes for a package URL, which leaves ':' as it is.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_urls_that_others_know() {
        let manifest = r#"{
            "config": { "distribution": "debian", "release": "trixie" },
            "packages": [{ "type": "deb", "name": "libstdc++6", "version": "1:14.2.0-19~x", "architecture": "amd64" }]
        }"#;
        let parts = packages(manifest).unwrap();
        assert_eq!(
            (parts[0].kind.as_str(), parts[0].name.as_str(), parts[0].version.as_str()),
            ("deb", "libstdc++6", "1:14.2.0-19~x")
        );
        let purl = "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19~x?arch=amd64&distro=trixie";
        assert_eq!(parts[0].purl.as_deref(), Some(purl));
        for (damaged, message) in [
            (manifest.replace("packages", "p"), "it lists no packages"),
            (manifest.replace("\"version\"", "\"v\""), "a package has no version"),
            (manifest.replace("distribution", "d"), "it names no distribution"),
        ] {
            assert_eq!(packages(&damaged).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_crates_io_does_not_have_is_not_looked_for_there() {
        let parts = components("crate toml 1.2.1+spec-1.1.0 ab\ncrate pattern 0.2.0 -\n").unwrap();
        assert_eq!(parts[0].purl.as_deref(), Some("pkg:cargo/toml@1.2.1%2Bspec-1.1.0"));
        let file = "https://static.crates.io/crates/toml/toml-1.2.1+spec-1.1.0.crate";
        assert_eq!(parts[0].source, Some((file.to_owned(), "ab".to_owned())));
        assert_eq!((&parts[1].purl, &parts[1].source), (&None, &None));
    }

    #[test]
    fn c_libraries_are_debians_sources() {
        let parts = components("debian cryptsetup 2:2.7.5-2\nrust 1.95.0\n").unwrap();
        assert_eq!(parts[0].purl.as_deref(), Some("pkg:deb/debian/cryptsetup@2:2.7.5-2?arch=source"));
        assert_eq!(parts[1].purl.as_deref(), Some("pkg:generic/rust@1.95.0"));
        for line in ["", "crate x 1", "debian x", "rust", "pip x 1"] {
            let error = format!("{:#}", components(&format!("rust 1\n{line}\n")).unwrap_err());
            assert!(error.starts_with(&format!("line 2: {line:?}: it must be `crate NAME")), "{error}");
        }
    }
}
