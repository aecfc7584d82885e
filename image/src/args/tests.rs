//! Valid and invalid command lines.

use super::*;

fn parsed(line: &str) -> Result<Command, String> {
    parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
}

#[test]
fn check_takes_files() {
    let files = vec!["a.toml".into(), "b.toml".into()];
    assert_eq!(parsed("config check a.toml --json b.toml"), Ok(Command::Check(Check { files, json: true })));
}

#[test]
fn run_takes_sizes() {
    let run = Run {
        image: "i.raw".into(),
        disk: Some(Growth::By(Size::from_bytes(50 << 30))),
        persist: Some("state".into()),
        memory: Size::from_bytes(1 << 30),
        secure_boot: true,
        append: String::new(),
        display: Some("gtk".into()),
        credentials: vec![credential::Source { id: "home.create.me".into(), path: "me.json".into() }],
        server: Some(8000),
        tools: "build/tools".into(),
    };
    let line = "run i.raw --secure-boot --disk +50G --persist state --memory=1G --server 8000 --load-credential home.create.me:me.json --display gtk";
    assert_eq!(parsed(line), Ok(Command::Run(run)));
}

#[test]
fn build_has_defaults() {
    let build = Build {
        folder: "demo".into(),
        keys: None,
        debug_as_production: false,
        output: "build/images".into(),
        tools: "build/tools".into(),
        data: None,
    };
    assert_eq!(parsed("build demo"), Ok(Command::Build(build)));
}

#[test]
fn gen_keyring_takes_a_name() {
    let mut keyring =
        GenKeyring { name: "demo/demo".into(), add_missing: false, epoch: None, tools: "t".into() };
    assert_eq!(parsed("gen-keyring demo/demo --tools t"), Ok(Command::GenKeyring(keyring.clone())));
    keyring.add_missing = true;
    assert_eq!(
        parsed("gen-keyring --add-missing demo/demo --tools t"),
        Ok(Command::GenKeyring(keyring.clone()))
    );
    (keyring.add_missing, keyring.epoch) = (false, Some(2));
    assert_eq!(parsed("gen-keyring demo/demo --epoch 2 --tools t"), Ok(Command::GenKeyring(keyring)));
    let both = parsed("gen-keyring demo --epoch 2 --add-missing").unwrap_err().to_string();
    assert_eq!(both, "gen-keyring: give --add-missing or --epoch, not both");
}

#[test]
fn sign_release_has_defaults() {
    let mut release = SignRelease {
        result: "build/images/demo_1".into(),
        home: "demo-gpg".into(),
        output: "pattern-release".into(),
        compression: Compression::Xz,
        tools: "build/tools".into(),
    };
    let line = "sign-release build/images/demo_1 demo-gpg";
    assert_eq!(parsed(line), Ok(Command::SignRelease(release.clone())));
    release.output = "www".into();
    release.compression = Compression::None;
    let line = format!("{line} --output www --compress=none");
    assert_eq!(parsed(&line), Ok(Command::SignRelease(release)));
}

#[test]
fn decrypt_takes_a_file_and_a_key() {
    let decrypt = Decrypt { file: "-".into(), identity: "key".into() };
    assert_eq!(parsed("recovery decrypt - --identity key"), Ok(Command::Decrypt(decrypt)));
}

#[test]
fn wrong_usage_says_what_is_wrong() {
    let cases = [
        ("", "a command is missing"),
        ("frob", "no command \"frob\""),
        ("config", "config: which command? There is: check"),
        ("config check", "config check: a FILE is missing"),
        ("build", "build: a DIR is missing"),
        (
            "build demo --sign-debug-as-production",
            "build: --sign-debug-as-production needs --keys DIR: without keys nothing is signed",
        ),
        ("build a b", "unexpected argument \"b\""),
        ("run", "run: an IMAGE is missing"),
        ("run i --frob", "invalid option '--frob'"),
        ("gen-keyring", "gen-keyring: a NAME is missing"),
        ("gen-keyring a b", "unexpected argument \"b\""),
        ("gen-keyring a --epoch 0", "cannot parse argument \"0\": it must be a number from 1 to 2147483647"),
        ("sign-release", "sign-release: a RESULT is missing: the folder that `pattern build` wrote"),
        ("sign-release r", "sign-release: a GPGHOME is missing: `pattern gen-keyring` makes one"),
        ("sign-release r g s", "unexpected argument \"s\""),
        ("recovery", "recovery: which command? There is: decrypt"),
        ("recovery decrypt", "recovery decrypt: a FILE is missing: EFI/pattern/UUID.age of the machine"),
        ("recovery decrypt f", "recovery decrypt: --identity KEYFILE is missing: age-keygen made it"),
        ("--version now", "unexpected argument \"now\""),
    ];
    for (line, message) in cases {
        assert_eq!(parsed(line), Err(message.to_owned()), "{line:?}");
    }
    let message = parsed("run i --disk much").unwrap_err();
    assert!(message.contains("such as \"200M\""), "{message}");
    let message = parsed("sign-release r g --compress zstd").unwrap_err();
    assert!(message.contains("must be xz, gz or none, not \"zstd\""), "{message}");
}

#[test]
fn every_long_option_is_in_the_help() {
    for option in [
        "json", "output", "tools", "data", "disk", "persist", "memory", "append", "server", "compress",
        "identity",
    ] {
        assert!(HELP.contains(&format!("--{option} ")), "{option}");
    }
}
