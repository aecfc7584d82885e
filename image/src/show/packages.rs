//! The packages of an image, from mkosi's manifest, which `pattern build` leaves beside it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::host::file;

/// Versions by name.
pub(super) type Packages = BTreeMap<String, String>;

/// The difference between two images.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct PackageChange {
    pub(super) added: Packages,
    pub(super) removed: Packages,
    /// The versions before and now.
    pub(super) changed: BTreeMap<String, [String; 2]>,
}

/// Reads the manifest beside an image.
///
/// # Errors
/// When it is missing or damaged.
pub(super) fn read(image: &str) -> Result<Packages> {
    let plain = image.strip_suffix(".xz").or_else(|| image.strip_suffix(".gz")).unwrap_or(image);
    let path = Path::new(plain).with_extension("manifest");
    let reading =
        || format!("packages: reading {}, which `pattern build` leaves beside an image", path.display());
    let text = file::text(&path).with_context(reading)?;
    parse(&text).with_context(reading)
}

fn parse(text: &str) -> Result<Packages> {
    let manifest: Value = serde_json::from_str(text)?;
    let packages = manifest.get("packages").and_then(Value::as_array).context("it lists no packages")?;
    let text = |package: &Value, field| package.get(field).and_then(Value::as_str).map(str::to_owned);
    let pairs =
        packages.iter().filter_map(|package| Some((text(package, "name")?, text(package, "version")?)));
    Ok(pairs.collect())
}

impl PackageChange {
    pub(super) fn between(old: &Packages, new: &Packages) -> Self {
        let missing_in = |other: &Packages, one: &Packages| {
            let missing = one.iter().filter(|(name, _)| !other.contains_key(*name));
            missing.map(|(name, version)| (name.clone(), version.clone())).collect()
        };
        let both = new.iter().filter_map(|(name, now)| Some((name, old.get(name)?, now)));
        let changed = both.filter(|(_, before, now)| before != now);
        let changed = changed.map(|(name, before, now)| (name.clone(), [before.clone(), now.clone()]));
        Self { added: missing_in(old, new), removed: missing_in(new, old), changed: changed.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(list: &[(&str, &str)]) -> Packages {
        list.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn a_manifest_of_mkosi_is_read() {
        let text = r#"{"manifest_version": 1, "packages": [
            {"type": "deb", "name": "bash", "version": "5.2.37-2", "architecture": "amd64"}, {"type": "deb"}]}"#;
        assert_eq!(parse(text).unwrap(), packages(&[("bash", "5.2.37-2")]));
        assert_eq!(parse("{}").unwrap_err().to_string(), "it lists no packages");
        let error = format!("{:#}", read("/nonexistent/x_1.raw.xz").unwrap_err());
        assert!(
            error.starts_with("packages: reading /nonexistent/x_1.manifest, which `pattern build`"),
            "{error}"
        );
    }

    #[test]
    fn a_package_came_went_or_changed() {
        let old = packages(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = packages(&[("b", "1"), ("c", "2"), ("d", "1")]);
        let change = PackageChange::between(&old, &new);
        assert_eq!((change.added, change.removed), (packages(&[("d", "1")]), packages(&[("a", "1")])));
        assert_eq!(change.changed, BTreeMap::from([("c".to_owned(), ["1".to_owned(), "2".to_owned()])]));
        assert_eq!(PackageChange::between(&new, &new), PackageChange::default());
    }
}
