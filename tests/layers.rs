//! Who may import whom. In `initrd/src` commands, stages and system stand on the volume, and the
//! volume on the TPM: nothing imports upwards or sideways. In no tree do two files or rooms import
//! each other in a circle. docs/code.md names every module of `initrd/src` and `initrd/machine`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const INITRD: &str = "initrd/src";
const MACHINE: &str = "initrd/machine/src";
/// What each part may take from `crate`, besides itself. Everything may read the context.
const MAY: [(&str, &[&str]); 5] = [
    ("commands", &["volume", "tpm"]),
    ("stages", &["stage", "volume", "tpm"]),
    ("system", &["stage", "volume", "tpm"]),
    ("volume", &["tpm"]),
    ("tpm", &[]),
];
/// Parts whose files have nothing to do with each other: each is a program.
const APART: [&str; 2] = ["stages", "system"];

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder, but for tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, plain): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let shipped = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".rs") && !name.ends_with("tests.rs") && !["samples.rs", "swtpm.rs"].contains(&name)
    };
    let below = folders.iter().filter(|path| !path.ends_with("tests")).flat_map(|path| files(path));
    plain.into_iter().filter(shipped).chain(below).collect()
}

/// `volume::luks::copy`
fn module(root: &Path, file: &Path) -> String {
    let path = file.strip_prefix(root).unwrap().with_extension("");
    path.components().map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("::")
}

/// The paths below `crate` that a file names, tests left out: in `use` lines, each name of a list by itself.
fn named(text: &str) -> Vec<String> {
    let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    // A comment may name what the code must not import.
    let code: Vec<_> = shipped.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let shipped = code.join("\n");
    let mut found = Vec::new();
    for rest in shipped.split("crate::").skip(1) {
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).unwrap_or(rest.len());
        let (path, rest) = rest.split_at(end);
        match rest.strip_prefix('{').and_then(|list| list.split('}').next()) {
            Some(list) => found.extend(list.split(',').map(|name| format!("{path}{}", name.trim()))),
            None => found.push(path.to_owned()),
        }
    }
    found
}

fn part(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// Each module of a tree, and what it names.
fn imports(name: &str) -> BTreeMap<String, Vec<String>> {
    let root = tree(name);
    let all = files(&root);
    assert!(all.len() > 20, "{} files in {name}", all.len());
    all.iter().map(|file| (module(&root, file), named(&fs::read_to_string(file).unwrap()))).collect()
}

#[test]
fn nothing_is_imported_upwards_or_sideways() {
    for (module, named) in imports(INITRD) {
        let Some((part_of, may)) = MAY.iter().find(|(name, _)| *name == part(&module)) else { continue };
        for path in named {
            let to = part(&path);
            assert!(to == *part_of || to == "context" || may.contains(&to), "{module} imports {path}");
            if APART.contains(part_of) && to == *part_of {
                let program = |path: &str| path.split("::").nth(1).map(str::to_owned);
                assert_eq!(program(&module), program(&path), "{module} imports {path}");
            }
        }
    }
}

#[test]
fn no_two_files_import_each_other_in_a_circle() {
    [INITRD, MACHINE].into_iter().for_each(no_circle_of_files);
}

fn no_circle_of_files(name: &str) {
    let imports = imports(name);
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, named) in &imports {
        for path in named {
            // The longest module that the path begins with is the file that is meant.
            let meant = imports.keys().filter(|to| path == *to || path.starts_with(&format!("{to}::")));
            let Some(to) = meant.max_by_key(|to| to.len()) else { continue };
            // A module and those within it are one room.
            if !to.starts_with(module.as_str()) && !module.starts_with(to.as_str()) {
                arrows.entry(module).or_default().insert(to);
            }
        }
    }
    assert_no_circle(arrows);
}

/// A file or a folder below `src/` is one room.
#[test]
fn no_two_rooms_import_each_other_in_a_circle() {
    for name in [INITRD, MACHINE, "src", "image/src"] {
        let imports = imports(name);
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, named) in imports.iter().filter(|(module, _)| *module != "main") {
            let others = named.iter().map(|path| part(path)).filter(|to| *to != part(module));
            arrows.entry(part(module)).or_default().extend(others);
        }
        assert_no_circle(arrows);
    }
}

fn assert_no_circle(mut arrows: BTreeMap<&str, BTreeSet<&str>>) {
    // What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    while let Some(out) = arrows.keys().copied().find(|one| {
        let is_named = arrows.values().any(|named| named.contains(one));
        !is_named || arrows[one].iter().all(|to| !arrows.contains_key(to))
    }) {
        arrows.remove(out);
    }
    assert!(arrows.is_empty(), "these import each other: {arrows:?}");
}

#[test]
fn the_map_of_the_code_names_every_module_and_no_other() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/code.md")).unwrap();
    let initrd = MAY.map(|(part, _)| (part, tree(INITRD).join(part)));
    let machine = [("initrd/machine", tree(MACHINE)), ("people", tree(MACHINE).join("people"))];
    for (part, folder) in initrd.into_iter().chain(machine) {
        let heading = format!("| `{part}/` | |");
        let rows = map.split(&heading).nth(1).unwrap_or_else(|| panic!("no table {heading}"));
        let rows = rows.split("\n\n").next().unwrap().lines();
        let named: BTreeSet<_> = rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
        let named: BTreeSet<_> = named.into_iter().filter(|name| !name.ends_with(".rs")).collect();
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = entries.filter(|path| path.is_file()).collect();
        let there: BTreeSet<_> =
            files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
        let there: BTreeSet<_> = there.into_iter().filter(|name| *name != "lib").collect();
        assert_eq!(named, there, "{part}");
    }
}

/// The crates that a crate is linked with, by Cargo.lock: what only its tests need, too.
fn linked(lock: &str, name: &str) -> BTreeSet<String> {
    let entry = |name: &str| {
        lock.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{name}\"\n")))
    };
    let (mut found, mut next) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = next.pop() {
        let entry = entry(&name).unwrap_or_else(|| panic!("{name} is not in Cargo.lock"));
        let list = entry.split_once("dependencies = [").map_or("", |(_, list)| list);
        next.extend(
            list.split('"').skip(1).step_by(2).filter_map(|each| each.split(' ').next()).map(str::to_owned),
        );
        next.retain(|name| !found.contains(name));
        found.insert(name);
    }
    found
}

/// Strangers reach no program of the initrd.
#[test]
fn no_program_of_the_initrd_has_http_or_tls() {
    let lock = fs::read_to_string(tree("Cargo.lock")).unwrap();
    for (name, has) in [("pattern-initrd", false), ("pattern-fetch", true)] {
        let found = linked(&lock, name);
        for other in ["pattern-serve", "httparse", "ureq", "rustls"] {
            assert_eq!(found.contains(other), has, "{name} and {other}");
        }
    }
}
