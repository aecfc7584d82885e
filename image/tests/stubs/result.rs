//! `pattern build`: a result is replaced on request only, as a whole, and goes where nothing else is.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use crate::host::{Host, is_running, send};

pub(crate) const BUILT: [&str; 8] = [
    "SHA256SUMS",
    "x_1.efi",
    "x_1.manifest",
    "x_1.pubring.pgp",
    "x_1.raw",
    "x_1.spdx.json",
    "x_1_0a_11.usr.raw",
    "x_1_0b_14.verity.raw",
];
pub(crate) const RESULT: &str = "build/images/x_1";

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_version_is_replaced_on_request_and_what_is_not_its_own_stays() {
    let host = Host::with_mkosi();
    let error = host.fails(&["build", "x", "--output", "x"]);
    assert!(
        error.contains("building into x: it holds the image's own files; name another folder"),
        "{error}"
    );
    host.succeeds(&["build", "x"]);
    assert_eq!(host.names(RESULT), BUILT);
    let error = host.fails(&["build", "x", "--force", "--output", RESULT]);
    let wanted = "pattern: building into build/images/x_1: it is the result of a build, and results go into a folder of their own \
                  below --output; name another one, such as the default, build/images\n";
    assert!(error.ends_with(wanted), "{error}");
    for (name, text) in [("x_1.raw", "older"), ("disk.raw", "a machine"), ("x_1_0c_9.usr.raw", "older")] {
        fs::write(host.path(RESULT).join(name), text).unwrap();
    }
    fs::create_dir(host.path(RESULT).join("tpm")).unwrap();
    let before = host.names(RESULT);
    fs::remove_file(host.path("stubs/initrd")).unwrap();
    fs::remove_dir_all(host.path("build/images/.work")).unwrap();
    let error = host.fails(&["build", "x"]);
    let wanted = "x_1 was built already (build/images/x_1/x_1_0c_9.usr.raw): raise image.version, or replace it with --force\n";
    assert!(error.ends_with(wanted), "{error}");
    assert_eq!(host.names(RESULT), before);
    assert!(!host.path("build/images/.work").exists(), "a refused build left its folder");
    assert!(!host.path("stubs/initrd").exists(), "mkosi was started");

    host.succeeds(&["build", "x", "--force"]);
    let mut wanted = [&BUILT[..], &["disk.raw", "tpm"]].concat();
    wanted.sort_unstable();
    assert_eq!(host.names(RESULT), wanted);
    let read = |name: &str| fs::read_to_string(host.path(RESULT).join(name)).unwrap();
    assert_eq!((read("x_1.raw").as_str(), read("disk.raw").as_str()), ("raw\n", "a machine"));
}

/// A tree of the image would have the results of the build before.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn results_do_not_go_among_keys_nor_into_what_mkosi_reads() {
    let host = Host::with_mkosi();
    fs::create_dir(host.path("x/mkosi.extra")).unwrap();
    let here = host.path("").canonicalize().unwrap();
    let of = |name: &str, kind: &str| format!("{} is {kind}: name another folder", here.join(name).display());
    for (to, message) in [
        ("x-keys", of("x-keys", "a folder of secret keys")),
        ("x-keys/images", of("x-keys", "a folder of secret keys")),
        ("x-gpg", of("x-gpg", "a GnuPG home")),
        ("x/mkosi.extra", "mkosi reads x/mkosi.extra for the image; name another folder".to_owned()),
        ("x/mkosi.conf.d/a", "mkosi reads x/mkosi.conf.d for the image; name another folder".to_owned()),
    ] {
        let error = host.fails(&["build", "x", "--output", to]);
        assert!(error.contains(&format!("building into {to}: {message}")), "{error}");
    }
    assert!(!host.path("x-keys/.work").exists() && !host.path("x/mkosi.conf.d").exists());
    host.succeeds(&["build", "x", "--output", "x/build/images"]);
}

/// Names and content of a result.
fn content(host: &Host) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), fs::read(host.path(RESULT).join(name)).unwrap());
    host.names(RESULT).into_iter().map(read).collect()
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_earlier_result_stays_whole_when_the_end_of_another_build_fails() {
    let host = Host::with_mkosi();
    host.succeeds(&["build", "x"]);
    let before = content(&host);
    let components = host.path("data/share/pattern/components");
    fs::write(&components, "").unwrap();
    let error = host.fails(&["build", "x", "--force"]);
    assert!(
        error.contains("SBOM: reading ") && error.ends_with("/components: it lists nothing\n"),
        "{error}"
    );
    assert_eq!(content(&host), before);

    fs::write(&components, "rust 1.95.0\n").unwrap();
    // The list of what the image is made of needs sums of single files. All files are summed up at the end.
    let sums = "#!/bin/sh\n[ $# = 2 ] && PATH=${PATH#*:} exec sha256sum \"$@\"\n\
                echo $$ >\"$STUBS/sums\"\nexec sleep 1000\n";
    host.program("stubs/bin/sha256sum", sums);
    let mut build = host.starts(host.pattern(":", &["build", "x", "--force"]), "sums");
    send("INT", &build.id().to_string());
    assert_eq!(build.wait().unwrap().signal(), Some(2));
    assert_eq!(content(&host), before);
    assert!(!is_running(&host.process("sums")));

    fs::remove_file(host.path("stubs/bin/sha256sum")).unwrap();
    host.succeeds(&["build", "x", "--force"]);
    assert_eq!(host.names(RESULT), BUILT);
}

/// As a power cut leaves it between two files.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_result_without_sums_is_not_taken_for_one() {
    let host = Host::with_mkosi();
    host.succeeds(&["build", "x"]);
    fs::remove_file(host.path(RESULT).join("SHA256SUMS")).unwrap();
    fs::File::create(host.path("disk.img")).unwrap().set_len(8 << 20).unwrap();
    let wanted = "build/images/x_1: the build of x_1 did not finish, because SHA256SUMS is missing: build it again with --force\n";
    for arguments in [
        &["build", "x"][..],
        &["sign-release", RESULT, "x-gpg"],
        &["show", RESULT],
        &["run", RESULT],
        &["burn", RESULT, "disk.img"],
    ] {
        let error = host.fails(arguments);
        assert!(error.ends_with(wanted), "{arguments:?}: {error}");
    }
    host.succeeds(&["build", "x", "--force"]);
    assert_eq!(host.names(RESULT), BUILT);
}
