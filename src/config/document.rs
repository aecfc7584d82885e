//! Reads a TOML text into a flat list of known keys, each with its line.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{find, members};
use super::problem::Problem;
use super::suggest;

/// The values found so far, and the problems.
pub(super) struct Document<'a> {
    file: &'a str,
    text: &'a str,
    values: BTreeMap<&'static str, (usize, DeValue<'a>)>,
    /// Line of each section's first key or header. `None` if the value is not a section.
    sections: BTreeMap<String, Option<usize>>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    /// Parses a TOML text. If it is not TOML, only that is reported, because its keys would be a
    /// guess.
    pub(super) fn parse(file: &'a str, text: &'a str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document =
            Self { file, text, values: BTreeMap::new(), sections: BTreeMap::new(), problems: Vec::new() };
        for error in &errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            document.report(document.line_at(at), "", format!("not valid TOML: {}", error.message()));
        }
        if errors.is_empty() {
            document.walk("", table.into_inner());
            return Ok(document);
        }
        Err(document.finish())
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

    /// Records a problem.
    pub(super) fn report(&mut self, line: usize, key: &str, message: String) {
        self.problems.push(Problem { file: self.file.to_owned(), line, key: key.to_owned(), message });
    }

    /// Returns all problems, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    fn walk(&mut self, section: &str, table: DeTable<'a>) {
        for (name, value) in table {
            let line = self.line_at(name.span().start);
            let path = join(section, name.get_ref());
            self.place(line, path, value);
        }
    }

    fn place(&mut self, line: usize, path: String, value: Spanned<DeValue<'a>>) {
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
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
