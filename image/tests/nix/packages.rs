//! What the packages are built from.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{evaluating, nix_instantiate, top, value, words};

/// Returns the files of a folder that the programs are built from.
fn taken(folder: &Path) -> Vec<String> {
    let found = value(evaluating("nix/check/source.nix").arg("--arg").arg("top").arg(folder)).unwrap();
    let below = |path: &str| Path::new(path).strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    words(&found).into_iter().map(below).collect()
}

/// Everybody on a machine can read its store, and a binary cache has copies of it.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn no_key_and_no_other_build_gets_into_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let ours = [
        "Cargo.toml",
        "src/lib.rs",
        "image/src/build/keys.rs",
        "demo/pattern.toml",
        "nix/90-pattern-dm.rules",
    ];
    let others = [
        "demo/demo-keys/secure-boot.key",
        "demo/demo-gpg/private-keys-v1.d/1.key",
        "vm-tests/images/mine-keys/pcr-private.pem",
        "demo/.demo.gen-keyring/x",
        "build/images/x",
        "target/debug/x",
        "fuzz/target/x",
        "nix/module/default.nix",
        ".git/config",
        "mine-gpg/x",
    ];
    for file in ours.iter().chain(&others) {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let mut found = taken(folder.path());
    found.sort();
    let mut ours = ours.map(str::to_owned);
    ours.sort();
    assert_eq!(found, ours);
}

/// Nix copies what git tracks.
#[test]
fn git_ignores_the_keys_of_a_system_by_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    fs::copy(top().join("nix/template/.gitignore"), folder.path().join(".gitignore")).unwrap();
    for file in
        ["mine-gpg/x", "mine-keys/x", ".mine.gen-keyring/x", "mine-pubring.pgp", "flake.nix", "result/x"]
    {
        fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
        fs::write(folder.path().join(file), "").unwrap();
    }
    git(&["add", "."]);
    assert_eq!(git(&["ls-files"]), ".gitignore\nflake.nix\nmine-pubring.pgp\n");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn every_file_of_a_crate_is_taken() {
    let found = taken(&top());
    let crates = [
        "Cargo.lock",
        "Cargo.toml",
        "src",
        "fetch",
        "generators",
        "image",
        "initrd",
        "serve",
        "units",
        "vm-tests",
    ];
    let output =
        Command::new("git").arg("-C").arg(top()).args(["ls-files", "--"]).args(crates).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let tracked = String::from_utf8(output.stdout).unwrap();
    let missing: Vec<_> = tracked.lines().filter(|file| !found.iter().any(|taken| taken == file)).collect();
    assert!(tracked.lines().count() > 500 && missing.is_empty(), "{missing:?}");
}

/// A folder with what is taken, and nothing else.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in taken(&top()) {
        let to = folder.path().join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = top().join(&file);
        match fs::read_link(&from) {
            Ok(target) => symlink(target, to).unwrap(),
            Err(_) => drop(fs::copy(from, to).unwrap()),
        }
    }
    folder
}

