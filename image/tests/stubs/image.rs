//! `pattern run IMAGE` starts an image, and says what is wrong with anything else before it makes something.

use std::fs;
use std::process::Command;

use crate::host::Host;

#[test]
fn what_is_not_an_image_is_not_started() {
    let host = Host::new();
    fs::write(host.path("text.raw"), "hello\n").unwrap();
    fs::write(host.path("x_1.raw.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    fs::create_dir(host.path("x_1")).unwrap();
    for (image, message) in [
        ("text.raw", "pattern: text.raw is not an image by `pattern build`: it has no partition table\n"),
        ("x_1.raw.xz", "pattern: x_1.raw.xz is compressed; unpack it: xz --decompress --keep x_1.raw.xz\n"),
        ("x_1", "pattern: reading x_1: it has no image: no file ID_VERSION.raw, .raw.xz or .raw.gz\n"),
        ("/dev/null", "pattern: /dev/null is not a file: name the image that `pattern build` made\n"),
    ] {
        assert_eq!(host.fails(&["run", image, "--persist", "m"]), message);
    }
    assert!(!host.path("m").exists() && !host.path("stubs/qemu").exists());
}

#[test]
fn a_folder_stands_for_the_newest_image_in_it() {
    let host = Host::new();
    fs::create_dir(host.path("x")).unwrap();
    host.image("x/x_9.raw", 1);
    host.image("x/x_10.raw", 2);
    fs::write(host.path("x/x_10.efi"), "").unwrap();
    host.succeeds(&["run", "x", "--persist", "m"]);
    let made = fs::read_to_string(host.path("m/made-from.json")).unwrap();
    assert!(made.contains("\"x_10.raw\""), "{made}");
}

#[test]
fn a_disk_is_not_smaller_than_its_image() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    let error = host.fails(&["run", "x_1.raw", "--persist", "m", "--disk", "1M"]);
    assert_eq!(error, "pattern: --disk: x_1.raw has 4 MiB, more than 1 MiB\n");
    assert!(!host.path("m").exists());
}

/// What a release has, in the form that a downloader gets.
#[test]
#[ignore = "needs xz-utils; `make test` runs it"]
fn a_compressed_image_is_shown_as_it_is_unpacked() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    for (packer, name) in [("xz", "x_1.raw.xz"), ("gzip", "x_1.raw.gz")] {
        let status = Command::new(packer).args(["--keep", "x_1.raw"]).current_dir(host.path("")).status();
        assert!(status.unwrap().success());
        let shown =
            |image| String::from_utf8(host.succeeds(&["show", image, "--tools", "t"]).stdout).unwrap();
        assert!(shown(name).contains("usr-1"), "{}", shown(name));
        assert_eq!(shown(name).replace(name, "x_1.raw"), shown("x_1.raw"));
        let packed = fs::read(host.path(name)).unwrap();
        fs::write(host.path(name), &packed[..packed.len() / 2]).unwrap();
        let error = host.fails(&["show", name, "--tools", "t"]);
        assert!(error.starts_with(&format!("pattern: decompressing {name}: exit status: ")), "{error}");
        assert!(host.names("temporary").is_empty());
    }
}
