//! What a request gets of a file: decided from the request and from facts about the file.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use pattern_serve::{Request, Status, Wanted, wanted};

use crate::release::{MANIFEST, SIGNATURE};

/// A year, in which a published file does not change.
const KEEP: &str = "public, max-age=31536000, immutable";
const ASK: &str = "no-cache";

/// What is known of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    /// In bytes.
    pub(super) length: u64,
    pub(super) modified: SystemTime,
}

impl Facts {
    /// Returns a text that is another one when the file has been replaced.
    fn tag(&self) -> String {
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        format!("\"{:x}-{:x}\"", self.length, since.as_nanos())
    }

    fn date(&self) -> String {
        httpdate::fmt_http_date(self.modified.max(SystemTime::UNIX_EPOCH))
    }

    /// Returns whether a client that names this state has the same file.
    fn is(&self, state: &str) -> bool {
        // A tag that begins with W/ does not promise the same bytes, and is never ours.
        if state.contains('"') { state == self.tag() } else { state == self.date() }
    }
}

/// Decides what a request gets of a file of this name: status, headers and bytes.
pub(super) fn decide(
    request: &Request,
    name: &str,
    facts: &Facts,
) -> (Status, Vec<(&'static str, String)>, Range<u64>) {
    let cache = if [MANIFEST, SIGNATURE].contains(&name) { ASK } else { KEEP };
    let mut headers = vec![
        ("Accept-Ranges", "bytes".to_owned()),
        ("Cache-Control", cache.to_owned()),
        ("ETag", facts.tag()),
        ("Last-Modified", facts.date()),
    ];
    let whole = 0..facts.length;
    match of(request, facts) {
        Wanted::Whole => {
            headers.push(("Content-Type", "application/octet-stream".to_owned()));
            (Status::Ok, headers, whole)
        }
        Wanted::Part(part) => {
            let range = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), facts.length);
            headers.push(("Content-Type", "application/octet-stream".to_owned()));
            headers.push(("Content-Range", range));
            (Status::Partial, headers, part)
        }
        Wanted::Outside => {
            let range = format!("bytes */{}", facts.length);
            (Status::Outside, vec![("Cache-Control", ASK.to_owned()), ("Content-Range", range)], 0..0)
        }
    }
}

fn of(request: &Request, facts: &Facts) -> Wanted {
    let is_same = request.if_range.as_deref().is_none_or(|state| facts.is(state));
    // The standard has ranges for GET alone.
    match &request.range {
        Some(range) if request.method == "GET" && is_same => wanted(range, facts.length),
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts { length: 10, modified: SystemTime::UNIX_EPOCH };

    fn get(range: Option<&str>, if_range: Option<&str>) -> Request {
        Request {
            method: "GET".to_owned(),
            target: "/file".to_owned(),
            range: range.map(str::to_owned),
            if_range: if_range.map(str::to_owned),
            stays: true,
        }
    }

    fn header(headers: &[(&str, String)], name: &str) -> Option<String> {
        headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_range_gets_a_part_with_its_place() {
        let (status, headers, part) = decide(&get(Some("bytes=2-3"), None), "file", &FACTS);
        assert_eq!((status, part), (Status::Partial, 2..4));
        assert_eq!(header(&headers, "Content-Range").as_deref(), Some("bytes 2-3/10"));
        let (status, headers, part) = decide(&get(Some("bytes=10-"), None), "file", &FACTS);
        assert_eq!((status, part), (Status::Outside, 0..0));
        assert_eq!(header(&headers, "Content-Range").as_deref(), Some("bytes */10"));
        assert_eq!(header(&headers, "ETag"), None);
    }

    #[test]
    fn a_range_counts_only_for_the_same_file() {
        let (tag, date) = (FACTS.tag(), FACTS.date());
        for (state, wanted) in [
            (Some(&*tag), Status::Partial),
            (Some(&*date), Status::Partial),
            (Some("\"other\""), Status::Ok),
            (Some(&*format!("W/{tag}")), Status::Ok),
            (Some("Thu, 01 Jan 1970 00:00:01 GMT"), Status::Ok),
            (None, Status::Partial),
        ] {
            assert_eq!(decide(&get(Some("bytes=2-3"), state), "file", &FACTS).0, wanted, "{state:?}");
        }
        let other = Facts { modified: SystemTime::UNIX_EPOCH + Duration::from_nanos(1), ..FACTS };
        assert_ne!(other.tag(), tag);
    }

    #[test]
    fn a_head_is_that_of_the_whole_file() {
        let head = Request { method: "HEAD".to_owned(), ..get(Some("bytes=2-3"), None) };
        let (status, _, part) = decide(&head, "file", &FACTS);
        assert_eq!((status, part), (Status::Ok, 0..10));
    }

    #[test]
    fn only_the_sums_and_their_signature_may_change() {
        for (name, wanted) in [("SHA256SUMS", ASK), ("SHA256SUMS.gpg", ASK), ("x_1.efi", KEEP)] {
            let (_, headers, _) = decide(&get(None, None), name, &FACTS);
            assert_eq!(header(&headers, "Cache-Control").as_deref(), Some(wanted), "{name}");
        }
    }
}
