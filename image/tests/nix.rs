//! Compares the NixOS module with the programs, their units and `pattern build`. The module is
//! evaluated with nixpkgs' own lib if `PATTERN_NIXPKGS_LIB` names the lib folder of a checkout,
//! otherwise with a substitute.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use pattern::config::{self, Absent, Config, KEYS};
use pattern::program::Program;
use pattern::table::base;
use pattern::update::transfers;
use serde_json::Value;

/// The result for the settings of the reference's demonstration.
static EVALUATION: LazyLock<Value> = LazyLock::new(|| evaluate("nix/check/reference-demo.nix").unwrap());

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Starts nix-instantiate without a store: evaluation needs none, and the host may not have one.
fn nix_instantiate() -> Command {
    let mut command = Command::new("nix-instantiate");
    command.args(["--store", "dummy://"]);
    command
}

fn evaluate(configuration: &str) -> Result<Value, String> {
    evaluate_with(std::env::var_os("PATTERN_NIXPKGS_LIB"), configuration)
}

fn evaluate_with(lib: Option<OsString>, configuration: &str) -> Result<Value, String> {
    let mut command = nix_instantiate();
    command.current_dir(top()).args(["--eval", "--strict", "--json", "nix/check/default.nix"]);
    command.arg("--arg").arg("configuration").arg(top().join(configuration));
    if let Some(lib) = lib {
        command.arg("--arg").arg("nixpkgsLib").arg(lib);
    }
    let output = command.output().expect("starting nix-instantiate");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let evaluation: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    println!("evaluated with {}", evaluation["lib"]);
    Ok(evaluation)
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
    assert_eq!(text(&EVALUATION, "release"), "demo_0.0.1-release");
}

/// The configuration that the tests of `pattern.toml` itself read, which Nix must also produce.
const EVERYTHING: &str = r#"
    debug = true
    [image]
    id = "my.demo-2"
    version = "2026.11-rc1"
    epoch = 3
    updates = { url = "file:///srv/updates", pubring = "keys.gpg" }
    [partitions]
    disk = "/dev/disk/by-id/nvme-X_1"
    sizes = { esp = "40M", verity = "17M", usr = "2G" }
    persist = { etc = true, home = true, srv = true, var = true }
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
    let evaluation = evaluate("nix/check/everything.nix").unwrap();
    let found = config::parse("pattern.toml", text(&evaluation, "toml")).unwrap();
    assert_eq!(found, config::parse("pattern.toml", EVERYTHING).unwrap());
    let packages = evaluation["systemPackages"].to_string();
    for package in ["distrobox", "bubblewrap", "xdg-dbus-proxy", "gnome-console"] {
        assert!(packages.contains(package), "{package} in {packages}");
    }
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_options_are_the_keys() {
    let options = EVALUATION["options"].as_array().unwrap();
    let named = |path: &str| options.iter().find(|option| option["path"] == path);
    for key in KEYS {
        let option = named(key.path).unwrap_or_else(|| panic!("no option {}", key.path));
        assert_eq!(text(option, "description"), key.help, "{}", key.path);
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
fn updates_are_transferred_as_those_of_pattern_build() {
    let config = toml();
    let expected: Vec<(String, Sections)> = transfers::definitions(&config)
        .iter()
        .map(|(name, text)| (name.trim_end_matches(".transfer").to_owned(), sections(text)))
        .collect();
    let found: Vec<(String, Sections)> = EVALUATION["transfers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, sections)| {
            let settings = |value: &Value| value.as_object().unwrap().iter().map(setting).collect();
            let sections = sections.as_object().unwrap().iter();
            (name.clone(), sections.map(|(name, value)| (name.clone(), settings(value))).collect())
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn partitions_are_sized_and_named_as_those_of_pattern_build() {
    let config = toml();
    let names = ["00-esp", "10-store-verity", "20-store"];
    // NixOS defines the other settings, or sets them itself.
    let ours = |key: &str| {
        key.starts_with("Size") || key.ends_with("BlockSizeBytes") || ["Label", "SplitName"].contains(&key)
    };
    for (name, (_, text)) in names.iter().zip(base::definitions(&config)) {
        let settings = &sections(&text)["Partition"];
        let expected: BTreeMap<_, _> = settings.iter().filter(|(key, _)| ours(key)).collect();
        let partition = EVALUATION["partitions"][name].as_object().unwrap();
        let found: BTreeMap<String, String> =
            partition.iter().map(setting).filter(|(key, _)| ours(key)).collect();
        assert_eq!(found.iter().collect::<BTreeMap<_, _>>(), expected, "{name}");
    }
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_initrd_has_the_units_and_every_program_that_they_start() {
    let units = EVALUATION["initrd"]["units"].as_object().unwrap();
    let files = EVALUATION["initrd"]["files"].as_object().unwrap();
    let folder = fs::read_dir(top().join("units")).unwrap();
    let mut count = 0;
    for entry in folder {
        let path = entry.unwrap().path();
        let unit = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(units[name], unit.as_str(), "{name}");
        let programs = unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")?.split(' ').next());
        // The shell is NixOS's, and /usr/bin is that of the running system.
        for program in programs.filter(|program| program.starts_with("/usr/lib")) {
            assert!(files.contains_key(program), "{name} starts {program}");
        }
        count += 1;
    }
    assert_eq!(units.len(), count);
    let stages = Program::ALL.map(Program::path);
    assert!(stages.iter().all(|stage| files.contains_key(stage)), "{stages:?} of {files:?}");
    assert!(files.contains_key(pattern::plan::CONFIG_PATH));
    assert_eq!(EVALUATION["initrd"]["repart"]["enable"], false);
    assert_eq!(EVALUATION["initrd"]["dmVerity"]["enable"], false);
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_running_system_mounts_the_esp_and_no_other_partition() {
    let words: Vec<&str> =
        EVALUATION["kernelParams"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let ours = include_str!("../mkosi/image/mkosi.conf");
    let policy = ours.lines().map(str::trim).find(|line| line.starts_with("systemd.image_policy=")).unwrap();
    assert!(words.contains(&policy) && words.contains(&"rd.systemd.gpt_auto=no"), "{words:?}");
    assert!(!words.iter().any(|word| word.starts_with("systemd.gpt_auto=")), "{words:?}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn what_cannot_work_is_said_in_a_sentence() {
    let failed = evaluate("nix/check/impossible.nix").unwrap();
    let failed = failed["failed"].as_array().unwrap().iter().map(|message| message.as_str().unwrap());
    let starts =
        ["pattern.userspace.homed needs", "pattern.boot.flags must not", "pattern.volume.escrow needs"];
    let failed: Vec<_> = failed.collect();
    assert!(
        failed.len() == starts.len()
            && failed.iter().zip(starts).all(|(said, start)| said.starts_with(start)),
        "{failed:?}"
    );
    // The real lib refuses it where NixOS's options are declared.
    let unknown = evaluate_with(None, "nix/check/misspelt.nix").unwrap_err();
    assert!(unknown.contains("partitions.persist.hom"), "{unknown}");
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

fn setting((key, value): (&String, &Value)) -> (String, String) {
    (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Parses an INI file. If a key occurs twice, the last one counts.
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else {
            let (key, value) = line.split_once('=').unwrap();
            let settings = sections.entry(section.clone()).or_default();
            settings.insert(key.to_owned(), value.to_owned());
        }
    }
    sections
}
