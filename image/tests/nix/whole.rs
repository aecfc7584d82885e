//! Compares what the whole of NixOS makes of a configuration with what an image needs. `PATTERN_NIXPKGS` names a checkout of
//! nixpkgs, and nix-instantiate must be one that this nixpkgs takes (2.18 for that of 2026).

use std::cmp::Ordering;
use std::path::PathBuf;
use std::process::Command;

use pattern::config::version::compare;
use pattern::config::{self, Config};
use pattern::plan::{Entry, decide};
use pattern::program::Manager;
use serde_json::Value;

use super::{evaluating, text, top, value, words};

/// Returns the checkout, or says that the test is skipped.
pub fn nixpkgs() -> Option<PathBuf> {
    let folder = std::env::var_os("PATTERN_NIXPKGS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: PATTERN_NIXPKGS names no checkout of nixpkgs (docs/nix.md)");
    }
    folder
}

/// Evaluates a configuration below `nix` with some settings added, and with a keyring that is there: who has made none has none.
pub fn evaluate(configuration: &str, settings: &str, system: &str) -> Option<Value> {
    let nixpkgs = nixpkgs()?;
    let keyring = r#"pattern.image.updates.pubring = lib.mkForce ./nix/check/demo-pubring.pgp;"#;
    let whole = format!("{{ lib, ... }}: {{ imports = [ ./nix/{configuration} ]; {keyring} {settings} }}");
    let mut command = evaluating("nix/check/whole.nix");
    command.arg("--arg").arg("nixpkgs").arg(nixpkgs).args(["--arg", "configuration", &whole]);
    let evaluation = value(command.args(["--argstr", "system", system]));
    let evaluation = evaluation.unwrap_or_else(|refusal| panic!("{configuration}: {refusal}"));
    println!("{configuration} {settings} on {system}: {}", evaluation["versions"]);
    Some(evaluation)
}

/// Evaluates a configuration for a PC, and compares it.
fn holds(configuration: &str, settings: &str) {
    let Some(evaluation) = evaluate(configuration, settings, "x86_64-linux") else { return };
    let config = read(&evaluation["settings"]);
    is_whole(&evaluation);
    initrd_is_whole(&evaluation, &config);
    let filesystem = config.volume.filesystem.name();
    let (programs, repairs) =
        (words(&evaluation["initrd"]["programs"]), words(&evaluation["system"]["repairs"]));
    assert!(programs.contains(&format!("mkfs.{filesystem}").as_str()), "{programs:?}");
    assert!(
        repairs.iter().any(|package| package.starts_with(&filesystem[..3]) || *package == "e2fsprogs"),
        "{repairs:?}"
    );
    every_unit_is_there(&evaluation);
    updates_can_be_verified(&evaluation);
}

