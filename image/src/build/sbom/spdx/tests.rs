//! The document has what the SPDX specification 2.3 asks for, and says the same of the same image.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use super::super::part::{components, packages};
use super::*;

const SUM: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

fn manifest(all: &[(&str, &str)]) -> Vec<Part> {
    let one = |(name, version): &(&str, &str)| json!({ "type": "deb", "name": name, "version": version, "architecture": "amd64" });
    let text = json!({
        "config": { "distribution": "debian", "release": "trixie" },
        "packages": all.iter().map(one).collect::<Vec<_>>(),
    });
    packages(&text.to_string()).unwrap()
}

fn document() -> Document<'static> {
    let file = |name: &str| File { name: name.to_owned(), sha256: SUM.to_owned() };
    Document {
        base: "demo_0.0.1",
        date: Date::given(OsStr::new("1764000000")).unwrap(),
        image: file("demo_0.0.1.raw"),
        image_packages: manifest(&[("kmod", "34-1"), ("libstdc++6", "14:1~2+3")]),
        initrd_packages: manifest(&[("kmod", "34-1"), ("systemd", "257")]),
        program: file("pattern-initrd"),
        program_parts: components(&format!(
            "crate pattern 0.2.0 -\ncrate serde_json 1.0.154 {SUM}\ncrate toml 1.2.1+spec {SUM}\ndebian cryptsetup 2:2.7.5-2\nrust 1.95.0"
        )).unwrap(),
        fetcher: file("pattern-fetch"),
        fetcher_parts: components(&format!("crate pattern 0.2.0 -\ncrate ureq 3.5.2 {SUM}\nrust 1.95.0")).unwrap(),
    }
}

fn read(document: &Document) -> Value {
    serde_json::from_str(&document.text()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// Clause 6: document creation information.
#[test]
fn the_document_says_what_it_is() {
    let document = read(&document());
    assert_eq!(text(&document, "spdxVersion"), "SPDX-2.3");
    assert_eq!(text(&document, "dataLicense"), "CC0-1.0");
    assert_eq!(text(&document, "SPDXID"), "SPDXRef-DOCUMENT");
    assert_eq!(text(&document, "name"), "demo_0.0.1");
    assert_eq!(text(&document["creationInfo"], "created"), "2025-11-24T16:00:00Z");
    assert!(document["creationInfo"]["creators"][0].as_str().unwrap().starts_with("Tool: pattern-"));
    let namespace = text(&document, "documentNamespace");
    assert!(namespace.starts_with("https://spdx.org/spdxdocs/demo_0.0.1-") && !namespace.contains('#'));
}

/// Clause 7: package information.
#[test]
fn each_package_is_identified_and_described() {
    let document = read(&document());
    let mut seen = BTreeSet::new();
    for package in document["packages"].as_array().unwrap() {
        let id = text(package, "SPDXID").strip_prefix("SPDXRef-").unwrap();
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{id}");
        assert!(seen.insert(id), "{id} occurs twice");
        assert!(!text(package, "name").is_empty() && !text(package, "versionInfo").is_empty(), "{package}");
        assert!(!text(package, "downloadLocation").is_empty(), "{package}");
        assert_eq!(package["filesAnalyzed"], false);
        for sum in package["checksums"].as_array().into_iter().flatten() {
            assert_eq!((text(sum, "algorithm"), text(sum, "checksumValue")), ("SHA256", SUM));
        }
        for reference in package["externalRefs"].as_array().into_iter().flatten() {
            assert_eq!(text(reference, "referenceCategory"), "PACKAGE-MANAGER");
            assert_eq!(text(reference, "referenceType"), "purl");
            assert!(text(reference, "referenceLocator").starts_with("pkg:"));
        }
    }
    assert!(seen.contains("deb-libstdc-2b--2b-6-14-3a-1-7e-2-2b-3"), "{seen:?}");
    assert_eq!(seen.len(), 4 + 3 + 6, "image, initrd and programs; packages; parts; {seen:?}");
}

/// Clause 11: relationships.
#[test]
fn everything_belongs_to_something() {
    let document = read(&document());
    let ids: BTreeSet<_> =
        document["packages"].as_array().unwrap().iter().map(|package| text(package, "SPDXID")).collect();
    let mut reached = BTreeSet::from(["SPDXRef-DOCUMENT"]);
    let mut said = BTreeSet::new();
    for relation in document["relationships"].as_array().unwrap() {
        let [from, kind, to] =
            ["spdxElementId", "relationshipType", "relatedSpdxElement"].map(|key| text(relation, key));
        assert!(reached.contains(from), "nothing leads to {from}");
        assert!(ids.contains(to), "{to} is not described");
        assert!(said.insert((from, kind, to)), "{from} {kind} {to} occurs twice");
        reached.insert(to);
    }
    assert!(ids.is_subset(&reached), "{ids:?} {reached:?}");
    for wanted in [
        ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image"),
        ("SPDXRef-Image", "CONTAINS", "SPDXRef-deb-kmod-34-1"),
        ("SPDXRef-Initrd", "CONTAINS", "SPDXRef-deb-kmod-34-1"),
        ("SPDXRef-Program", "STATIC_LINK", "SPDXRef-crate-serde-5f-json-1.0.154"),
        ("SPDXRef-Program", "STATIC_LINK", "SPDXRef-source-cryptsetup-2-3a-2.7.5-2"),
    ] {
        assert!(said.contains(&wanted), "{wanted:?}");
    }
    assert!(!said.contains(&("SPDXRef-Image", "CONTAINS", "SPDXRef-deb-systemd-257")));
}

#[test]
fn equal_images_have_equal_documents_and_no_others() {
    let one = document();
    assert_eq!(one.text(), document().text());
    let namespace = |document: &Document| text(&read(document), "documentNamespace").to_owned();
    let mut changed = document();
    changed.image.sha256 = SUM.replace('6', "7");
    assert_ne!(namespace(&changed), namespace(&one));
    let later = Document { date: Date::given(OsStr::new("1764000001")).unwrap(), ..document() };
    assert_ne!(namespace(&later), namespace(&one));
}
