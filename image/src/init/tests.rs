//! The files of each kind, and what is refused before anything is written.

use super::*;
use crate::host::temporary;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me@host";
const KEYS: &str = "mkosi.extra/usr/lib/credstore/ssh.authorized_keys.root";

const KINDS: [Kind; 3] = [Kind::Server, Kind::Desktop, Kind::Appliance];

fn keys() -> Vec<SshKey> {
    vec![SshKey::parse(KEY).unwrap()]
}

/// Each kind, with keys and without.
fn all(keys: &[SshKey]) -> Vec<Template<'_>> {
    let kinds = KINDS.into_iter().flat_map(|kind| [(kind, None), (kind, Some(keys))]);
    let kinds = kinds.filter(|(kind, keys)| *kind != Kind::Desktop || keys.is_none());
    kinds.map(|(kind, keys)| Template { kind, id: "mine", keys, tools: String::new() }).collect()
}

fn text(template: &Template<'_>, name: &str) -> String {
    let found = template.files().into_iter().find(|(path, _)| path == name);
    found.unwrap_or_else(|| panic!("{name} is missing")).1
}

#[test]
fn each_kind_has_a_configuration_without_problems() {
    for template in all(&keys()) {
        let config = config::parse("pattern.toml", &text(&template, "pattern.toml")).unwrap();
        let shown = format!("{:?}, keys: {}", template.kind, template.keys.is_some());
        assert_eq!((config.image.id.as_str(), config.image.version.as_str()), ("mine", "0.0.1"), "{shown}");
        assert_eq!(config.image.updates.pubring, "mine-pubring.pgp", "{shown}");
        assert!(!config.debug, "{shown}");
        assert!(text(&template, "mkosi.conf").contains("\n        linux-image-amd64\n"), "{shown}");
    }
}

#[test]
fn every_place_is_filled_in() {
    for template in all(&keys()) {
        for (path, text) in template.files() {
            assert!(!text.contains("{{") && !text.contains("}}"), "{path}: {text}");
        }
    }
}

/// There is a way in for the owner, and no password that others know.
#[test]
fn each_machine_has_a_way_in() {
    for template in all(&keys()) {
        let config = config::parse("pattern.toml", &text(&template, "pattern.toml")).unwrap();
        let packages = text(&template, "mkosi.conf");
        let ssh = packages.lines().any(|line| line.trim() == "openssh-server");
        let files = template.files();
        match (template.kind, template.keys) {
            (_, Some(_)) => {
                assert!(ssh && !config.userspace.homed);
                assert_eq!(text(&template, KEYS), format!("{KEY}\n"));
            }
            (Kind::Server, None) => assert!(ssh && config.userspace.homed),
            (Kind::Desktop, None) => assert!(config.userspace.desktop && config.userspace.homed),
            (Kind::Appliance, None) => assert!(!ssh && packages.contains("# openssh-server")),
        }
        for (path, text) in files {
            assert!(path == KEYS || !text.contains("ssh-ed25519"), "{path}");
            assert!(!text.contains("RootPassword") && !path.ends_with("rootpw"), "{path}");
        }
    }
}

#[test]
fn the_secret_keys_are_not_for_git() {
    for template in all(&keys()) {
        let ignored = text(&template, ".gitignore");
        let ignores = |name: &str| ignored.lines().any(|line| line == format!("/{name}/"));
        for secret in ["mine-gpg", "mine-keys", ".mine.gen-keyring", "build"] {
            assert!(ignores(secret), "{secret}: {ignored}");
        }
        assert!(!ignored.contains("pubring") && !ignored.contains("users.lock"), "{ignored}");
    }
}

/// Its machine fetches versions by itself: nobody is there to do it.
#[test]
fn an_appliance_updates_by_itself() {
    let template = Template { kind: Kind::Appliance, id: "mine", keys: None, tools: String::new() };
    let preset = text(&template, "mkosi.extra/usr/lib/systemd/system-preset/00-appliance.preset");
    assert!(preset.contains("enable systemd-sysupdate.timer\nenable systemd-sysupdate-reboot.timer\n"));
    let unit = text(&template, "mkosi.extra/usr/lib/systemd/system/appliance.service");
    assert!(unit.contains("Description=What mine Is For\n"), "{unit}");
    let config = config::parse("pattern.toml", &text(&template, "pattern.toml")).unwrap();
    assert_eq!(config.boot.essential, ["appliance.service"]);
}

