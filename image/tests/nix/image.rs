//! What is in the image, and how the running system is set up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::program::FETCH;
use pattern::table::base;
use pattern::update::transfers;
use serde_json::Value;

use super::store::{Store, write};
use super::{EVALUATION, text, toml, words};

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
        ["Size", "Compression"].iter().any(|start| key.starts_with(start))
            || key.ends_with("BlockSizeBytes")
            || ["Label", "SplitName"].contains(&key)
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
fn the_running_system_mounts_the_esp_and_no_other_partition() {
    let words = words(&EVALUATION["kernelParams"]);
    let ours = include_str!("../../mkosi/image/mkosi.conf");
    let policy = ours.lines().map(str::trim).find(|line| line.starts_with("systemd.image_policy=")).unwrap();
    assert!(words.contains(&policy) && words.contains(&"rd.systemd.gpt_auto=no"), "{words:?}");
    assert!(!words.iter().any(|word| word.starts_with("systemd.gpt_auto=")), "{words:?}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn words_that_keep_a_damaged_disk_starting_are_those_of_pattern_build() {
    let words = words(&EVALUATION["kernelParams"]);
    assert!(words.contains(&"gpt") && words.contains(&"panic=30"), "{words:?}");
    let main = text(&EVALUATION, "kernelImage").lines().last().unwrap();
    assert!(main.contains(" gpt ") && main.contains("--join-profile=reset.efi"), "{main}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn the_menu_offers_a_factory_reset_as_that_of_pattern_build() {
    let ours = include_str!("../../mkosi/image/mkosi.uki-profiles/factory-reset.conf");
    let script = text(&EVALUATION, "kernelImage").replace('"', "");
    let profile = script.split("ukify build").find(|part| part.contains("--output=reset.efi")).unwrap();
    let names =
        ours.lines().map(str::trim).filter(|line| line.starts_with("ID=") || line.starts_with("TITLE="));
    assert!(names.clone().count() == 2 && names.clone().all(|name| profile.contains(name)), "{profile}");
    let cmdline = ours.lines().find_map(|line| line.strip_prefix("Cmdline=")).unwrap();
    assert!(profile.contains(&format!(" usrhash=$usrhash {cmdline} ")), "{profile}");
    // Else it would be what is started by itself.
    let ukify = include_str!("../../mkosi/ukify/ukify").split("OTHER_ENTRY = \"\"\"\\\n").nth(1).unwrap();
    let name = ukify.split("\"\"\"").next().unwrap().replace('"', "").replace('\n', "\\n");
    assert!(script.contains(&format!("printf '{name}' >other")), "{name} in {script}");
    assert!(profile.contains("--os-release=@other"), "{profile}");
}

#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn usr_has_the_program_once_and_what_updates_need() {
    let contents = EVALUATION["contents"]["20-store"].as_object().unwrap();
    // systemd-repart makes a whole file of each link that is named by itself.
    let named: Vec<_> = contents.keys().filter(|path| path.starts_with("/lib/pattern/")).collect();
    assert!(named.is_empty() && contents.contains_key("/lib/pattern"), "{named:?}");
    for transfer in EVALUATION["transfers"].as_object().unwrap().keys() {
        assert!(
            contents.contains_key(&format!("/lib/sysupdate.d/{transfer}.transfer")),
            "{transfer} of {contents:?}"
        );
    }
    for keyring in ["/lib/systemd/import-pubring.pgp", "/lib/systemd/import-pubring.gpg"] {
        assert!(contents[keyring].as_str().unwrap().ends_with("/demo-pubring.pgp"), "{contents:?}");
    }
    // Who verifies the signature: systemd-sysupdate starts gpg of its PATH.
    for packages in [&EVALUATION["systemPackages"], &EVALUATION["updaters"]] {
        assert!(words(packages).contains(&"gnupgMinimal"), "{packages}");
    }
    assert_eq!(EVALUATION["usrbinenv"], "", "/usr can't be written to");
}

/// Where `pattern update` starts it, on an image of either kind. The link leads into the store, which has to have it.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn usr_has_pattern_fetch_and_it_finds_gpg() {
    let stored = words(&EVALUATION["stored"]);
    let [fetch] = stored[..] else { panic!("{stored:?}") };
    assert!(fetch.ends_with("-pattern-fetch"), "{fetch}");
    let store = Store::new();
    for word in text(&EVALUATION, "usr").split_whitespace().filter(|word| word.starts_with("/nix/store/")) {
        let file = store.here(word);
        write(&if word.ends_with("/lib/pattern") { file.join("pattern-initrd") } else { file }, b"");
    }
    store.script(text(&EVALUATION, "usr"), store.folder(), &store.path("out"));
    let (below, name) = FETCH.strip_prefix("/usr").unwrap().rsplit_once('/').unwrap();
    let source = text(&EVALUATION["contents"]["20-store"], below);
    assert!(source.ends_with(&format!("-pattern-usr{below}")), "{source}");
    let link = store.path(&format!("out{below}/{name}"));
    assert_eq!(fs::read_link(&link).unwrap(), store.here(fetch).join("libexec").join(name));
    assert!(link.is_file(), "{}", link.display());
    // By its name, as systemd-pull does.
    assert!(words(&EVALUATION["systemPackages"]).contains(&"gnupgMinimal"));
}

