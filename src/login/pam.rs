//! The services of PAM: pam.conf(5), pam.d(5).

use std::cell::Cell;

use super::Files;
use super::control::Control;
use super::stack::{Line, can_agree};

/// Where services are looked for, the first one counts.
const FOLDERS: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];
/// What a login asks for.
const KINDS: [&str; 3] = ["auth", "account", "session"];
/// Includes in each other. More is a circle.
const DEEPEST: usize = 16;
/// Files that are read for one stack. A file that includes itself twice would be read 65536 times.
const MOST: usize = 500;

pub(super) struct Services<'a> {
    files: &'a Files<'a>,
    left: Cell<usize>,
}

/// Where the lines of a service come from, and what it asks for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    kind: &'a str,
    depth: usize,
}

impl<'a> Services<'a> {
    pub(super) const fn new(files: &'a Files<'a>) -> Self {
        Self { files, left: Cell::new(0) }
    }

    /// Returns why nobody can log in by a service, if that is so because something is missing.
    pub(super) fn fault(&self, service: &str) -> Option<String> {
        for kind in KINDS {
            let stack = self.stack(service, kind);
            // An owner may have closed it.
            if can_agree(&stack, &|_| true) && !can_agree(&stack, &|line| self.has(line)) {
                let missing = self.missing(&stack).join(", ");
                return Some(format!(
                    "nobody can log in by {service} (PAM, {kind}): this version does not have {missing}"
                ));
            }
        }
        None
    }

    /// Returns the lines of a kind. A service that has none of a kind goes by those of `other`.
    fn stack(&self, service: &str, kind: &str) -> Vec<Line> {
        let wanted = Wanted { kind, depth: 0 };
        self.left.set(MOST);
        let lines = |name| self.service(name, wanted).unwrap_or_default();
        let stack = lines(service);
        if stack.is_empty() { lines("other") } else { stack }
    }

    /// Returns the lines of a file, or nothing if it is not there.
    fn service(&self, name: &str, wanted: Wanted<'_>) -> Option<Vec<Line>> {
        let Some(left) = self.left.get().checked_sub(1).filter(|_| wanted.depth <= DEEPEST) else {
            return Some(vec![Line::Unread]);
        };
        self.left.set(left);
        let paths = FOLDERS
            .iter()
            .map(|folder| if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") });
        let text = paths.into_iter().find_map(|path| (self.files.read)(&path))?;
        Some(lines(&text).iter().flat_map(|line| self.line(line, wanted)).collect())
    }

    /// Returns what a line adds to the stack.
    fn line(&self, line: &str, wanted: Wanted<'_>) -> Vec<Line> {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if first.eq_ignore_ascii_case("@include") {
            return self.included(rest, wanted);
        }
        // The `-` keeps PAM from logging that the module is missing, and does nothing else.
        let kind = first.strip_prefix('-').unwrap_or(first);
        if !kind.eq_ignore_ascii_case(wanted.kind) {
            return Vec::new();
        }
        let Some((control, rest)) = control(rest.trim_start()) else { return vec![Line::Unread] };
        match (&*control.to_ascii_lowercase(), rest.split_whitespace().next()) {
            ("include", _) => self.included(rest, wanted),
            ("substack", _) => vec![Line::Stack(self.included(rest, wanted))],
            (_, None) => vec![Line::Unread],
            (_, Some(name)) => {
                vec![Line::Module { name: name.to_owned(), control: Control::read(control) }]
            }
        }
    }

    /// Returns the lines of the file that the rest of a line names.
    fn included(&self, rest: &str, wanted: Wanted<'_>) -> Vec<Line> {
        let Some(name) = rest.split_whitespace().next() else { return vec![Line::Unread] };
        let below = Wanted { depth: wanted.depth + 1, ..wanted };
        self.service(name, below).unwrap_or_else(|| vec![Line::Absent(name.to_owned())])
    }

    fn has(&self, line: &Line) -> bool {
        let Line::Module { name, .. } = line else { return false };
        if name.starts_with('/') {
            return (self.files.exists)(name);
        }
        self.files.modules.iter().any(|folder| (self.files.exists)(&format!("{folder}/{name}")))
    }

    /// Returns the modules and files of a stack that are not there, each once.
    fn missing(&self, stack: &[Line]) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for line in stack {
            let more = match line {
                Line::Module { name, .. } if !self.has(line) => vec![name.clone()],
                Line::Absent(name) => vec![name.clone()],
                Line::Module { .. } | Line::Unread => Vec::new(),
                Line::Stack(lines) => self.missing(lines),
            };
            missing.extend(more);
        }
        missing.sort();
        missing.dedup();
        missing
    }
}

/// Returns the lines of a file without comments: one that ends with a backslash goes on in the next. A comment does not.
fn lines(text: &str) -> Vec<String> {
    let (mut lines, mut goes_on) = (vec![String::new()], false);
    for line in text.lines() {
        let (plain, comment) = line.split_once('#').map_or((line, None), |(line, rest)| (line, Some(rest)));
        let whole = plain.trim_end().strip_suffix('\\').filter(|_| comment.is_none());
        if !goes_on {
            lines.push(String::new());
        }
        goes_on = whole.is_some();
        if let Some(last) = lines.last_mut() {
            last.push_str(whole.unwrap_or(plain).trim_start());
            last.push(' ');
        }
    }
    lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Takes the second word of a line, which may be several in brackets. Returns it and the rest.
fn control(rest: &str) -> Option<(&str, &str)> {
    match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']'),
        None => rest.split_once(char::is_whitespace),
    }
}