/// Runs cargo on what is taken, with the crates that a build here has fetched.
fn cargo(words: &[&str], target: &str) {
    let folder = copied();
    let mut command = Command::new(env!("CARGO"));
    command.args(words).args(["--offline", "--locked", "--quiet"]).current_dir(&folder);
    let output = command.env("CARGO_TARGET_DIR", top().join(target)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Takes a minute or two.
#[test]
#[ignore = "compiles the workspace again; `make nix` runs it"]
fn what_is_taken_compiles() {
    cargo(&["check", "--package", "pattern-image", "--package", "pattern-generator"], "target/nix-source");
}

/// What pkg-config calls the libraries of the package. tss-esapi-sys takes no older one of the second.
const LIBRARIES: [(&str, &str); 2] = [("cryptsetup", "libcryptsetup"), ("tpm2-tss", "tss2-sys >= 4.1.3")];

/// Builds a package as nixpkgs' cargoBuildHook does.
fn build(package: &Value) {
    cargo(
        &[&["build", "--profile", "release"], &words(&package["flags"])[..]].concat(),
        "target/nix-package",
    );
}

/// With what nixpkgs gives every package, and no library beside it.
#[test]
#[ignore = "compiles pattern-fetch; `make nix` runs it"]
fn the_packages_own_cargo_command_builds_pattern_fetch() {
    let package = &value(&mut evaluating("nix/check/cargo.nix")).unwrap()["fetch"];
    assert_eq!((&package["libraries"], &package["env"]), (&serde_json::json!([]), &serde_json::json!({})));
    build(package);
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("bin")).unwrap();
    let (built, installed) =
        ("target/nix-package/release/pattern-fetch", out.path().join("bin/pattern-fetch"));
    let _bytes = fs::copy(top().join(built), installed).unwrap();
    let script = package["script"].as_str().unwrap();
    let laid_out = Command::new("bash").args(["-euc", script]).env("out", out.path()).status().unwrap();
    assert!(laid_out.success() && !out.path().join("bin").exists(), "{script}");
    // It has no order, and says so as `pattern update` reads it.
    let mut program = Command::new(out.path().join("libexec/pattern-fetch"));
    let said = program.stdin(Stdio::null()).output().unwrap();
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert!(answer.to_string().contains("reading the order: "), "{answer}");
}

/// The whole command, in some minutes, with shared libraries of another distribution.
#[test]
#[ignore = "compiles the programs; `make nix` runs it"]
fn the_packages_own_cargo_command_builds_the_program_with_shared_libraries() {
    let package = &value(&mut evaluating("nix/check/cargo.nix")).unwrap()["programs"];
    assert_eq!(words(&package["libraries"]), LIBRARIES.map(|(name, _)| name));
    assert_eq!(package["env"], serde_json::json!({}));
    for (_, module) in LIBRARIES {
        let found = Command::new("pkg-config").args(["--exists", module]).status();
        if !found.is_ok_and(|status| status.success()) {
            println!(
                "skipped: pkg-config finds no {module}; on Debian 13: apt-get install libcryptsetup-dev libtss2-dev libclang-dev pkg-config"
            );
            return;
        }
    }
    build(package);
    let program = top().join("target/nix-package/release/pattern-initrd");
    let needed = Command::new("readelf").arg("--dynamic").arg(&program).output().unwrap();
    let needed = String::from_utf8_lossy(&needed.stdout).into_owned();
    for library in ["libcryptsetup.so", "libtss2-esys.so", "libtss2-tctildr.so"] {
        assert!(needed.contains(&format!("[{library}")), "{library} of {needed}");
    }
    let said = Command::new(&program).arg0("pattern").arg("--help").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("Usage: pattern COMMAND"), "{said:?}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn an_older_rust_is_named_before_anything_is_built() {
    let with = |version: &str| {
        let expression = format!("import ./nix/packages/rust.nix {{ version = \"{version}\"; }} \"package\"");
        let mut command = nix_instantiate();
        value(command.current_dir(top()).args(["--eval", "--json", "--expr", &expression]))
    };
    let needed = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(with(needed).unwrap(), "package");
    let refusal = with("1.80.1").unwrap_err();
    let words = format!("pattern needs Rust {needed} or newer, and this nixpkgs has 1.80.1");
    assert!(refusal.contains(&words), "{refusal}");
}

/// Else the first command in a checkout writes another one, and nobody builds what was looked at.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_lock_file_is_that_of_the_inputs() {
    let outcome = |edit: fn(&str) -> String| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("flake")).unwrap();
        for name in ["flake.nix", "flake.lock"] {
            let text = fs::read_to_string(top().join(name)).unwrap();
            fs::write(folder.path().join("flake").join(name), edit(&text)).unwrap();
        }
        let mut command = Command::new("nix");
        command.args(["--extra-experimental-features", "nix-command flakes", "--store"]);
        command.arg(folder.path().join("store")).args(["flake", "metadata", "--json", "--offline"]);
        command.arg("--no-update-lock-file").arg(format!("path:{}", folder.path().join("flake").display()));
        command.env("HOME", folder.path()).env("XDG_CACHE_HOME", folder.path()).output().unwrap()
    };
    let output = outcome(str::to_owned);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let locks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let locked = &locks["locks"]["nodes"]["nixpkgs"]["locked"];
    let text = |name: &str| locked[name].as_str().unwrap();
    assert!(text("rev").len() == 40 && text("narHash").starts_with("sha256-"), "{locked}");
    let other = outcome(|text| text.replace("/nixos-unstable", "/nixos-25.11"));
    assert!(!other.status.success(), "{other:?}");
}
