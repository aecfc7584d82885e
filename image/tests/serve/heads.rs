//! A head that breaks the rules gets an answer that says so, and does not stop the server: the next client is served.

use std::io::{Read as _, Write as _};

use crate::rig::{CONTENT, Rig};

#[test]
fn a_hostile_head_is_answered_and_the_next_client_served() {
    let rig = Rig::serves();
    let line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    let endless = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "b".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100));
    for (head, status) in [
        (line.as_bytes(), "431 Request Header Fields Too Large"),
        (endless.as_bytes(), "431 Request Header Fields Too Large"),
        (many.as_bytes(), "431 Request Header Fields Too Large"),
        (b"GET /x_1.efi HTTP/2.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported"),
        (b"GET /x_1.efi HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (b"GET /x_1.efi\r\n\r\n", "400 Bad Request"),
        (b"GET /x_1.efi HTTP/1.1\r\nHost: x\r\n no: way\r\n\r\n", "400 Bad Request"),
        (b"GET /x_1.efi HTTP/1.1\r\nHost: x\r\n", "400 Bad Request"),
        (b"\0\0\0\0\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "400 Bad Request"),
    ] {
        let answer = rig.says(head);
        assert_eq!(answer.status(), status, "{:.60?}", String::from_utf8_lossy(head));
        assert_eq!(answer.header("Connection"), Some("close"));
        assert_eq!(rig.asks("GET", "/x_1.efi", "").body, CONTENT);
    }
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let rig = Rig::serves();
    let one = "GET /x_1.efi HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n";
    let last = "GET /x_1.efi HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut stream = rig.connect();
    stream.write_all(format!("{one}{one}{last}{one}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 206 ").count(), 2, "{text}");
    assert_eq!((text.matches("HTTP/1.1 200 ").count(), text.ends_with(CONTENT)), (1, true), "{text}");
}

/// What follows the content could be taken for a request that somebody else made.
#[test]
fn nothing_is_read_behind_content() {
    let rig = Rig::serves();
    let inner = "GET /SHA256SUMS HTTP/1.1\r\nHost: x\r\n\r\n";
    for how in [format!("Content-Length: {}", inner.len()), "Transfer-Encoding: chunked".to_owned()] {
        let outer = format!("GET /x_1.efi HTTP/1.1\r\nHost: x\r\n{how}\r\n\r\n{inner}");
        let answer = rig.says(outer.as_bytes());
        assert_eq!((answer.header("Connection"), &*answer.body), (Some("close"), CONTENT), "{how}");
    }
}

/// Clients that connect and say nothing hold up only those that are too many.
#[test]
fn clients_that_say_nothing_are_as_many_as_there_is_room_for() {
    let rig = Rig::serves();
    let mut silent: Vec<_> = (0..40).map(|_| rig.connect()).collect();
    assert_eq!(rig.asks("GET", "/x_1.efi", "").body, CONTENT);
    silent.extend((0..60).map(|_| rig.connect()));
    let mut text = String::new();
    rig.connect().read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
    assert!(text.contains("Retry-After: "), "{text}");
    drop(silent);
}
