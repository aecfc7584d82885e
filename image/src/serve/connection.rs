//! One connection: its requests are read, and answered one after the other.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use super::answer::Answer;
use super::request::{self, Request};
use super::status::Status;

/// In this time a head has come as a whole, also that of a further request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A client that takes nothing for so long has gone.
const TAKE_WITHIN: Duration = Duration::from_secs(60);
/// What a client sent that was refused is read on for so long, so that it gets the answer.
const LINGER: Duration = Duration::from_secs(1);

/// What answers requests.
pub trait Site: Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: Request) -> Answer;

    /// Hears of an answer: what was asked, and the status.
    fn answered(&self, _line: &str) {}
}

/// Serves a client until it has gone, or breaks the rules. A head that is wrong is answered, and is the last one.
///
/// # Errors
/// When the client has gone before its time.
pub fn attend(stream: &TcpStream, site: &dyn Site) -> io::Result<()> {
    stream.set_write_timeout(Some(TAKE_WITHIN))?;
    let mut bytes = Vec::new();
    loop {
        match next(stream, &mut bytes)? {
            Next::Gone => return Ok(()),
            Next::Refused(status) => {
                site.answered(&format!("not understood: {}", status.line()));
                write(stream, &mut Answer::without_file(status), false, false)?;
                return let_go(stream);
            }
            Next::Request(request) => {
                let (asked, stays) = (format!("{} {}", request.method, request.target), request.stays);
                let with_body = request.method != "HEAD";
                let mut answer = site.answer(request);
                site.answered(&said(&asked, &answer));
                let is_whole = write(stream, &mut answer, with_body, stays)?;
                if !stays || !is_whole {
                    return let_go(stream);
                }
            }
        }
    }
}

/// Refuses a client that is one too many, and waits for nothing.
pub(super) fn refuse(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut answer = Answer::without_file(Status::Busy);
    answer.headers.push(("Retry-After", "10".to_owned()));
    write(stream, &mut answer, false, false).map(drop)
}

enum Next {
    Request(Request),
    Refused(Status),
    Gone,
}

/// Reads until a head is there. What follows it stays in `bytes`.
fn next(mut stream: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<Next> {
    let until = Instant::now() + HEAD_WITHIN;
    loop {
        match request::parse(bytes) {
            Ok(Some((request, length))) => {
                bytes.drain(..length.min(bytes.len()));
                return Ok(Next::Request(request));
            }
            Ok(None) => {}
            Err(status) => return Ok(Next::Refused(status)),
        }
        let mut more = [0; 2 << 10];
        match within(until, stream, |_| stream.read(&mut more))? {
            // Between two requests a client may go without a word.
            None | Some(0) if bytes.is_empty() => return Ok(Next::Gone),
            None => return Ok(Next::Refused(Status::Late)),
            Some(0) => return Ok(Next::Refused(Status::Bad)),
            Some(read) => bytes.extend(more.iter().take(read)),
        }
    }
}

/// Reads in the time that is left, or returns `None`.
fn within(
    until: Instant,
    stream: &TcpStream,
    mut read: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> io::Result<Option<usize>> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(None);
    }
    stream.set_read_timeout(Some(left))?;
    match read(stream) {
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Interrupted => within(until, stream, read),
        read => read.map(Some),
    }
}

/// Writes an answer. Returns whether all came that its head promised.
fn write(mut stream: &TcpStream, answer: &mut Answer, with_body: bool, stays: bool) -> io::Result<bool> {
    let length = answer.length();
    let mut head = format!("HTTP/1.1 {}\r\n", answer.status.line());
    let date = httpdate::fmt_http_date(SystemTime::now());
    let own = [("Date", date), ("Content-Length", length.to_string())];
    let close = (!stays).then(|| ("Connection", "close".to_owned()));
    for (name, value) in answer.headers.iter().chain(&own).chain(&close) {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    Ok(!with_body || io::copy(&mut answer.body, &mut stream)? == length)
}

/// Ends a connection. If something is left that was not read, the kernel would take back the answer.
fn let_go(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let (until, mut rest) = (Instant::now() + LINGER, [0; 2 << 10]);
    while within(until, stream, |_| stream.read(&mut rest))?.is_some_and(|read| read > 0) {}
    Ok(())
}

fn said(asked: &str, answer: &Answer) -> String {
    let part = match answer.status {
        Status::Partial => format!(", bytes {}-{}", answer.part.start, answer.part.end.saturating_sub(1)),
        _ => String::new(),
    };
    format!("{asked}: {}{part}", answer.status.line())
}
