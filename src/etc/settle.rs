//! Makes a tree of what each path becomes: something lies in a directory, or it has no place.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::Reason;
use super::decide::{Decision, Wanted};
use super::path::Path;
use super::tree::{Node, Tree};

/// The decisions by path, and the trees that they are about.
pub(super) struct Settlement<'a> {
    pub(super) decisions: BTreeMap<Path, Decision>,
    pub(super) mine: &'a Tree,
    pub(super) new: &'a Tree,
}

impl Settlement<'_> {
    /// Settles everything.
    pub(super) fn settle(&mut self) {
        self.hold();
        let paths: Vec<Path> = self.decisions.keys().cloned().collect();
        let mut blocked = BTreeSet::new();
        for path in &paths {
            self.place(path, &mut blocked);
        }
        for path in &paths {
            self.explain(path);
        }
    }

    /// Returns what is at a path in the end.
    pub(super) fn node(&self, path: &Path) -> Option<&Node> {
        match &self.decisions.get(path)?.0 {
            Wanted::Nothing => None,
            Wanted::Mine => self.mine.get(path),
            Wanted::Image => self.new.get(path),
            Wanted::Made(node) => Some(node),
        }
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.node(path).is_some_and(Node::is_directory)
    }

    /// A directory in which the machine keeps something stays a directory.
    fn hold(&mut self) {
        let is_kept = |(path, (wanted, _)): &(&Path, &Decision)| {
            matches!(wanted, Wanted::Mine | Wanted::Made(_)) && self.mine.get(path).is_some()
        };
        let kept = self.decisions.iter().filter(is_kept);
        // What is kept in one directory lies side by side.
        let mut parents: Vec<Path> = kept.filter_map(|(path, _)| path.parent()).collect();
        parents.dedup();
        for parent in parents {
            for above in parent.ancestors().chain([parent.clone()]) {
                if self.is_directory(&above) {
                    continue;
                }
                let is_others = self.node(&above).is_some();
                let reasons = if is_others { vec![Reason::Kind] } else { Vec::new() };
                self.decisions.insert(above, (Wanted::Mine, reasons));
            }
        }
    }

    /// What only the image has needs its directories. Those that the owner removed come back; where the owner
    /// has something else, it has no place.
    fn place(&mut self, path: &Path, blocked: &mut BTreeSet<Path>) {
        let Some((Wanted::Image | Wanted::Made(_), _)) = self.decisions.get(path) else { return };
        for above in path.ancestors() {
            match self.node(&above) {
                Some(node) if node.is_directory() => {}
                None if self.new.get(&above).is_some() => {
                    self.decisions.insert(above, (Wanted::Image, Vec::new()));
                }
                _ => {
                    let is_first = path.parent().is_none_or(|parent| !blocked.contains(&parent));
                    let reasons = if is_first { vec![Reason::Behind(above)] } else { Vec::new() };
                    self.decisions.insert(path.clone(), (Wanted::Nothing, reasons));
                    blocked.insert(path.clone());
                    return;
                }
            }
        }
    }

    /// What the owner removed together with its directory is behind what is there now.
    fn explain(&mut self, path: &Path) {
        let is_removed = |(_, reasons): &Decision| reasons.contains(&Reason::Removed);
        if !self.decisions.get(path).is_some_and(is_removed) {
            return;
        }
        let is_in_the_way = |above: &Path| self.node(above).is_some_and(|node| !node.is_directory());
        if let Some(above) = path.ancestors().find(is_in_the_way) {
            self.decisions.insert(path.clone(), (Wanted::Nothing, vec![Reason::Behind(above)]));
        }
    }
}
