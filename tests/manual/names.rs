//! Each unit and each program has a page, and each page that a unit names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pattern::plan::decide;
use pattern::program::{Manager, Program};

use super::{described, pages, top};

/// The unit files below a folder that have our name.
fn units(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.filter(|path| !path.is_symlink()).partition(|path| path.is_dir());
    let is_unit = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let kinds = ["service", "path", "timer", "socket", "target", "mount"];
        name.starts_with("pattern-") && kinds.iter().any(|kind| path.extension() == Some(kind.as_ref()))
    };
    files.into_iter().filter(is_unit).chain(folders.iter().flat_map(|folder| units(folder))).collect()
}

fn all_units() -> Vec<PathBuf> {
    let units: Vec<_> = ["units", "image"].iter().flat_map(|folder| units(&top().join(folder))).collect();
    assert!(units.len() > 20, "{units:?}");
    units
}

#[test]
fn each_unit_and_each_program_is_named_by_a_page() {
    let named: BTreeSet<_> = pages().iter().flat_map(|(_, text)| described(text)).collect();
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let units = all_units().into_iter().map(name);
    let programs = Program::ALL.into_iter().map(|program| program.name().to_owned());
    let missing: Vec<_> = units.chain(programs).filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "below NAME of no page in docs/man: {missing:?}");
}

/// A page of its own comes before a name on another one: `pattern reset` has a page, and the program of this name is on that
/// of its unit.
#[test]
fn no_two_pages_describe_the_same() {
    let mut seen = BTreeSet::new();
    let pages = pages();
    for (page, text) in &pages {
        let section = page.rsplit('.').next().unwrap();
        for name in described(text) {
            let has_its_own = pages.iter().any(|(other, _)| *other == format!("{name}.{section}"));
            let is_own = *page == format!("{name}.{section}");
            assert!(
                is_own || has_its_own || seen.insert(format!("{name}.{section}")),
                "{name} is on {page} and on another page"
            );
        }
    }
}

#[test]
fn every_page_that_a_unit_names_is_written() {
    for unit in all_units() {
        let text = fs::read_to_string(&unit).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Documentation="));
        let line = line.unwrap_or_else(|| panic!("{} names no page", unit.display()));
        let ours: Vec<_> =
            line.split(' ').filter_map(|page| page.strip_prefix("man:")).filter(is_ours).collect();
        assert!(!ours.is_empty(), "{} names no page of ours", unit.display());
        for page in ours {
            let file = format!("docs/man/{}.md", page.replace('(', ".").replace(')', ""));
            assert!(top().join(&file).is_file(), "{}: no {file}", unit.display());
        }
    }
}

fn is_ours(page: &&str) -> bool {
    page.starts_with("pattern")
}

/// What the generator can write is on its page: a link as `TARGET.wants/UNIT`, a drop-in by its folder.
#[test]
fn the_page_of_the_generator_has_all_that_it_writes() {
    let page = fs::read_to_string(top().join("docs/man/pattern-generator.8.md")).unwrap();
    let mut count = 0;
    for case in fs::read_dir(top().join("tests/golden")).unwrap() {
        let case = case.unwrap().path();
        let Ok(toml) = fs::read_to_string(case.join("pattern.toml")) else { continue };
        let cmdline = fs::read_to_string(case.join("cmdline")).unwrap();
        for manager in [Manager::Initrd, Manager::Host] {
            let plan = decide(Ok(&toml), &cmdline, manager).plan.to_string();
            for line in plan.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic())) {
                let path = line.split([' ', ':']).next().unwrap();
                let (folder, _) = path.split_once('/').unwrap();
                let written =
                    if folder.ends_with(".d") { format!("*{folder}/") } else { format!("*{path}*") };
                assert!(
                    page.contains(&written),
                    "{}: {written} is not on pattern-generator(8)",
                    case.display()
                );
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
}
