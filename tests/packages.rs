//! What packages and the module for dracut repeat of the code is the same there: the version, the needed Rust and Debian packages,
//! the names of the programs, the drivers of the initrd.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pattern::program::Program;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text after `start`, up to `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} after {start:?}")).0
}

/// The packages that a build needs, without their versions.
fn build_depends(control: &str) -> BTreeSet<&str> {
    let list = between(control, "Build-Depends:\n", "\n\n");
    list.split(',').filter_map(|entry| entry.split_whitespace().next()).collect()
}

#[test]
fn the_debian_packages_have_the_version_of_the_crates() {
    let changelog = read("debian/changelog");
    assert_eq!(between(&changelog, "pattern (", ")"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_debian_packages_are_built_with_the_oldest_rust_that_will_do() {
    let control = read("debian/control");
    for package in ["cargo", "rustc"] {
        let version = format!("\n {package} (>= {}),\n", env!("CARGO_PKG_RUST_VERSION"));
        assert!(control.contains(&version), "debian/control has no line{version}");
    }
}

#[test]
fn the_c_libraries_are_built_without_another_package() {
    let (control, script) = (read("debian/control"), read("static/build"));
    let there = build_depends(&control);
    // It is in each chroot for builds.
    let needed =
        between(&script, "packages=\"", "\"").split_whitespace().filter(|name| *name != "build-essential");
    let missing: Vec<_> = needed.filter(|name| !there.contains(name)).collect();
    assert!(missing.is_empty(), "debian/control does not have {missing:?} of static/build");
    assert!(!there.contains("build-essential") && there.contains("autoconf"), "{there:?}");
}

#[test]
fn the_programs_are_installed_under_all_their_names() {
    let makefile = read("Makefile");
    let names: BTreeSet<_> =
        between(&makefile, "STAGES := ", "\n").split(' ').map(|name| format!("pattern-{name}")).collect();
    assert_eq!(names, Program::ALL.into_iter().map(|program| program.name().to_owned()).collect());
}

#[test]
fn dracut_takes_the_drivers_that_our_own_initrd_has() {
    let (image, module) =
        (read("image/mkosi/image/mkosi.conf"), read("initrd/dracut/90pattern/module-setup.sh"));
    let drivers = between(&module, "installkernel() {", "\n}");
    let drivers: BTreeSet<_> = drivers.split_whitespace().collect();
    let list = image.split("KernelModulesInitrdInclude=\n").nth(1).unwrap();
    // Those that are one driver each, and not a pattern.
    let own: Vec<_> =
        list.lines().filter_map(|line| line.trim().strip_prefix('/')?.strip_suffix("\\.ko")).collect();
    let own: Vec<_> = own.into_iter().filter(|name| !name.contains('*')).collect();
    assert!(own.len() > 20, "{own:?}");
    let missing: Vec<_> = own.into_iter().filter(|name| !drivers.contains(name)).collect();
    assert!(missing.is_empty(), "dracut's module does not have {missing:?}");
}

/// A new machine has none, and root another `PATH` than the one who installed it.
#[test]
fn without_rust_make_says_what_to_install_and_lists_its_targets() {
    // A PATH that has nothing else.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without-rust");
    let script = "rm -rf $0; mkdir $0; for name in make sed expand; do ln -s $(command -v $name) $0; done";
    assert!(Command::new("sh").args(["-ec", script]).arg(&path).status().unwrap().success());
    let make = |target: &[&str]| {
        let mut command = Command::new("make");
        command.arg("--dry-run").args(target).env("PATH", &path).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (works, said) = make(&["demo"]);
    let start = "This host has no Rust, or root has none in its PATH. Install Rust ";
    assert!(
        !works && said.contains(start) && said.contains("or newer with rustup as the user who runs make"),
        "{said}"
    );
    for target in [&[][..], &["clean"], &["man"]] {
        assert_eq!(make(target), (true, String::new()), "{target:?}");
    }
}
