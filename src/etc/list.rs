//! A tree as a text: a line for each path. What an image has of its own can thus be kept without a copy of each file.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use super::path::Path;
use super::tree::{Attributes, Content, Kind, Meta, Node, Tree};

/// Of a line: what it is, owner, group, mode, what is in it, attributes, path.
const FIELDS: usize = 7;

impl Tree {
    /// Returns the text. [`parse`](Self::parse) reads it. Files that can be merged are in it as a whole, of others size and
    /// hash.
    #[must_use]
    pub fn list(&self) -> String {
        let mut text = String::new();
        for (path, Node { kind, meta: Meta { owner, group, mode, attributes } }) in self.iter() {
            let (word, value) = written(kind);
            let attributes: Vec<String> = attributes
                .iter()
                .map(|(name, value)| format!("{}={}", BASE64.encode(name), BASE64.encode(value)))
                .collect();
            // Writing to a text does not fail.
            writeln!(text, "{word} {owner} {group} {mode:o} {value} {} {path}", attributes.join(",")).ok();
        }
        text
    }

    /// Reads what [`list`](Self::list) wrote, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut tree = Self::default();
        for line in text.split_inclusive('\n') {
            let (path, node) = read(line.strip_suffix('\n')?)?;
            tree.insert(path, node).ok()?;
        }
        // Each tree has one text. Another one was written by somebody else, or is damaged.
        (tree.list() == text).then_some(tree)
    }
}

fn written(kind: &Kind) -> (&'static str, String) {
    match kind {
        Kind::Directory => ("directory", String::new()),
        Kind::Link(target) => ("link", BASE64.encode(target)),
        Kind::Special { form, device } => ("special", format!("{form:o}:{device}")),
        Kind::File(content) => content.text().map_or_else(
            || ("file", format!("{}:{}", content.size(), BASE64.encode(content.hash()))),
            |text| ("text", BASE64.encode(text)),
        ),
    }
}

fn read(line: &str) -> Option<(Path, Node)> {
    let fields: Vec<&str> = line.splitn(FIELDS, ' ').collect();
    let [word, owner, group, mode, value, attributes, path] = fields[..] else { return None };
    let kind = match word {
        "directory" => Kind::Directory,
        "link" => Kind::Link(BASE64.decode(value).ok()?),
        "text" => Kind::File(Content::of_text(BASE64.decode(value).ok()?)),
        "file" => {
            let (size, hash) = value.split_once(':')?;
            Kind::File(Content::of_hash(BASE64.decode(hash).ok()?.try_into().ok()?, size.parse().ok()?))
        }
        "special" => {
            let (form, device) = value.split_once(':')?;
            Kind::Special { form: u32::from_str_radix(form, 8).ok()?, device: device.parse().ok()? }
        }
        _ => return None,
    };
    let (owner, group) = (owner.parse().ok()?, group.parse().ok()?);
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let meta = Meta { owner, group, mode, attributes: read_attributes(attributes)? };
    Some((Path::shown(path).ok()?, Node { kind, meta }))
}

fn read_attributes(text: &str) -> Option<Attributes> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((BASE64.decode(name).ok()?, BASE64.decode(value).ok()?))
        })
        .collect()
}