/// What `pattern check-update --json` says, and whether the machine may restart for it.
#[test]
fn an_appliance_restarts_only_for_a_version_that_needs_nobody() {
    let template = Template { kind: Kind::Appliance, id: "mine", keys: None, tools: String::new() };
    let script = text(&template, "mkosi.extra/usr/lib/appliance/may-restart");
    for (said, may) in [
        (r#"{"next":"x","opens":"yes","version":"0.0.2"}"#, true),
        (r#"{"next":"x","opens":"unclear","version":"0.0.2"}"#, true),
        (r#"{"next":"x","opens":"no","version":"0.0.2"}"#, false),
        (r#"{"failed":"0.0.2","next":"x","version":null}"#, false),
        ("", false),
    ] {
        let script = format!("pattern() {{ echo '{said}'; }}\n{script}");
        let status = std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
        assert_eq!(status.success(), may, "{said}");
    }
}

#[test]
fn the_folder_s_name_is_the_image_s() {
    assert_eq!(id(Path::new("some/my-server")).unwrap(), "my-server");
    assert_eq!(id(Path::new("my-server/")).unwrap(), "my-server");
    let place = temporary::folder().unwrap();
    let inside = place.path().join("mine/below");
    fs::create_dir_all(&inside).unwrap();
    assert_eq!(id(&inside.join("..")).unwrap(), "mine");
    let error = id(Path::new("Mine")).unwrap_err().to_string();
    assert_eq!(
        error,
        "making Mine: its name is the image's, too, and must consist of a-z, 0-9, '.' and '-', and has 'M': \"Mine\"; \
         choose another name"
    );
    assert!(format!("{:#}", id(Path::new("/")).unwrap_err()).starts_with("making /: the root has no name"));
}

/// Everything in a folder, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn nothing_is_overwritten() {
    let place = temporary::folder().unwrap();
    let folder = place.path().join("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes"), "a thesis").unwrap();
    fs::write(folder.join("mkosi.conf"), "mine").unwrap();
    let options =
        Init { folder: folder.clone(), kind: Kind::Server, ssh_key: None, tools: Tools::At("t".into()) };
    let before = content(&folder);
    let error = init(&options, Screen::new(true)).unwrap_err().to_string();
    assert_eq!(error, format!("{0}/mkosi.conf exists already: choose another folder", folder.display()));
    fs::write(folder.join("mine-pubring.pgp"), "public").unwrap();
    let error = init(&options, Screen::new(true)).unwrap_err().to_string();
    let shown = folder.display();
    assert_eq!(
        error,
        format!("{shown}/mkosi.conf and {shown}/mine-pubring.pgp exist already: choose another folder")
    );
    fs::remove_file(folder.join("mine-pubring.pgp")).unwrap();
    assert_eq!(content(&folder), before);
}

#[test]
fn a_desktop_takes_no_key_and_nothing_is_made() {
    let place = temporary::folder().unwrap();
    let key = place.path().join("key.pub");
    fs::write(&key, KEY).unwrap();
    let folder = place.path().join("mine");
    let options = Init {
        folder: folder.clone(),
        kind: Kind::Desktop,
        ssh_key: Some(key),
        tools: Tools::At("t".into()),
    };
    let error = init(&options, Screen::new(true)).unwrap_err().to_string();
    assert_eq!(
        error,
        "--ssh-key: a desktop has no SSH server; whoever is at the screen makes the first user"
    );
    assert!(!folder.exists());
}

#[test]
fn a_name_that_no_keyring_can_have_is_refused_before_anything_is_made() {
    let place = temporary::folder().unwrap();
    let folder = place.path().join("a".repeat(41));
    let options =
        Init { folder: folder.clone(), kind: Kind::Server, ssh_key: None, tools: Tools::At("t".into()) };
    let error = init(&options, Screen::new(true)).unwrap_err().to_string();
    let wanted = "its name is that of its keys, too, and must have at most 40 characters, and has 41; choose another name";
    assert_eq!(error, format!("making {}: {wanted}", folder.display()));
    assert_eq!(id(&place.path().join("a".repeat(40))).unwrap().len(), 40);
    assert!(!folder.exists());
}

#[test]
fn what_to_type_next_is_said() {
    let keys = keys();
    let said = next(
        Path::new("mine"),
        &Template { kind: Kind::Server, id: "mine", keys: Some(&keys), tools: String::new() },
    );
    assert!(said.contains("mine has everything for an image that is a server."), "{said}");
    assert!(
        said.contains(
            "    cd mine\n    pattern build --keys mine-keys\n    pattern run build/images/mine_0.0.1/"
        ),
        "{said}"
    );
    assert!(said.contains("--secure-boot --persist machine --server 8000 --ssh 2222\n"), "{said}");
    let program = std::env::current_exe().unwrap();
    assert!(program.is_absolute());
    let burn = format!("\n    sudo {} burn build/images/mine_0.0.1 /dev/DISK\n", program.display());
    assert!(said.contains(&burn), "{said}");
    for here in [".", "./", "./."] {
        let said = next(
            Path::new(here),
            &Template { kind: Kind::Server, id: "mine", keys: Some(&keys), tools: String::new() },
        );
        assert!(said.starts_with("\nThis folder has everything for an image"), "{said}");
        assert!(
            said.contains(" Next:\n    pattern build --keys mine-keys\n") && !said.contains("cd "),
            "{said}"
        );
    }
}

/// A command that was copied finds the tree that the option named.
#[test]
fn the_tools_tree_that_was_named_is_named_again() {
    let template = Template { kind: Kind::Server, id: "mine", keys: None, tools: " --tools /t".into() };
    let said = next(Path::new("mine"), &template);
    let readme = text(&template, "README.md");
    for program in ["build", "run", "burn"] {
        let find = |text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("    "));
            lines.filter(|line| line.contains(&format!(" {program} "))).map(str::to_owned).collect::<Vec<_>>()
        };
        let commands = [find(&said), find(&readme)].concat();
        assert!(
            commands.len() > 1 && commands.iter().all(|line| line.contains(" --tools /t")),
            "{commands:?}"
        );
    }
    assert!(readme.contains("    pattern show build/images/mine_0.0.1 --tools /t\n"), "{readme}");
    assert!(readme.contains(" mine-gpg --tools /t\n"), "{readme}");
}
