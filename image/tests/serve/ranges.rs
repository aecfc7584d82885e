//! A machine fetches parts: one range at a time, of a file that is still the same.

use crate::rig::{CONTENT, Rig};

#[test]
fn one_range_is_given_out() {
    let rig = Rig::serves();
    for (range, place, body) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=0-99", "bytes 0-9/10", CONTENT),
    ] {
        let answer = rig.asks("GET", "/x_1.efi", &format!("Range: {range}\r\n"));
        assert_eq!((answer.status(), &*answer.body), ("206 Partial Content", body), "{range}");
        assert_eq!(answer.header("Content-Range"), Some(place), "{range}");
        assert_eq!(answer.header("Content-Length"), Some(&*body.len().to_string()), "{range}");
    }
}

#[test]
fn a_range_behind_the_end_is_refused() {
    let rig = Rig::serves();
    for range in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
        let answer = rig.asks("GET", "/x_1.efi", &format!("Range: {range}\r\n"));
        assert_eq!((answer.status(), &*answer.body), ("416 Range Not Satisfiable", ""), "{range}");
        assert_eq!(answer.header("Content-Range"), Some("bytes */10"), "{range}");
    }
}

#[test]
fn what_is_not_one_range_gets_the_whole_file() {
    let rig = Rig::serves();
    for range in ["bytes=0-1,3-4", "bytes=4-2", "bytes=x-", "blocks=0-1"] {
        let answer = rig.asks("GET", "/x_1.efi", &format!("Range: {range}\r\n"));
        assert_eq!((answer.status(), &*answer.body), ("200 OK", CONTENT), "{range}");
        assert_eq!(answer.header("Content-Range"), None, "{range}");
    }
    assert_eq!(rig.asks("HEAD", "/x_1.efi", "Range: bytes=0-1\r\n").status(), "200 OK");
}

#[test]
fn a_range_of_another_state_gets_the_whole_file() {
    let rig = Rig::serves();
    let first = rig.asks("GET", "/x_1.efi", "");
    for state in ["ETag", "Last-Modified"] {
        let state = first.header(state).unwrap();
        let answer = rig.asks("GET", "/x_1.efi", &format!("Range: bytes=2-4\r\nIf-Range: {state}\r\n"));
        assert_eq!((answer.status(), &*answer.body), ("206 Partial Content", "234"));
    }
    for state in ["\"other\"", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let answer = rig.asks("GET", "/x_1.efi", &format!("Range: bytes=2-4\r\nIf-Range: {state}\r\n"));
        assert_eq!((answer.status(), &*answer.body), ("200 OK", CONTENT));
    }
}