/// Returns the configuration as the programs read it.
fn read(settings: &Value) -> Config {
    config::parse("pattern.toml", &toml("", settings)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// TOML takes JSON's strings, numbers, booleans and arrays.
pub fn toml(prefix: &str, set: &Value) -> String {
    let each = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => toml(&format!("{prefix}{name}."), value),
        value => format!("{prefix}{name} = {value}\n"),
    };
    set.as_object().unwrap().iter().map(each).collect()
}

fn is_whole(evaluation: &Value) {
    assert_eq!(evaluation["failed"], Value::Array(Vec::new()));
    assert_eq!(evaluation["warnings"], Value::Array(Vec::new()));
    for (name, derivation) in evaluation["derivations"].as_object().unwrap() {
        assert!(derivation.as_str().unwrap().ends_with(".drv"), "{name}: {derivation}");
    }
    let rust = text(&evaluation["versions"], "rustc");
    let enough = compare(rust, env!("CARGO_PKG_RUST_VERSION")) != Ordering::Less;
    assert!(enough, "this nixpkgs has Rust {rust}: {}", env!("CARGO_PKG_RUST_VERSION"));
    // With the library that finds a TPM's driver by its path in the store.
    assert_eq!(evaluation["package"]["static"], false);
    assert!(words(&evaluation["package"]["libraries"]).contains(&"tpm2-tss"));
    assert!(words(&evaluation["initrd"]["storePaths"]).iter().any(|path| path.contains("-tpm2-tss-")));
    for partition in evaluation["partitions"].as_object().unwrap().values() {
        let targets: Vec<_> = partition["contents"].as_object().unwrap().keys().map(String::as_str).collect();
        nothing_is_below_another(&targets);
    }
}

/// Who lays the files out can't write to a folder of the store.
fn nothing_is_below_another(targets: &[&str]) {
    for outer in targets {
        let inner: Vec<_> = targets.iter().filter(|inner| inner.starts_with(&format!("{outer}/"))).collect();
        assert!(inner.is_empty(), "{inner:?} below {outer}");
    }
}

fn initrd_is_whole(evaluation: &Value, config: &Config) {
    let initrd = &evaluation["initrd"];
    nothing_is_below_another(&words(&initrd["targets"]));
    assert!(words(&initrd["rules"]).contains(&text(&evaluation["package"], "name")));
    // Who answers libdevmapper, which waits for udev.
    assert!(words(&initrd["rules"]).iter().any(|path| path.contains("-lvm2-")));
    assert!(words(&initrd["packages"]).contains(&"lvm2"));
    let modules: Vec<String> =
        words(&initrd["modules"]).into_iter().map(|name| name.replace('-', "_")).collect();
    let needed = "virtio_pci virtio_blk virtio_scsi usb_storage uas nvme ahci sd_mod mmc_block sdhci_pci dm_crypt dm_verity \
                  aes xts ecb cbc sha256 erofs loop efivarfs tpm_tis tpm_crb";
    for name in needed.split_whitespace().chain([config.volume.filesystem.name()]) {
        assert!(modules.iter().any(|module| module == name), "{name} of {modules:?}");
    }
}

/// Each unit that the generator has systemd start, and each target that it hangs one below, is in the initrd.
fn every_unit_is_there(evaluation: &Value) {
    let (units, script) = (words(&evaluation["initrd"]["units"]), text(&evaluation["initrd"], "scripts"));
    let systemd: Vec<&str> = script.split_whitespace().collect();
    let there = |unit: &str| units.contains(&unit) || systemd.contains(&unit);
    let toml = toml("", &evaluation["settings"]);
    let line = format!("{} usrhash={}", words(&evaluation["words"]).join(" "), "0".repeat(64));
    let flags = ["", " pattern.break=usr", " pattern.break=switch-root", " pattern.plan_only"];
    let honoured = if evaluation["settings"]["debug"] == true { flags.len() } else { 1 };
    for flag in &flags[..honoured] {
        let outcome = decide(Ok(&toml), &format!("{line}{flag}"), Manager::Initrd);
        assert_eq!(outcome.problems, Vec::<String>::new(), "{flag}");
        let links = outcome.plan.entries().filter(|(_, entry)| matches!(entry, Entry::Link(_)));
        for (by, unit) in links.filter_map(|(path, _)| path.split_once('/')) {
            let by = by.trim_end_matches(".requires").trim_end_matches(".wants");
            assert!(there(unit) && there(by), "{flag}: {by} starts {unit}");
        }
    }
    // `pattern.grow` starts an instance of it.
    assert!(there("systemd-growfs@.service"));
    assert!(words(&evaluation["initrd"]["storePaths"]).iter().any(|path| path.ends_with("/systemd-growfs")));
}

fn updates_can_be_verified(evaluation: &Value) {
    for packages in ["packages", "updaters"] {
        assert!(words(&evaluation["system"][packages]).contains(&"gnupg"), "{packages}");
    }
    let kernel = words(&evaluation["words"]);
    assert!(
        kernel.contains(&"rd.systemd.gpt_auto=no") && !kernel.contains(&"systemd.gpt_auto=no"),
        "{kernel:?}"
    );
    assert!(kernel.contains(&"gpt"), "{kernel:?}");
    assert_eq!(evaluation["system"]["usrbinenv"], "", "/usr can't be written to");
    // Where pattern-fetch is, what it needs to run, and whom it trusts.
    let store = &evaluation["partitions"]["20-store"];
    assert!(text(&store["contents"], "/libexec").ends_with("-pattern-usr/libexec"), "{store}");
    assert!(words(&store["storePaths"]).contains(&text(evaluation, "fetch")), "{store}");
    assert!(words(&evaluation["system"]["files"]).contains(&"ssl/certs/ca-certificates.crt"));
    let contents = evaluation["partitions"]["20-store"]["contents"].as_object().unwrap();
    for name in ["10-verity", "20-usr", "30-uki"] {
        assert!(
            contents.contains_key(&format!("/lib/sysupdate.d/{name}.transfer")),
            "{name} of {contents:?}"
        );
    }
}

#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn the_references_demo() {
    holds("check/reference-demo.nix", "");
}

