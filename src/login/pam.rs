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
            if can_agree(&stack, &|_| true) && !can_agree(&stack, &|name| self.has(name)) {
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
        let stack = self.service(service, wanted);
        if stack.is_empty() { self.service("other", wanted) } else { stack }
    }

    fn service(&self, name: &str, wanted: Wanted<'_>) -> Vec<Line> {
        let paths = FOLDERS
            .iter()
            .map(|folder| if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") });
        let Some(left) = self.left.get().checked_sub(1).filter(|_| wanted.depth <= DEEPEST) else {
            return Vec::new();
        };
        self.left.set(left);
        let text = paths.into_iter().find_map(|path| (self.files.read)(&path));
        let text = text.unwrap_or_default().replace("\\\n", " ");
        text.lines().flat_map(|line| self.line(line, wanted)).collect()
    }

    /// Returns what a line adds to the stack.
    fn line(&self, line: &str, wanted: Wanted<'_>) -> Vec<Line> {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let below = Wanted { depth: wanted.depth + 1, ..wanted };
        if first == "@include" {
            return self.service(rest.trim(), below);
        }
        let (is_optional, kind) = first.strip_prefix('-').map_or((false, first), |kind| (true, kind));
        if !kind.eq_ignore_ascii_case(wanted.kind) {
            return Vec::new();
        }
        let Some((control, rest)) = control(rest.trim_start()) else { return Vec::new() };
        let name = rest.split_whitespace().next().unwrap_or_default();
        match control {
            "include" => self.service(name, below),
            "substack" => vec![Line::Stack(self.service(name, below))],
            control => Control::read(control)
                .map(|control| Line::Module { name: name.to_owned(), control, is_optional })
                .into_iter()
                .collect(),
        }
    }

    fn has(&self, module: &str) -> bool {
        if module.starts_with('/') {
            return (self.files.exists)(module);
        }
        self.files.modules.iter().any(|folder| (self.files.exists)(&format!("{folder}/{module}")))
    }

    /// Returns the modules of a stack that are not there, each once.
    fn missing(&self, stack: &[Line]) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for line in stack {
            let more = match line {
                Line::Module { name, .. } if !self.has(name) => vec![name.clone()],
                Line::Module { .. } => Vec::new(),
                Line::Stack(lines) => self.missing(lines),
            };
            missing.extend(more);
        }
        missing.sort();
        missing.dedup();
        missing
    }
}

/// Takes the second word of a line, which may be several in brackets. Returns it and the rest.
fn control(rest: &str) -> Option<(&str, &str)> {
    match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']'),
        None => rest.split_once(char::is_whitespace),
    }
}
