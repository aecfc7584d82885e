//! What the options refuse, and what the programs refuse for them when pattern.toml is built.

use std::fs;
use std::process::{Command, Output};

use pattern::config;

use super::{EVALUATION, evaluate, text, top};

/// The reference's demonstration with one option set.
fn with(option: &str, value: &str) -> String {
    format!(
        "{{ lib, ... }}: {{ imports = [ ./nix/check/reference-demo.nix ]; pattern.{option} = lib.mkForce {value}; }}"
    )
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn a_value_of_another_form_is_refused_when_it_is_evaluated() {
    let wrong = [
        ("image.id", r#""bad_ID""#),
        ("image.version", r#""1_0""#),
        ("image.updates.url", r#""ftp://x""#),
        ("image.updates.limit", r#""50MB""#),
        ("image.updates.window", r#""1-5""#),
        ("partitions.sizes.esp", r#""lots""#),
        ("partitions.disk", r#""sda""#),
        ("volume.escrow", r#"[ "nonsense" ]"#),
        ("partitions.persist.rollback", r#"[ "/etc" ]"#),
    ];
    for (option, value) in wrong {
        let refusal = evaluate(&with(option, value)).expect_err(option);
        assert!(refusal.contains(&format!("pattern.{option}")), "{option}: {refusal}");
    }
    let right = [
        ("image.id", r#""my.demo-2""#),
        ("image.version", r#""2026.11-rc1""#),
        ("image.updates.url", r#""file:///srv/updates""#),
        ("partitions.sizes.esp", r#""1G""#),
        ("partitions.disk", r#""/dev/disk/by-id/x""#),
    ];
    for (option, value) in right {
        let evaluation =
            evaluate(&with(option, value)).unwrap_or_else(|refusal| panic!("{option}: {refusal}"));
        config::parse("pattern.toml", text(&evaluation, "toml"))
            .unwrap_or_else(|problems| panic!("{problems:?}"));
    }
}

/// What the options can't know: a hash tree that is too small, an instance of a unit that is not named.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn what_pattern_toml_is_built_with_refuses_the_rest() {
    for (option, value) in [
        ("partitions.sizes.verity", r#""1M""#),
        ("boot.essential", r#"[ "getty@.service" ]"#),
        ("image.updates.window", r#""01:00-05:00""#),
    ] {
        let evaluation = evaluate(&with(option, value)).unwrap();
        let output = build(text(&evaluation, "checked"), text(&evaluation, "toml"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(option), "{option}: {said}");
    }
    let output = build(text(&EVALUATION, "checked"), text(&EVALUATION, "toml"));
    assert!(output.status.success(), "{output:?}");
}

/// Runs the script that makes pattern.toml, with this checkout's generator.
fn build(script: &str, toml: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let unchecked = folder.path().join("unchecked.toml");
    fs::write(&unchecked, toml).unwrap();
    let generator = script.lines().find_map(|line| line.strip_suffix(" --root=root --check")).unwrap();
    let manifest = top().join("Cargo.toml");
    let ours = format!(
        "{} run --quiet --package pattern-generator --manifest-path {} --",
        env!("CARGO"),
        manifest.display()
    );
    let mut command = Command::new("bash");
    command.args(["-euc", &script.replace(generator, &ours)]).current_dir(&folder);
    command.env("unchecked", &unchecked).env("out", folder.path().join("out")).output().unwrap()
}
