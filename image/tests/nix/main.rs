//! Compares the NixOS module with the programs, their units and `pattern build`. The module is
//! evaluated with nixpkgs' own lib if `PATTERN_NIXPKGS_LIB` names the lib folder of a checkout,
//! otherwise with a substitute.

mod image;
mod initrd;
mod layout;
mod packages;
mod pipeline;
mod published;
mod store;
mod values;
mod whole;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use pattern::config::{self, Absent, Config, KEYS};
use serde_json::Value;

/// The result for the settings of the reference's demonstration.
static EVALUATION: LazyLock<Value> = LazyLock::new(|| evaluate("./nix/check/reference-demo.nix").unwrap());

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Starts nix-instantiate without a store: evaluation needs none, and the host may not have one.
fn nix_instantiate() -> Command {
    let mut command = Command::new("nix-instantiate");
    command.args(["--store", "dummy://"]);
    command
}

/// Evaluates a configuration with the doubles: a path below the top folder, or an expression.
fn evaluate(configuration: &str) -> Result<Value, String> {
    evaluate_with(std::env::var_os("PATTERN_NIXPKGS_LIB"), configuration)
}

fn evaluate_with(lib: Option<OsString>, configuration: &str) -> Result<Value, String> {
    let mut command = evaluating("nix/check/default.nix");
    command.arg("--arg").arg("configuration").arg(configuration);
    if let Some(lib) = lib {
        command.arg("--arg").arg("nixpkgsLib").arg(lib);
    }
    let evaluation = value(&mut command)?;
    println!("evaluated with {}", evaluation["lib"]);
    Ok(evaluation)
}

/// Returns nix-instantiate for one file, from the top folder.
fn evaluating(file: &str) -> Command {
    let mut command = nix_instantiate();
    command.current_dir(top()).args(["--eval", "--strict", "--json", file]);
    command
}

