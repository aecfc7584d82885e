//! What a request gets.

use std::fmt;
use std::io::{self, Write};

use crate::status::Status;

/// Writes the content. If less is written than the head promised, the connection breaks off, and the client knows.
pub type Body = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// One answer.
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// Its headers, without those that belong to the connection.
    pub headers: Vec<(&'static str, String)>,
    /// How many bytes the content has. If nobody knows, its end is the end of the connection.
    pub length: Option<u64>,
    /// The content. A `HEAD` does not get it.
    pub body: Body,
}

impl Answer {
    /// An answer without content, which no cache may keep.
    #[must_use]
    pub fn empty(status: Status) -> Self {
        let headers = vec![("Cache-Control", "no-cache".to_owned())];
        Self { status, headers, length: Some(0), body: Box::new(|_| Ok(())) }
    }

    /// Returns the status in words, and which part of a file is sent.
    pub(crate) fn words(&self) -> String {
        let range = self.headers.iter().find(|(name, _)| *name == "Content-Range");
        let part = range.filter(|_| self.status == Status::Partial).and_then(|(_, range)| {
            let (part, _length) = range.strip_prefix("bytes ")?.split_once('/')?;
            Some(format!(", bytes {part}"))
        });
        format!("{}{}", self.status.line(), part.unwrap_or_default())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.status.line(), self.length, self.headers)
    }
}
