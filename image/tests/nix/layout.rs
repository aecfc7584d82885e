//! The initrd, laid out by nixpkgs' own make-initrd-ng on a store that nobody can write to, as in the sandbox of a build. It has
//! files that stand for packages, and our package as its script makes it. Needs `PATTERN_NIXPKGS`, and the crates of that program.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

use pattern::program::Program;
use serde_json::{Value, json};

use super::store::{Store, write};
use super::{text, top, whole};

/// Mounts the store read-only, and runs what follows.
const SANDBOX: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;

/// Builds the program of a checkout with this host's cargo.
fn make_initrd_ng(nixpkgs: &Path) -> PathBuf {
    let manifest = nixpkgs.join("pkgs/build-support/kernel/make-initrd-ng/Cargo.toml");
    let target = top().join("target/make-initrd-ng");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    let output = command.arg("--target-dir").arg(&target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/make-initrd-ng")
}

/// Lays the entries out into an empty folder.
fn lay_out(program: &Path, store: &Store, contents: &[Value], to: &Path) -> Output {
    let list =
        Value::from(contents).to_string().replace("/nix/store", store.here("/nix/store").to_str().unwrap());
    write(&store.path("contents.json"), list.as_bytes());
    fs::create_dir_all(to).unwrap();
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!root).then_some("--map-root-user")).args(["sh", "-c", SANDBOX]);
    command.arg(store.here("/nix/store")).arg(program).arg(store.path("contents.json")).arg(to);
    command.output().unwrap()
}

/// Follows a path below a root as a process in it does. Returns where it ends.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let mut left: Vec<PathBuf> =
        Path::new(path).components().rev().map(|part| PathBuf::from(part.as_os_str())).collect();
    let mut found = PathBuf::from("/");
    for _ in 0..100 {
        let Some(part) = left.pop() else { return Some(found) };
        match part.components().next()? {
            Component::RootDir => found = "/".into(),
            Component::ParentDir => drop(found.pop()),
            _ => found.push(&part),
        }
        let here = root.join(found.strip_prefix("/").unwrap());
        if let Ok(target) = fs::read_link(&here) {
            found.pop();
            left.extend(target.components().rev().map(|part| PathBuf::from(part.as_os_str())));
        } else if !here.exists() {
            return None;
        }
    }
    None
}

#[test]
#[ignore = "evaluates all of NixOS, and compiles make-initrd-ng; `make nix` runs it"]
fn the_initrd_is_laid_out_and_each_path_leads_to_a_file() {
    let Some(nixpkgs) = whole::nixpkgs() else { return };
    let Some(evaluation) = whole::evaluate("check/reference-demo.nix", "", "x86_64-linux") else { return };
    let program = make_initrd_ng(&nixpkgs);
    let store = Store::new();
    store.package(&evaluation, b"a program");
    let contents = evaluation["initrd"]["contents"].as_array().unwrap();
    assert!(contents.len() > 60, "{contents:?}");
    stand_ins(&store, contents);

    let root = store.path("root");
    let output = lay_out(&program, &store, contents, &root);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Warning"), "{said}");
    // From the initrd, a path of the store is where the store is here.
    let targets = contents
        .iter()
        .filter_map(|entry| entry["target"].as_str())
        .filter(|path| !path.contains("fstab-gen"));
    let lost: Vec<_> = targets.filter(|path| resolve(&root, path).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    for stage in Program::ALL.map(Program::path) {
        assert!(
            resolve(&root, &stage).is_some_and(|end| end.ends_with("lib/pattern/pattern-initrd")),
            "{stage}"
        );
    }

    // A file below a link to a folder of the store, a second file of one name, and a file that is not there.
    let more = |source: &str, target: &str| {
        let entry = json!({ "source": source, "target": target });
        [contents.as_slice(), &[entry]].concat()
    };
    let rules = format!("{}/lib/udev/rules.d/90-pattern-dm.rules", text(&evaluation["package"], "name"));
    let cases = [
        (rules.as_str(), "/etc/udev/rules.d/90-pattern-dm.rules", "Read-only file system"),
        (&rules, "/init", "File exists"),
        ("/nix/store/none", "/none", "No such file or directory"),
    ];
    for (number, (source, target, why)) in cases.into_iter().enumerate() {
        let to = store.path(&format!("other-{number}"));
        let output = lay_out(&program, &store, &more(source, target), &to);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{target}: {said}");
    }
}

/// Makes each source that is not there: a folder if another one is below it, or files are to be linked from it.
fn stand_ins(store: &Store, contents: &[Value]) {
    const FOLDERS: [&str; 9] =
        ["/bin", "/sbin", "/lib", "/keymaps", "-dbus-1", "rules.d", "-rules", "-units", "-env"];
    let sources = contents.iter().map(|entry| text(entry, "source"));
    let sources: Vec<_> = sources.filter(|path| path.starts_with("/nix/store/")).collect();
    for source in &sources {
        let here = store.here(source);
        let is_outer = sources.iter().any(|other| other.starts_with(&format!("{source}/")));
        let is_folder = is_outer || FOLDERS.iter().any(|end| source.ends_with(end));
        if is_folder {
            write(&here.join("something"), b"");
        } else if !here.exists() {
            write(&here, b"");
        }
    }
}
