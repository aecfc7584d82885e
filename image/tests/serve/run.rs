//! The command says where it listens and what machines have to ask for, shows each request, and ends by the signal that comes. It
//! serves nothing but a release.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;

use crate::rig::Rig;

#[test]
fn it_ends_by_the_signal_that_comes() {
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let rig = Rig::serves();
        // A client that waits does not keep it. What controls a terminal is shown, and not done.
        let mut waiting = rig.connect();
        assert_eq!(rig.asks("GET", "/x_2.efi\u{9b}", "").status(), "404 Not Found");
        rig.asks("GET", "/x_1.efi", "Range: bytes=2-3\r\n");
        let port = rig.address().rsplit(':').next().unwrap().to_owned();
        let output = rig.stop(signal);
        assert_eq!(output.status.signal(), Some(number));
        let said = String::from_utf8(output.stderr).unwrap();
        let wanted = format!(
            "Only this host reaches it. For machines of `pattern run --server {port}`, put into pattern.toml: updates.url = \
             \"http://10.0.2.100:8000\"\nCtrl-C ends it.\nGET /x_2.efi\\u{{9b}}: 404 Not Found\nGET /x_1.efi: 206 Partial Content, \
             bytes 2-3\npattern: stopped by SIG{signal}\n"
        );
        assert_eq!(said, wanted);
        assert_eq!(waiting.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn what_is_not_a_release_is_not_served() {
    let rig = Rig::new();
    fs::remove_file(rig.path("release/SHA256SUMS.gpg")).unwrap();
    let wanted = "pattern: release is not a release, because it has no SHA256SUMS.gpg: name the folder that `pattern \
                  sign-release` wrote\n";
    let output = rig.pattern(&["release", "--address", "127.0.0.1:0"]).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(1), wanted));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_address_that_is_in_use_is_named() {
    let rig = Rig::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let output = rig.pattern(&["release", "--address", &address]).output().unwrap();
    let wanted = format!(
        "pattern: listening on {address}: name another one with --address: Address already in use (os error 98)\n"
    );
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), wanted));
}
