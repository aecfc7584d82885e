//! Reads mkosi's configuration from where mkosi reads it. Conditions (`[Match]`) are taken to hold,
//! and all profiles to be chosen: who asks wants to know what an image may have.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::look::{self, entries};
use super::specifier::Folders;
use super::{Mkosi, Placed, Unresolved, ini, tree};
use crate::host::file;
use crate::host::real::real;

/// Folders with more configuration.
const FOLDERS: [&str; 4] = ["mkosi.conf.d", "mkosi.images", "mkosi.local", "mkosi.profiles"];
const TREES: [&str; 2] = ["mkosi.extra", "mkosi.skeleton"];
const SCRIPTS: [&str; 4] = ["mkosi.build", "mkosi.finalize", "mkosi.postinst", "mkosi.prepare"];
/// Settings that bring files, by themselves or by what is included.
const BRING_FILES: [&str; 4] = ["BaseTrees", "ExtraTrees", "Include", "SkeletonTrees"];
/// What can change or bring anything.
const HIDDEN: [&str; 4] = ["mkosi.configure", "mkosi.extra.tar", "mkosi.packages", "mkosi.skeleton.tar"];
/// Configuration that comes with mkosi. It brings no kernel and no user.
const BUILTIN: [&str; 4] = ["mkosi-addon", "mkosi-initrd", "mkosi-tools", "mkosi-vm"];

/// Reads the configuration in a folder.
pub(super) fn folder(folder: &Path) -> Mkosi {
    let mut walk = Walk { image: folder.to_owned(), ..Walk::default() };
    walk.folder(folder);
    walk.found
}

/// What was found so far, and where.
#[derive(Default)]
struct Walk {
    image: PathBuf,
    found: Mkosi,
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Path) {
        if !self.is_new(folder) {
            return;
        }
        for path in entries(folder) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name {
                "mkosi.conf" | "mkosi.local.conf" => self.config(&path, folder),
                "mkosi.rootpw" => self.found.settings.push(("RootPassword".to_owned(), name.to_owned())),
                _ if FOLDERS.contains(&name) => self.folders(&path, folder),
                _ if TREES.contains(&name) => self.tree(path.clone(), tree::files(&path, None)),
                _ if HIDDEN.contains(&name) => self.found.hidden = true,
                _ if SCRIPTS.iter().any(|script| is_script(name, script)) => self.script(&path),
                _ => {}
            }
        }
    }

    /// Reads a folder whose files and folders are configuration.
    fn folders(&mut self, path: &Path, base: &Path) {
        if path.ends_with("mkosi.local") {
            return self.folder(path);
        }
        for entry in entries(path) {
            if entry.is_dir() {
                self.folder(&entry);
            } else if entry.extension().is_some_and(|suffix| suffix == "conf") {
                self.config(&entry, base);
            }
        }
    }

    /// Reads a file. Its relative paths start at `base`.
    fn config(&mut self, file: &Path, base: &Path) {
        if !self.is_new(file) {
            return;
        }
        let Some(text) = self.text(file) else { return };
        for (name, value) in ini::settings(&text) {
            self.setting(&name, &value, file, base);
            self.found.settings.push((name, value));
        }
    }

    fn setting(&mut self, name: &str, value: &str, file: &Path, base: &Path) {
        let items = self.items(name, value, file, base);
        match name {
            "Include" => items.iter().for_each(|path| self.include(path, base)),
            "BaseTrees" | "ExtraTrees" | "SkeletonTrees" => {
                items.iter().for_each(|item| self.tree(tree::source(item, base), tree::of_setting(item, base)));
            }
            "BuildScripts" | "FinalizeScripts" | "PostInstallationScripts" | "PrepareScripts"
            // Their older names.
            | "BuildScript" | "FinalizeScript" | "PostInstallationScript" | "PrepareScript" => {
                items.iter().for_each(|path| self.script(&base.join(path)));
            }
            "ConfigureScripts" | "PackageDirectories" | "VolatilePackageDirectories" => {
                self.found.hidden |= !items.is_empty();
            }
            _ => {}
        }
    }

    /// Returns the items of a list, with specifiers resolved. Those are noted that hide what is copied.
    fn items(&mut self, name: &str, value: &str, file: &Path, base: &Path) -> Vec<String> {
        // Without links, as for mkosi. The relative ones stay relative to where they start.
        let [image, own, base] = [self.image.as_path(), file.parent().unwrap_or(base), base].map(real);
        let folders = Folders { image: &image, file: &own, base: &base };
        let mut items = Vec::new();
        for item in ini::items(value) {
            let unknown = folders.resolve(item.split(':').next().unwrap_or(item)).unknown;
            if let Some(unknown) = unknown.filter(|_| BRING_FILES.contains(&name)) {
                let setting = format!("{name}={item}");
                self.found.unresolved.push(Unresolved { file: file.to_owned(), setting, unknown });
            }
            items.push(folders.resolve(item).text);
        }
        items
    }

    fn include(&mut self, path: &str, base: &Path) {
        let found = base.join(path);
        if BUILTIN.contains(&path) {
        } else if found.is_dir() {
            self.folder(&found);
        } else {
            self.config(&found, base);
        }
    }

    fn script(&mut self, path: &Path) {
        let parts = if path.is_dir() { entries(path) } else { vec![path.to_owned()] };
        for part in parts {
            let text = self.text(&part);
            self.found.scripts.extend(text);
        }
    }

    fn tree(&mut self, from: PathBuf, files: Option<Vec<Placed>>) {
        self.found.trees.push(from);
        self.found.hidden |= files.is_none();
        self.found.files.extend(files.into_iter().flatten());
    }

    /// Returns the text of a file. What is not text may do anything.
    fn text(&mut self, file: &Path) -> Option<String> {
        let kind = fs::metadata(file).ok().map(|found| found.file_type());
        if let Some(kind) = kind.filter(|kind| kind.is_fifo() || kind.is_socket()) {
            self.found.endless.push((file.to_owned(), file::what(kind)));
        }
        let text = look::text(file);
        self.found.hidden |= text.is_none();
        text
    }

    /// Returns whether something is there and was not looked at before.
    fn is_new(&mut self, path: &Path) -> bool {
        match path.canonicalize() {
            Ok(path) => self.seen.insert(path),
            Err(_) => {
                self.found.hidden = true;
                false
            }
        }
    }
}

fn is_script(name: &str, script: &str) -> bool {
    name.strip_prefix(script).is_some_and(|rest| ["", ".chroot", ".d"].contains(&rest))
}
