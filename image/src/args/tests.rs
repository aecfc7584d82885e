//! Valid and invalid command lines.

use std::path::PathBuf;

use pattern::config::size::Size;

use super::*;
use crate::host::tree::Tools;
use crate::machine::credential::Source;
use crate::machine::growth::Growth;
use crate::release::Compression;
use completion::Shell;

fn parsed(line: &str) -> Result<Arguments, Answer> {
    let words: Vec<_> = ["pattern"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
    parse(&words)
}

fn command_of(line: &str) -> Command {
    parsed(line).unwrap_or_else(|answer| panic!("{line:?}: {answer:?}")).command
}

fn wrong(line: &str) -> String {
    match parsed(line) {
        Err(Answer::Wrong(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn asked(line: &str) -> String {
    match parsed(line) {
        Err(Answer::Asked(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn clap_finds_no_mistake_in_the_definition() {
    command().debug_assert();
}

#[test]
fn check_takes_files_or_the_one_of_this_folder() {
    let check = |files: &[&str], json| {
        let files = files.iter().map(PathBuf::from).collect();
        Command::Config(Config::Check(Check { files, json }))
    };
    assert_eq!(command_of("config check a.toml --json b.toml"), check(&["a.toml", "b.toml"], true));
    assert_eq!(command_of("config check"), check(&["pattern.toml"], false));
}

#[test]
fn run_takes_sizes() {
    let mut run = Run {
        image: Some("i.raw".into()),
        disk: Some(Growth::By(Size::from_bytes(50 << 30))),
        persist: Some("state".into()),
        fresh: true,
        memory: Size::from_bytes(1 << 30),
        secure_boot: true,
        append: "-x y=z".into(),
        display: Some("gtk".into()),
        credentials: vec![Source { id: "home.create.me".into(), path: "me.json".into() }],
        server: Some(8000),
        ssh: Some(2222),
        tools: Tools::Cache,
    };
    let line = "run i.raw --secure-boot --disk +50G --persist state --fresh --memory=1G --server 8000 --ssh 2222 \
                --load-credential home.create.me:me.json --display gtk --append";
    let words = ["pattern"].into_iter().chain(line.split_whitespace()).chain(["-x y=z"]);
    let words: Vec<OsString> = words.map(OsString::from).collect();
    assert_eq!(parse(&words).unwrap().command, Command::Run(run.clone()));
    (run.disk, run.persist, run.display, run.server, run.ssh) = (None, None, None, None, None);
    (run.secure_boot, run.memory, run.append) = (false, Size::from_bytes(2 << 30), String::new());
    run.fresh = false;
    run.credentials.clear();
    assert_eq!(command_of("run i.raw"), Command::Run(run.clone()));
    (run.image, run.persist) = (None, Some("state".into()));
    assert_eq!(command_of("run --persist state"), Command::Run(run));
}

#[test]
fn burn_lists_disks_or_takes_one() {
    let mut burn = Burn {
        image: "i".into(),
        device: None,
        keyring: None,
        erase: None,
        json: false,
        tools: Tools::Cache,
    };
    assert_eq!(command_of("burn i"), Command::Burn(burn.clone()));
    (burn.device, burn.keyring) = (Some("/dev/sdb".into()), Some("k.pgp".into()));
    burn.erase = Some("4C53".into());
    assert_eq!(command_of("burn i /dev/sdb --keyring k.pgp --erase 4C53"), Command::Burn(burn));
    assert!(wrong("burn i --erase sdb").contains("<DEVICE>"));
    assert!(wrong("burn i /dev/sdb --json").contains("'[DEVICE]' cannot be used with '--json'"));
}

#[test]
fn build_has_defaults() {
    let mut build = Build {
        folder: ".".into(),
        keys: None,
        debug_as_production: false,
        force: false,
        output: "build/images".into(),
        tools: Tools::Cache,
        data: None,
        json: false,
    };
    assert_eq!(command_of("build"), Command::Build(build.clone()));
    build.folder = "demo".into();
    (build.keys, build.debug_as_production, build.json) = (Some("k".into()), true, true);
    build.force = true;
    let line = "build demo --keys k --sign-debug-as-production --json --force";
    assert_eq!(command_of(line), Command::Build(build));
}

#[test]
fn gen_keyring_takes_a_name() {
    let (name, tools) = ("demo/demo".into(), Tools::At("t".into()));
    let mut keyring = GenKeyring { name, add_missing: false, epoch: None, tools, json: false };
    let line = "gen-keyring demo/demo --tools t";
    assert_eq!(command_of(line), Command::GenKeyring(keyring.clone()));
    keyring.add_missing = true;
    assert_eq!(command_of(&format!("{line} --add-missing")), Command::GenKeyring(keyring.clone()));
    (keyring.add_missing, keyring.epoch) = (false, Some(2));
    assert_eq!(command_of(&format!("{line} --epoch 2")), Command::GenKeyring(keyring));
    assert!(wrong(&format!("{line} --epoch 2 --add-missing")).contains("cannot be used with"));
}

#[test]
fn sign_release_has_defaults() {
    let mut release = SignRelease {
        result: "build/images/demo_1".into(),
        home: "demo-gpg".into(),
        output: "pattern-release".into(),
        compression: Compression::Xz,
        deltas: 2,
        tools: Tools::Cache,
        json: false,
    };
    let line = "sign-release build/images/demo_1 demo-gpg";
    assert_eq!(command_of(line), Command::SignRelease(release.clone()));
    (release.output, release.compression, release.deltas) = ("www".into(), Compression::None, 0);
    let line = format!("{line} --output www --compress=none --deltas 0");
    assert_eq!(command_of(&line), Command::SignRelease(release));
}

#[test]
fn serve_listens_on_the_loopback_unless_told_otherwise() {
    let serve =
        |address: &str| Command::Serve(Serve { folder: "r".into(), address: address.parse().unwrap() });
    assert_eq!(command_of("serve r"), serve("127.0.0.1:8000"));
    assert_eq!(command_of("serve r --address [::]:80"), serve("[::]:80"));
}

#[test]
fn sign_image_has_defaults() {
    let mut image = SignImage {
        result: "result".into(),
        keys: "demo-keys".into(),
        force: false,
        output: "build/images".into(),
        tools: Tools::Cache,
        json: false,
    };
    let line = "sign-image result demo-keys";
    assert_eq!(command_of(line), Command::SignImage(image.clone()));
    (image.output, image.force, image.json) = ("signed".into(), true, true);
    assert_eq!(command_of(&format!("{line} --output signed --force --json")), Command::SignImage(image));
}

#[test]
fn addon_takes_a_folder_and_words() {
    let (folder, words) = ("demo".into(), ["console=ttyS1", "quiet"].map(str::to_owned).to_vec());
    let (keys, output, tools) = (None, None, Tools::Cache);
    let mut add_on = AddOn { folder, words, keys, force: false, output, tools, json: false };
    assert_eq!(command_of("addon demo console=ttyS1 quiet"), Command::AddOn(add_on.clone()));
    (add_on.keys, add_on.output, add_on.force) = (Some("k".into()), Some("a.addon.efi".into()), true);
    let line = "addon demo --keys k console=ttyS1 --output a.addon.efi quiet --force";
    assert_eq!(command_of(line), Command::AddOn(add_on));
}

#[test]
fn decrypt_takes_a_file_and_a_key() {
    let decrypt = Decrypt { file: "-".into(), identity: "key".into() };
    let command = Command::Recovery(Recovery::Decrypt(decrypt));
    assert_eq!(command_of("recovery decrypt - --identity key"), command);
}

#[test]
fn completion_takes_a_shell() {
    assert_eq!(command_of("completion zsh"), Command::Completion(Completion { shell: Shell::Zsh }));
    assert!(wrong("completion tcsh").contains("[possible values: bash, zsh, fish]"));
}

#[test]
fn quiet_goes_anywhere() {
    for line in ["-q build", "build -q", "build demo --quiet"] {
        assert!(parsed(line).unwrap().quiet, "{line}");
    }
    assert!(!parsed("build").unwrap().quiet);
}

#[test]
fn each_command_has_help_that_fits_80_columns() {
    let lines = [
        "config check",
        "build",
        "run",
        "gen-keyring",
        "sign-image",
        "sign-release",
        "serve",
        "addon",
        "recovery decrypt",
        "completion",
    ];
    for line in lines.into_iter().chain(["", "config", "recovery"]) {
        let usage = format!("Usage: pattern {line}");
        for asking in [format!("{line} --help"), format!("{line} -h"), format!("help {line}")] {
            let text = asked(&asking);
            assert!(text.contains(usage.trim_end()), "{asking}: {text}");
            let wide = text.lines().find(|line| line.chars().count() > WIDTH);
            assert_eq!(wide, None, "{asking}");
        }
    }
    assert!(asked("build --help").contains("[default: build/images]"));
}

#[test]
fn the_version_is_named() {
    for line in ["--version", "-V"] {
        assert_eq!(asked(line), concat!("pattern ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn a_group_of_commands_lists_them() {
    for (line, command) in [("", "  sign-release "), ("config", "  check "), ("recovery", "  decrypt ")] {
        assert!(wrong(line).contains(command), "{line:?}");
    }
}

/// Each wrong command line, and what is said about it.
const WRONG: [(&str, &str); 34] = [
    ("help bulid", "pattern: unrecognized subcommand 'bulid'\n\n  tip: a similar subcommand exists: 'build'"),
    ("-q help bulid", "tip: a similar subcommand exists: 'build'"),
    ("help config chekc", "tip: a similar subcommand exists: 'check'"),
    ("config chekc", "tip: a similar subcommand exists: 'check'"),
    ("help frobnicate", "pattern: unrecognized subcommand 'frobnicate'"),
    ("bulid", "pattern: unrecognized subcommand 'bulid'\n\n  tip: a similar subcommand exists: 'build'"),
    ("build a b", "pattern: unexpected argument 'b' found"),
    ("build --sign-debug-as-production", "required arguments were not provided:\n  --keys <DIR>"),
    ("run", "required arguments were not provided:\n  <IMAGE>"),
    ("run i --fresh", "required arguments were not provided:\n  --persist <DIR>"),
    ("run --persist m --fresh", "required arguments were not provided:\n  <IMAGE>"),
    ("run i --dsk 1G", "tip: a similar argument exists: '--disk'"),
    ("run i --disk much", "'much' for '--disk <SIZE>': must be a whole number and a unit (K, M, G or T"),
    ("run i --memory 2000", "'2000' for '--memory <SIZE>': must be a size from 256M to 128T, such as \"2G\""),
    ("run i --server 0", "'0' for '--server <PORT>': must be a port: a number from 1 to 65535"),
    ("run i --load-credential x", "'x' for '--load-credential <ID:PATH>': \"x\" is not ID:PATH, such as"),
    ("gen-keyring a --epoch 0", "'0' for '--epoch <N>': must be a number from 1 to 2147483647"),
    ("sign-image r", "required arguments were not provided:\n  <KEYS>"),
    ("sign-release r", "required arguments were not provided:\n  <GPGHOME>"),
    ("sign-release r g --compress zstd", "for '--compress <HOW>'\n  [possible values: xz, gz, none]"),
    ("serve", "required arguments were not provided:\n  <DIR>"),
    ("serve r --address 8000", "'8000' for '--address <ADDR:PORT>': must be an address and a port, such as"),
    ("addon demo", "required arguments were not provided:\n  <WORD>..."),
    ("addon demo --key k quiet", "tip: a similar argument exists: '--keys'"),
    ("add-on demo quiet", "tip: a similar subcommand exists: 'addon'"),
    ("recovery decrypt", "required arguments were not provided:\n  --identity <KEYFILE>\n  <FILE>"),
    ("version", "pattern: unrecognized subcommand 'version'; type: pattern --version\n"),
    ("decrypt f", "subcommand 'decrypt'; type: pattern recovery decrypt FILE --identity KEYFILE\n"),
    (
        "recovery decrypt -i k f",
        "unexpected argument '-i' found; type: pattern recovery decrypt FILE --identity",
    ),
    ("run i --memory -1", "'-1' for '--memory <SIZE>': must be a whole number and a unit"),
    ("run i --disk -1G", "'-1G' for '--disk <SIZE>': "),
    ("run i --ssh -1", "'-1' for '--ssh <PORT>': must be a port: a number from 1 to 65535"),
    ("gen-keyring a --epoch -1", "'-1' for '--epoch <N>': must be a number from 1 to 2147483647"),
    ("config frob", "pattern: unrecognized subcommand 'frob'"),
];

#[test]
fn wrong_usage_says_what_would_be_right() {
    for (line, said) in WRONG {
        let text = wrong(line);
        assert!(text.starts_with("pattern: ") && text.contains(said), "{line:?}: {text}");
    }
}

#[test]
fn commands_of_the_machine_are_named_as_such() {
    let here = "is a command of the machine that an image runs on, not of the host tool\n";
    for command in ["status", "update", "rollback", "check-update", "etc", "rebind", "reset"] {
        for line in [command.to_owned(), format!("{command} --json"), format!("-q help {command}")] {
            assert_eq!(wrong(&line), format!("pattern: `pattern {command}` {here}"));
        }
    }
    for command in ["status", "confirm", "new", "wipe-slot 2"] {
        let name = command.split(' ').next().unwrap();
        assert_eq!(
            wrong(&format!("recovery {command}")),
            format!("pattern: `pattern recovery {name}` {here}")
        );
    }
    // A file of such a name is an argument like any other, and `confirm` alone is nobody's command.
    assert!(wrong("run update --frob").contains("unexpected argument '--frob'"));
    assert!(wrong("confirm").contains("unrecognized subcommand 'confirm'"));
}

/// As `--tools "$UNSET"`.
#[test]
fn an_empty_tools_tree_is_refused() {
    for line in ["init x --tools=", "build --tools=", "run x.raw --tools="] {
        let said = wrong(line);
        let wanted =
            "invalid value '' for '--tools <DIR>': it is empty: name a folder, or leave the option out";
        assert!(said.contains(wanted), "{line}: {said}");
    }
}