/// Returns what an expression is, or what nix-instantiate says of it.
fn value(command: &mut Command) -> Result<Value, String> {
    let output = command.output().expect("starting nix-instantiate");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// Returns the words of a list.
fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list} is a list")).iter().filter_map(Value::as_str).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn toml() -> Config {
    config::parse("pattern.toml", text(&EVALUATION, "toml")).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn every_file_is_nix() {
    let mut files = vec![top().join("flake.nix")];
    let mut folders = vec![top().join("nix")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Nix copies a link as it is: in the store it would lead nowhere.
            assert!(!path.is_symlink(), "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("nix".as_ref()) {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 15);
    let output = nix_instantiate().arg("--parse").args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_references_settings_give_a_good_pattern_toml() {
    let config = toml();
    assert_eq!(EVALUATION["failed"], Value::Array(Vec::new()));
    assert!(config.debug && config.userspace.distrobox && !config.userspace.homed);
    assert!(config.partitions.persist.asked().eq(["etc", "home", "srv", "var"]));
    assert_eq!(config.image.updates.pubring, "demo-pubring.pgp");
    assert_eq!(text(&EVALUATION["release"], "name"), "demo_0.0.1-release");
}

/// The configuration that the tests of `pattern.toml` itself read, which Nix must also produce.
const EVERYTHING: &str = r#"
    debug = true
    [image]
    id = "my.demo-2"
    version = "2026.11-rc1"
    epoch = 3
    updates = { url = "file:///srv/updates", pubring = "keys.gpg", limit = "50M", window = "22:00-06:00" }
    [partitions]
    disk = "/dev/disk/by-id/nvme-X_1"
    sizes = { esp = "40M", verity = "17M", usr = "2G" }
    persist = { etc = true, home = true, srv = true, var = true, rollback = ["/var/lib/app"] }
    [userspace]
    homed = true
    desktop = true
    distrobox = true
    sandboxing = true
    firmware = true
    [volume]
    filesystem = "btrfs"
    tpm = "preferred"
    pcrs = [7, 11]
    pin = true
    counter = true
secure_boot = "required"
    recovery_key = true
    escrow = ["age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92"]
    [verity]
    on_corruption = "io-error"
    [boot]
    essential = ["sshd.service"]
    flags = ["grow"]
    credentials = ["home.create.*"]
    add_on_words = ["console=*"]
    secure_boot_enroll = "off"
"#;

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn every_option_reaches_pattern_toml() {
    let evaluation = evaluate("./nix/check/everything.nix").unwrap();
    let found = config::parse("pattern.toml", text(&evaluation, "toml")).unwrap();
    assert_eq!(found, config::parse("pattern.toml", EVERYTHING).unwrap());
    let packages = evaluation["systemPackages"].to_string();
    for package in ["distrobox", "bubblewrap", "xdg-dbus-proxy", "gnome-console"] {
        assert!(packages.contains(package), "{package} in {packages}");
    }
}

/// NixOS's manual has sentences.
fn sentence(help: &str) -> String {
    let (first, rest) = help.split_at(1);
    format!("{}{rest}.", first.to_uppercase())
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn each_description_is_a_sentence() {
    for option in EVALUATION["options"].as_array().unwrap() {
        let said = text(option, "description");
        let begins = said.starts_with(|first: char| first.is_ascii_uppercase() || first == '`');
        assert!(begins && said.ends_with('.') && !said.ends_with(".."), "{}: {said}", option["path"]);
    }
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_options_are_the_keys() {
    let options = EVALUATION["options"].as_array().unwrap();
    let named = |path: &str| options.iter().find(|option| option["path"] == path);
    for key in KEYS {
        let option = named(key.path).unwrap_or_else(|| panic!("no option {}", key.path));
        // In Nix it is a path.
        let help = if key.path == "image.updates.pubring" {
            "keyring that updates are verified with"
        } else {
            key.help
        };
        assert_eq!(text(option, "description"), sentence(help), "{}", key.path);
        assert_eq!(option["hasExample"], true, "{}", key.path);
        match key.absent {
            Absent::Wrong => assert_eq!(option["required"], true, "{}", key.path),
            // These defaults have the same text in TOML and JSON.
            Absent::Default(value) => assert_eq!(option["default"].to_string(), value, "{}", key.path),
            Absent::Unset => assert_eq!(option["default"], Value::Null, "{}", key.path),
        }
    }
    let others =
        options.iter().filter(|option| option["internal"] == false).map(|option| text(option, "path"));
    let others: Vec<_> = others.filter(|path| KEYS.iter().all(|key| key.path != *path)).collect();
    assert_eq!(others, ["package", "release"]);
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_manuals_table_is_the_list_of_options() {
    let rows = EVALUATION["options"].as_array().unwrap().iter().filter(|option| option["internal"] == false);
    let rows: Vec<String> = rows
        .map(|option| {
            let default = match &option["default"] {
                Value::Null if option["required"] == true => "required".to_owned(),
                Value::Null if option["words"] != Value::Null => text(option, "words").to_owned(),
                Value::Null => "not set".to_owned(),
                value => format!("`{value}`"),
            };
            format!("| `pattern.{}` | {default} | {} |", text(option, "path"), text(option, "description"))
        })
        .collect();
    let page = fs::read_to_string(top().join("docs/nix.md")).unwrap();
    let (_, page) = page.split_once("## Options").unwrap();
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `pattern.")).collect();
    assert_eq!(table.join("\n"), rows.join("\n"), "docs/nix.md must have:\n{}", rows.join("\n"));
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn what_cannot_work_is_said_in_a_sentence() {
    let failed = evaluate("./nix/check/impossible.nix").unwrap();
    let failed = failed["failed"].as_array().unwrap().iter().map(|message| message.as_str().unwrap());
    let starts = [
        "pattern.userspace.homed needs",
        "pattern.boot.flags must not",
        "pattern.partitions.persist.rollback needs",
        "pattern.volume.escrow needs",
    ];
    let failed: Vec<_> = failed.collect();
    assert!(
        failed.len() == starts.len()
            && failed.iter().zip(starts).all(|(said, start)| said.starts_with(start)),
        "{failed:?}"
    );
    // The real lib refuses it where NixOS's options are declared.
    let unknown = evaluate_with(None, "./nix/check/misspelt.nix").unwrap_err();
    assert!(unknown.contains("partitions.persist.hom"), "{unknown}");
}
