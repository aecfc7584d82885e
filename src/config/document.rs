//! Reads a TOML text into a flat list of known keys, each with its line.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::Finding;
use super::keys::{find, members};
use super::suggest;

/// Most syntax errors that are reported.
const SYNTAX_MAX: usize = 5;
/// What the parser says of a key or a section that is there twice. It does not say which.
const DUPLICATE: &str = "duplicate key";

/// The values found so far, and the problems.
pub(super) struct Document<'a> {
    file: &'a str,
    text: &'a str,
    values: BTreeMap<&'static str, (usize, DeValue<'a>)>,
    /// Line of each section's first key or header. `None` if the value is not a section.
    sections: BTreeMap<String, Option<usize>>,
    pub(super) problems: Vec<Finding>,
}

impl<'a> Document<'a> {
    /// Parses a TOML text. If it is not TOML, only that is reported, because its keys would be a
    /// guess.
    pub(super) fn parse(file: &'a str, text: &'a str) -> Result<Self, Vec<Finding>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document =
            Self { file, text, values: BTreeMap::new(), sections: BTreeMap::new(), problems: Vec::new() };
        document.broken(&errors);
        if errors.is_empty() {
            document.walk("", table.into_inner());
            return Ok(document);
        }
        Err(document.finish())
    }

    /// Records the first error of each line, for [`SYNTAX_MAX`] lines: what follows a syntax error is
    /// often its consequence.
    fn broken(&mut self, errors: &[toml::de::Error]) {
        let mut found: Vec<_> = errors.iter().map(|error| (self.start(error), error)).collect();
        found.sort_by_key(|(at, _)| *at);
        let mut found: Vec<_> = found.into_iter().map(|(at, error)| (self.line_at(at), error)).collect();
        found.dedup_by_key(|(line, _)| *line);
        for (line, error) in found.into_iter().take(SYNTAX_MAX) {
            self.report(line, "", format!("not valid TOML: {}", self.words(error)));
        }
    }

    fn start(&self, error: &toml::de::Error) -> usize {
        error.span().map_or(self.text.len(), |span| span.start)
    }

    fn words(&self, error: &toml::de::Error) -> String {
        let name = error.span().and_then(|span| self.text.get(span));
        match (error.message(), name) {
            (DUPLICATE, Some(name)) => format!("{DUPLICATE} {name}"),
            (message, _) => message.to_owned(),
        }
    }

    /// Returns the value of a known key, with its line.
    pub(super) fn value(&self, path: &str) -> Option<(usize, &DeValue<'a>)> {
        self.values.get(path).map(|(line, value)| (*line, value))
    }

    /// Returns the line where a person would look for this key: its own line, otherwise its
    /// section's, otherwise the first. Returns `None` if one of its sections is already reported.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        if let Some((line, _)) = self.values.get(path) {
            return Some(*line);
        }
        let parents = path.rmatch_indices('.').filter_map(|(at, _)| path.get(..at));
        parents.filter_map(|parent| self.sections.get(parent)).next().copied().unwrap_or(Some(1))
    }

    /// Records an error.
    pub(super) fn report(&mut self, line: usize, key: &str, message: String) {
        self.problems.push(Finding::error(self.file, line, key, message));
    }

    /// Returns all problems, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    fn walk(&mut self, section: &str, table: DeTable<'a>) {
        for (name, value) in table {
            let line = self.line_at(name.span().start);
            let path = join(section, name.get_ref());
            self.sort_in(line, path, value);
        }
    }

    fn sort_in(&mut self, line: usize, path: String, value: Spanned<DeValue<'a>>) {
        if let Some(key) = find(&path) {
            self.values.insert(key.path, (line, value.into_inner()));
            return;
        }
        let names = members(&path);
        match value.into_inner() {
            _ if names.is_empty() => self.report(line, &path, suggest::unknown(&path)),
            DeValue::Table(table) => {
                self.sections.insert(path.clone(), Some(line));
                self.walk(&path, table);
            }
            other => {
                let message = format!("must be a section with {}, not {}", names.join(", "), kind_of(&other));
                self.report(line, &path, message);
                self.sections.insert(path, None);
            }
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }
}

/// Returns the line where a person would look for a key in a text: its own line, otherwise its
/// section's, otherwise the first.
#[must_use]
pub fn line_of(text: &str, key: &str) -> usize {
    Document::parse("", text).ok().and_then(|document| document.line(key)).unwrap_or(1)
}

/// Joins section and name. A name that is not a bare TOML key is quoted, so that a dot in it can't
/// look like a section.
fn join(section: &str, name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if section.is_empty() { name } else { format!("{section}.{name}") }
}

/// Returns the type of a value, in words.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
