//! What a client asks for: the head of a request of HTTP/1 (RFC 9112), as strangers may send it.

use httparse::{EMPTY_HEADER, Error, Header, Status as Parsed};

use crate::status::Status;

/// A head has at most this many bytes. A release asks for far less.
pub(crate) const LONGEST: usize = 8 << 10;
const MOST_HEADERS: usize = 64;

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// What follows the method, as the client wrote it: a path such as `/SHA256SUMS`.
    pub target: String,
    /// The header `Range`.
    pub range: Option<String>,
    /// The header `If-Range`: the range counts only for this state of the file.
    pub if_range: Option<String>,
    /// Whether another request may follow on the same connection.
    pub stays: bool,
}

/// Parses what came so far. Returns the request and the length of its head, or `None` if its end is missing.
///
/// # Errors
/// The status that tells the client what is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Status> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(Parsed::Complete(length)) if length <= LONGEST => length,
        Ok(Parsed::Partial) if bytes.len() < LONGEST => return Ok(None),
        Ok(_) | Err(Error::TooManyHeaders) => return Err(Status::TooLarge),
        Err(Error::Version) => return Err(Status::Version),
        Err(_) => return Err(Status::Bad),
    };
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Err(Status::Bad);
    };
    let hosts = all(head.headers, "Host").count();
    if hosts > 1 || (minor > 0 && hosts == 0) {
        return Err(Status::Bad);
    }
    let request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        range: only(head.headers, "Range"),
        if_range: only(head.headers, "If-Range"),
        stays: minor > 0 && !is_last(head.headers),
    };
    Ok(Some((request, length)))
}

impl Request {
    /// Returns the name of the file that is meant, if that can be one: no folder, and not hidden. A machine may put one slash
    /// more before it than its address needs.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let path = self.target.split_once("://").map_or(&*self.target, |(_, rest)| from_slash(rest));
        let name = path.split('?').next()?.strip_prefix('/')?.trim_start_matches('/');
        let name = String::from_utf8(decoded(name)?).ok()?;
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        is_plain.then_some(name)
    }
}

/// Returns the path of an address without its scheme.
fn from_slash(rest: &str) -> &str {
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// Undoes percent-encoding (RFC 3986), once. Returns `None` if the digits are wrong.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    Some(bytes)
}

fn all<'a>(headers: &'a [Header], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| std::str::from_utf8(header.value).unwrap_or_default())
}

/// A header that is there twice says nothing for sure.
fn only(headers: &[Header], name: &str) -> Option<String> {
    let mut all = all(headers, name);
    all.next().filter(|_| all.next().is_none()).map(str::to_owned)
}

/// Returns whether nothing more can be read from the connection. We read no content: what follows it would be taken for a request.
fn is_last(headers: &[Header]) -> bool {
    let closes = |value: &str| value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
    let is_content = |value: &str| value.trim() != "0";
    all(headers, "Connection").any(closes)
        || all(headers, "Content-Length").any(is_content)
        || all(headers, "Transfer-Encoding").next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &str) -> Request {
        parse(head.as_bytes()).unwrap().unwrap().0
    }

    fn name(target: &str) -> Option<String> {
        request(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).name()
    }

    #[test]
    fn a_head_is_read_as_soon_as_its_end_is_there() {
        let head = "GET /a HTTP/1.1\r\nhost: x\r\nRANGE: bytes=0-1\r\nif-range: \"e\"\r\n\r\n";
        let (found, length) = parse(format!("{head}GET /b").as_bytes()).unwrap().unwrap();
        assert_eq!((found.method.as_str(), found.target.as_str(), length), ("GET", "/a", head.len()));
        assert_eq!((found.range.as_deref(), found.if_range.as_deref()), (Some("bytes=0-1"), Some("\"e\"")));
        assert!(found.stays);
        for end in 0..head.len() {
            assert_eq!(parse(&head.as_bytes()[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn hostile_heads_are_refused_with_a_status() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(LONGEST));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(MOST_HEADERS));
        for (head, status) in [
            (&*long, Status::TooLarge),
            (&long[..LONGEST], Status::TooLarge),
            (&many, Status::TooLarge),
            ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", Status::Version),
            ("GET / HTTP/1.1\r\n\r\n", Status::Bad),
            ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Status::Bad),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", Status::Bad),
            ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", Status::Bad),
            ("G\0T / HTTP/1.1\r\nHost: x\r\n\r\n", Status::Bad),
            ("\x16\x03\x01\x02", Status::Bad),
        ] {
            assert_eq!(parse(head.as_bytes()), Err(status), "{head:.60?}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_ignored() {
        let twice = request("GET /a HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n");
        assert_eq!(twice.range, None);
    }

    #[test]
    fn a_connection_stays_unless_something_speaks_against_it() {
        for (head, stays) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", false),
            ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
        ] {
            assert_eq!(request(head).stays, stays, "{head:?}");
        }
    }

    #[test]
    fn only_a_plain_name_is_one() {
        for (target, wanted) in [
            ("/SHA256SUMS", "SHA256SUMS"),
            ("//SHA256SUMS?x=/y", "SHA256SUMS"),
            ("/a%2Bb%20c", "a+b c"),
            ("/%252e", "%2e"),
            ("http://host:8000/a", "a"),
        ] {
            assert_eq!(name(target).as_deref(), Some(wanted), "{target}");
        }
        for target in [
            "/",
            "*",
            "a",
            "/..",
            "/../secret",
            "/a/../secret",
            "/%2e%2e/secret",
            "/%2e%2e%2fsecret",
            "/..%5csecret",
            "/.hidden",
            "/%2ehidden",
            "/folder/file",
            "/folder%2Ffile",
            "/a%00",
            "/a%",
            "/a%4",
            "/a%+4",
            "/a%zz",
            "/a%ff",
            "/%",
            "http://host",
            "http://host/../a",
        ] {
            assert_eq!(name(target), None, "{target}");
        }
    }
}