/// Else systemd-repart takes the disk's sectors for it, which are smaller.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn blocks_of_usr_are_those_of_its_hash_tree() {
    let size = &EVALUATION["partitions"]["20-store"]["VerityDataBlockSizeBytes"];
    assert_eq!(words(&EVALUATION["mkfs"]["erofs"]), [format!("-b{size}")]);
}

/// NixOS has systemd's own request beside it, which marks partitions that the owner did not name.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn a_factory_reset_is_asked_for_by_us_alone() {
    let ours = include_str!("../../mkosi/image/mkosi.conf").lines().map(str::trim);
    let removed: Vec<_> = ours
        .filter_map(|line| line.strip_prefix("/usr/lib/systemd/system/factory-reset.target.wants/"))
        .collect();
    assert!(removed == words(&EVALUATION["suppressed"]) && removed.len() == 1, "{removed:?}");
}

/// systemd-repart leaves out what is not there, and says nothing: an image without a keyring would take no update.
#[test]
#[ignore = "needs nix-bin; `make test` runs it"]
fn a_release_is_made_of_an_image_that_has_everything() {
    let store = tempfile::tempdir().unwrap();
    let script = text(&EVALUATION["release"], "script").replace("/nix/store", store.path().to_str().unwrap());
    let sources =
        script.lines().find_map(|line| line.strip_prefix("for source in ")?.strip_suffix("; do")).unwrap();
    let double = |name: &str| store.path().join(format!("{}-{name}", "0".repeat(32)));
    let parts = [
        "image/demo_0.0.1.raw",
        "image/demo_0.0.1.usr.1-2.raw",
        "image/demo_0.0.1.verity.3-4.raw",
        "uki.efi/uki.efi",
    ];
    // What Nix does not copy into the store is not there in a build.
    assert!(sources.split(' ').all(|source| Path::new(source).starts_with(store.path())), "{sources}");
    for file in sources.split(' ').map(PathBuf::from).chain(parts.map(double)) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "1234567").unwrap();
    }
    let run = |name: &str| {
        let out = store.path().join(name);
        let output = Command::new("bash").args(["-euc", &script]).env("out", &out).output().unwrap();
        (out, output)
    };
    let (out, output) = run("whole");
    assert!(output.status.success(), "{output:?}");
    let sums = fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let names: Vec<_> = sums.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    let expected = [
        "demo_0.0.1.efi",
        "demo_0.0.1.pubring.pgp",
        "demo_0.0.1.raw",
        "demo_0.0.1_12_7.usr.raw",
        "demo_0.0.1_34_7.verity.raw",
    ];
    assert_eq!(names, expected);

    let keyring = sources.split(' ').find(|source| source.ends_with("-demo-pubring.pgp")).unwrap();
    fs::write(keyring, "").unwrap();
    assert!(!run("empty").1.status.success(), "an empty keyring");
    for source in sources.split(' ') {
        fs::rename(source, store.path().join("away")).unwrap();
        let said = String::from_utf8(run("lacking").1.stderr).unwrap();
        assert!(said.contains(&format!("the image needs {source}, which is not there")), "{said}");
        fs::rename(store.path().join("away"), source).unwrap();
    }
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
