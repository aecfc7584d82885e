//! The document of SPDX 2.3, as JSON. Equal images have equal documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::date::{Date, uuid};
use super::part::Part;

const IMAGE: &str = "SPDXRef-Image";
const INITRD: &str = "SPDXRef-Initrd";
const PROGRAM: &str = "SPDXRef-Program";
const FETCHER: &str = "SPDXRef-Fetcher";
const CUT_DOWN: &str = "Of these packages the initrd has the files that it needs, and of some none. Kernel and modules \
                        are those of the image.";

/// A file that the document is about.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) sha256: String,
}

/// What the document says.
#[derive(Clone, Debug)]
pub(super) struct Document<'a> {
    /// `ID_VERSION`
    pub(super) base: &'a str,
    pub(super) date: Date,
    pub(super) image: File,
    pub(super) image_packages: Vec<Part>,
    pub(super) initrd_packages: Vec<Part>,
    /// The static program of initrd and image.
    pub(super) program: File,
    pub(super) program_parts: Vec<Part>,
    /// The program of the running system that fetches updates.
    pub(super) fetcher: File,
    pub(super) fetcher_parts: Vec<Part>,
}

impl Document<'_> {
    /// Returns the text.
    pub(super) fn text(&self) -> String {
        let mut document = json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": self.base,
            "creationInfo": {
                "created": self.date.to_string(),
                "creators": [concat!("Tool: pattern-", env!("CARGO_PKG_VERSION"))],
            },
            "packages": self.packages(),
            "relationships": self.relationships(),
        });
        // No other document may have it.
        let name = format!("{}-{}", self.base, uuid(&document.to_string()));
        document["documentNamespace"] = format!("https://spdx.org/spdxdocs/{name}").into();
        format!("{document:#}\n")
    }

    fn packages(&self) -> Vec<Value> {
        let (id, version) = self.base.split_once('_').unwrap_or((self.base, ""));
        let mut image = package(IMAGE, id, version);
        add_file(&mut image, &self.image);
        let mut initrd = package(INITRD, "initrd", version);
        initrd["comment"] = CUT_DOWN.into();
        let programs = [(PROGRAM, &self.program), (FETCHER, &self.fetcher)].map(|(id, file)| {
            let mut program = package(id, &file.name, env!("CARGO_PKG_VERSION"));
            add_file(&mut program, file);
            program
        });
        // Packages of the initrd are most often those of the image, too.
        let parts = [&self.image_packages, &self.initrd_packages, &self.program_parts, &self.fetcher_parts];
        let parts = parts.into_iter().flatten();
        let parts: BTreeMap<_, _> = parts.map(|part| (identifier(part), part)).collect();
        let parts = parts.iter().map(|(id, part)| described(id, part));
        [image, initrd].into_iter().chain(programs).chain(parts).collect()
    }

    fn relationships(&self) -> Vec<Value> {
        let relation = |from: &str, kind: &str, to: &str| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
        let mut all = vec![
            relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE),
            relation(IMAGE, "CONTAINS", INITRD),
            relation(IMAGE, "CONTAINS", PROGRAM),
            relation(IMAGE, "CONTAINS", FETCHER),
            relation(INITRD, "CONTAINS", PROGRAM),
        ];
        let each = [
            (IMAGE, "CONTAINS", &self.image_packages),
            (INITRD, "CONTAINS", &self.initrd_packages),
            (PROGRAM, "STATIC_LINK", &self.program_parts),
            (FETCHER, "STATIC_LINK", &self.fetcher_parts),
        ];
        for (from, kind, parts) in each {
            all.extend(parts.iter().map(|part| relation(from, kind, &identifier(part))));
        }
        all
    }
}

fn package(id: &str, name: &str, version: &str) -> Value {
    json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
    })
}

fn add_file(package: &mut Value, file: &File) {
    package["packageFileName"] = file.name.as_str().into();
    package["checksums"] = checksums(&file.sha256);
}

fn checksums(sha256: &str) -> Value {
    json!([{ "algorithm": "SHA256", "checksumValue": sha256 }])
}

fn described(id: &str, part: &Part) -> Value {
    let mut package = package(id, &part.name, &part.version);
    if let Some((file, sha256)) = &part.source {
        package["downloadLocation"] = file.as_str().into();
        package["checksums"] = checksums(sha256);
    }
    if let Some(purl) = &part.purl {
        package["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }]);
    }
    package
}

/// Returns what the document calls a part: letters, digits, '.' and '-' are allowed.
fn identifier(part: &Part) -> String {
    let plain = |text: &str| -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-.".contains(c) {
                c.to_string()
            } else {
                format!("-{:x}-", u32::from(c))
            }
        };
        text.chars().map(plain).collect()
    };
    format!("SPDXRef-{}-{}-{}", plain(&part.kind), plain(&part.name), plain(&part.version))
}

#[cfg(test)]
mod tests;