#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn our_demo() {
    holds("demo", r#"pattern.image.version = "0.0.1";"#);
}

#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn the_template() {
    holds("template/configuration.nix", "");
}

/// With a desktop, and btrfs.
#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn everything() {
    holds("check/everything.nix", "");
}

#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn the_references_demo_on_ext4() {
    holds("check/reference-demo.nix", r#"pattern.volume.filesystem = "ext4";"#);
}

#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn the_references_demo_on_an_arm_machine() {
    if let Some(evaluation) = evaluate("check/reference-demo.nix", "", "aarch64-linux") {
        is_whole(&evaluation);
    }
}

/// Nothing is measured by firmware that knows of no TPM, and no volume is made.
#[test]
#[ignore = "evaluates all of NixOS; `make nix` runs it"]
fn the_flake_and_the_firmware_that_its_machines_have() {
    let Some(nixpkgs) = nixpkgs() else { return };
    let mut command = evaluating("nix/check/packages.nix");
    let packages = value(command.arg("--arg").arg("nixpkgs").arg(nixpkgs)).unwrap();
    for (name, derivation) in packages["derivations"].as_object().unwrap() {
        assert!(derivation.as_str().unwrap().ends_with(".drv"), "{name}: {derivation}");
    }
    assert_eq!(words(&packages["mounts"]), ["/", "/nix/store"]);
    for firmware in ["plain", "secure"] {
        let flags = words(&packages["firmware"][firmware]).join(" ");
        assert!(flags.contains("-D TPM2_ENABLE") && flags.contains("-D FD_SIZE_4MB"), "{firmware}: {flags}");
        assert_eq!(flags.contains("-D SECURE_BOOT_ENABLE=TRUE"), firmware == "secure", "{flags}");
    }
    let flags = words(&packages["static"]);
    let ours = std::fs::read_to_string(top().join("static/build")).unwrap();
    for flag in
        ["--enable-nodl", "--disable-fapi", "--disable-policy", "--with-crypto=ossl", "--enable-tcti-device"]
    {
        assert!(flags.contains(&flag) && ours.contains(flag), "{flag} of {flags:?}");
    }
    run_demo_takes_an_image(text(&packages, "run-demo"));
}

/// As that of the reference does.
fn run_demo_takes_an_image(script: &str) {
    let pattern =
        script.lines().find_map(|line| line.trim().strip_prefix("exec ")?.split(' ').next()).unwrap();
    let script = script.replace(&format!("exec {pattern}"), "exec echo");
    let run = |arguments: &[&str]| {
        Command::new("bash").args(["-c", &script, "run-demo"]).args(arguments).output().unwrap()
    };
    let output = run(&["a b.raw", "--fresh"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "run a b.raw --disk +6G --fresh\n");
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["--fresh"]).status.code(), Some(2));
}
