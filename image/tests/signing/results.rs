//! What was made is on standard output, as paths or as one JSON object; how it went is on standard
//! error. mkosi and the tools tree are stand-ins, which write a few bytes.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::place::Place;

/// Makes a tools tree that has only an mkosi.
const TOOLS: &str = r#"#!/bin/sh -e
echo '‣  Making the tools tree'
cat >"$1/mkosi" <<'END'
#!/bin/sh -e
for option; do case $option in
    summary) echo '{"Images":[{"Distribution":"debian","Release":"trixie"}]}'; exit ;;
    --output-directory=*) to=${option#*=} ;;
esac; done
echo '‣  Building'
for name in raw efi usr.0a.raw verity.0b.raw; do echo $name >"$to/x_1.$name"; done
echo '{"config":{"distribution":"debian","release":"trixie"},"packages":[{"type":"deb","name":"kmod","version":"34","architecture":"amd64"}]}' | tee "$to/initrd.manifest" >"$to/x_1.manifest"
: >"$to/users.lock"
END
chmod +x "$1/mkosi"
"#;

const CONFIG: &str = r#"
[image]
id = "x"
version = "1"
updates = { url = "https://example.org/", pubring = "x-pubring.pgp" }
[partitions]
sizes = { esp = "200M", verity = "200M", usr = "2G" }
[volume]
recovery_key = true
"#;

/// With a keyring, and all that `pattern build` asks for.
fn place() -> Place {
    let place = Place::with_keys();
    fs::write(place.path("pattern.toml"), CONFIG).unwrap();
    fs::write(place.path("mkosi.conf"), "[Content]\nPackages=linux-image-amd64\n").unwrap();
    fs::write(place.path("users.lock"), "").unwrap();
    for folder in ["share/pattern/mkosi", "share/pattern/units", "lib/pattern"] {
        fs::create_dir_all(place.path("installed").join(folder)).unwrap();
    }
    for program in ["pattern-initrd", "pattern-fetch"] {
        fs::write(place.path("installed/lib/pattern").join(program), "").unwrap();
    }
    fs::write(place.path("installed/share/pattern/components"), "rust 1.95.0\n").unwrap();
    fs::write(place.path("installed/share/pattern/components-of-fetch"), "rust 1.95.0\n").unwrap();
    let tools = place.path("installed/share/pattern/tools");
    fs::write(&tools, TOOLS).unwrap();
    fs::set_permissions(&tools, fs::Permissions::from_mode(0o755)).unwrap();
    place
}

const BUILD: [&str; 3] = ["build", "--data", "installed/share/pattern"];

fn parsed(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn each_step_is_told_once_and_each_file_printed() {
    let place = place();
    let (made, told) = place.tells(&BUILD);
    let files = ["x_1.efi", "x_1.raw", "x_1_0a_11.usr.raw", "x_1_0b_14.verity.raw"];
    let names = files.into_iter().chain(["x_1.pubring.pgp", "x_1.spdx.json", "x_1.manifest"]);
    let paths: String = names.map(|name| format!("build/images/x_1/{name}\n")).collect();
    assert_eq!(made, paths);
    // Notes about the folder come first.
    let steps = told.lines().filter(|line| line.contains(" s): ")).filter_map(|line| line.split_once(" ("));
    let steps: Vec<&str> = steps.map(|(step, _)| step).collect();
    assert_eq!(steps, ["tools tree", "initrd", "image"], "{told}");
    assert!(told.contains(" s): done\n") && !told.contains(['\r', '\x1b', '…']), "{told}");

    assert!(told.contains("\nNothing is signed, because --keys names no keys: "), "{told}");

    let (made, told) = place.tells(&["sign-release", "build/images/x_1", "x-gpg", "--compress", "none"]);
    let published = ["x_1.efi", "x_1.raw", "x_1.spdx.json", "x_1_0a_11.usr.raw", "x_1_0b_14.verity.raw"];
    assert_eq!(made, published.map(|name| format!("pattern-release/{name}\n")).concat());
    assert!(told.starts_with("build/images/x_1 (") && told.contains("\nSigned with key "), "{told}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_script_takes_paths_from_json() {
    let place = place();
    let keyring = parsed(&place.succeeds(&["gen-keyring", "y", "--json"]));
    assert_eq!(keyring, json!({ "pubring": "y-pubring.pgp", "gpg": "y-gpg", "keys": "y-keys" }));
    let added = parsed(&place.succeeds(&["gen-keyring", "y", "--json", "--epoch", "1"]));
    let epoch = ["y-keys/pcr-epoch-1-private.pem", "y-keys/pcr-epoch-1-public.pem"];
    assert_eq!(added, json!({ "keys": "y-keys", "added": epoch }));

    let built = parsed(&place.succeeds(&[&BUILD[..], &["--json"]].concat()));
    assert_eq!(built["image"], "build/images/x_1/x_1.raw");
    assert_eq!(built["files"].as_array().unwrap().len(), 7, "{built}");
    let result = built["result"].as_str().unwrap();
    let signed = parsed(&place.succeeds(&["sign-release", result, "x-gpg", "--json", "--compress", "gz"]));
    assert_eq!(signed["release"], "pattern-release");
    assert_eq!(signed["key"].as_str().unwrap().len(), 40, "{signed}");
    assert_eq!(signed["files"][1], "pattern-release/x_1.raw.gz");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn what_was_made_stays_if_its_name_can_t_be_printed() {
    let place = place();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (arguments, made) in [
        (&["gen-keyring", "y"][..], "y-pubring.pgp"),
        (&BUILD, "build/images/x_1/SHA256SUMS"),
        (&["sign-release", "build/images/x_1", "x-gpg", "--deltas=0"], "pattern-release/SHA256SUMS.gpg"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.arg("--quiet").args(arguments).current_dir(place.path("")).stdout(full());
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.starts_with("pattern: writing to standard output: No space left on device"), "{error}");
        assert!(place.path(made).exists(), "{made}");
    }
}
