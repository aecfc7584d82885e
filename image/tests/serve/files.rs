//! The files of the folder are given out, with what a cache may do with them. Nothing else is: nothing in folders, nothing hidden,
//! nothing that a link leads to, nothing that has no end.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::rig::{CONTENT, Rig};

#[test]
fn a_file_is_given_out_with_what_a_cache_may_do() {
    let rig = Rig::serves();
    let file = rig.asks("GET", "/x_1.efi", "");
    assert_eq!((file.status(), file.body.as_str()), ("200 OK", CONTENT));
    assert_eq!((file.header("Content-Length"), file.header("Accept-Ranges")), (Some("10"), Some("bytes")));
    assert_eq!(file.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    assert!(file.header("Last-Modified").is_some_and(|date| date.ends_with(" GMT")), "{file:?}");
    let sums = rig.asks("GET", "//SHA256SUMS", "");
    assert_eq!((sums.body.as_str(), sums.header("Cache-Control")), ("sums", Some("no-cache")));
    assert_eq!(rig.asks("GET", "/SHA256SUMS.gpg", "").header("Cache-Control"), Some("no-cache"));
    // A file that was replaced has another tag.
    let tag = sums.header("ETag").unwrap().to_owned();
    assert_eq!(rig.asks("GET", "/SHA256SUMS", "").header("ETag"), Some(tag.as_str()));
    fs::write(rig.path("release/SHA256SUMS"), "more sums").unwrap();
    let sums = rig.asks("GET", "/SHA256SUMS", "");
    assert_eq!(sums.body, "more sums");
    assert_ne!(sums.header("ETag"), Some(tag.as_str()));
}

#[test]
fn a_head_comes_without_the_file() {
    let rig = Rig::serves();
    let head = rig.asks("HEAD", "/x_1.efi", "");
    assert_eq!((head.status(), head.header("Content-Length"), &*head.body), ("200 OK", Some("10"), ""));
    assert_eq!(rig.asks("HEAD", "/x_2.efi", "").status(), "404 Not Found");
}

#[test]
fn nothing_else_is_given_out() {
    let rig = Rig::serves();
    let release = rig.path("release");
    fs::write(rig.path("secret"), "secret").unwrap();
    fs::write(release.join(".hidden"), "secret").unwrap();
    fs::create_dir(release.join("folder")).unwrap();
    fs::write(release.join("folder/file"), "secret").unwrap();
    symlink("../secret", release.join("link")).unwrap();
    symlink("/etc/passwd", release.join("far")).unwrap();
    symlink(".", release.join("loop")).unwrap();
    assert!(Command::new("mkfifo").arg(release.join("fifo")).status().unwrap().success());
    for path in [
        "/x_2.efi",
        "/../secret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/..%2Fsecret",
        "/x/../../secret",
        "/.hidden",
        "/%2ehidden",
        "/folder",
        "/folder/",
        "/folder/file",
        "/folder%2ffile",
        "/link",
        "/far",
        "/loop/x_1.efi",
        "/fifo",
        "/",
        "//etc/passwd",
        "/x_1.efi%00",
        "/x_1.efi/",
        "http://x/../secret",
    ] {
        let answer = rig.asks("GET", path, "");
        assert_eq!((answer.status(), &*answer.body), ("404 Not Found", ""), "{path}");
    }
    assert_eq!(rig.asks("GET", "/x%5f1.efi", "").body, CONTENT);
}

#[test]
fn nothing_can_be_changed() {
    let rig = Rig::serves();
    for method in ["PUT", "POST", "DELETE", "OPTIONS", "get"] {
        let answer = rig.asks(method, "/x_1.efi", "");
        assert_eq!(answer.status(), "405 Method Not Allowed", "{method}");
        assert_eq!(answer.header("Allow"), Some("GET, HEAD"), "{method}");
    }
    assert_eq!(fs::read_to_string(rig.path("release/x_1.efi")).unwrap(), CONTENT);
}
