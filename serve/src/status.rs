//! The status of an answer (RFC 9110, section 15).

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The whole file follows.
    Ok,
    /// A part of the file follows.
    Partial,
    /// The file is at another address.
    Found,
    /// The head of the request is wrong.
    Bad,
    /// The folder does not have the file.
    NotFound,
    /// Only `GET` and `HEAD` are answered.
    Method,
    /// The head did not come in time.
    Late,
    /// The file does not have the bytes that the request wants.
    Outside,
    /// The head is too long.
    TooLarge,
    /// Too many others are served.
    Busy,
    /// Only HTTP/1 is spoken.
    Version,
}

impl Status {
    /// Returns the number and its words, as they stand in an answer.
    #[must_use]
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::Partial => "206 Partial Content",
            Self::Found => "302 Found",
            Self::Bad => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::Late => "408 Request Timeout",
            Self::Outside => "416 Range Not Satisfiable",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Busy => "503 Service Unavailable",
            Self::Version => "505 HTTP Version Not Supported",
        }
    }
}
