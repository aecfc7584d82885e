//! One connection: its requests are read, and answered one after the other.

use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use crate::answer::Answer;
use crate::counted::Counted;
use crate::request::{self, Request};
use crate::status::Status;

/// In this time a head has come as a whole, also that of a further request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes that are passed on at once.
const AT_ONCE: usize = 64 << 10;
/// A client that takes nothing for so long has gone.
const TAKE_WITHIN: Duration = Duration::from_secs(60);
/// What a client sent that was refused is read on for so long, so that it gets the answer.
const LINGER: Duration = Duration::from_secs(1);

/// What answers requests.
pub trait Site: Send + Sync + 'static {
    /// Answers a `GET` or a `HEAD`.
    fn answer(&self, request: &Request) -> Answer;

    /// Hears of an answer: what was asked, and the status.
    fn answered(&self, _line: &str) {}

    /// How long a client may take nothing before it counts as gone. Without it, a client is waited for.
    fn patience(&self) -> Option<Duration> {
        Some(TAKE_WITHIN)
    }
}

/// Serves a client until it has gone, or breaks the rules. A head that is wrong is answered, and is the last one.
///
/// # Errors
/// When the client has gone before its time, or the content could not be had.
pub fn attend(stream: &TcpStream, site: &dyn Site) -> io::Result<()> {
    stream.set_write_timeout(site.patience())?;
    let mut bytes = Vec::new();
    loop {
        match next(stream, &mut bytes)? {
            Next::Gone => return Ok(()),
            Next::Refused(status) => {
                site.answered(&format!("not understood: {}", status.line()));
                write(stream, Answer::empty(status), false, false)?;
                return let_go(stream);
            }
            Next::Request(request) => {
                let answer = of(site, &request);
                let stays = request.stays && answer.length.is_some();
                site.answered(&format!("{} {}: {}", request.method, request.target, answer.words()));
                let is_whole = write(stream, answer, request.method != "HEAD", stays)?;
                if !stays || !is_whole {
                    return let_go(stream);
                }
            }
        }
    }
}

fn of(site: &dyn Site, request: &Request) -> Answer {
    if ["GET", "HEAD"].contains(&request.method.as_str()) {
        return site.answer(request);
    }
    let mut answer = Answer::empty(Status::Method);
    answer.headers.push(("Allow", "GET, HEAD".to_owned()));
    answer
}

/// Refuses a client that is one too many, and waits for nothing.
pub(crate) fn refuse(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut answer = Answer::empty(Status::Busy);
    answer.headers.push(("Retry-After", "10".to_owned()));
    write(stream, answer, false, false).map(drop)
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
fn write(stream: &TcpStream, answer: Answer, with_body: bool, stays: bool) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {}\r\n", answer.status.line());
    let date = Some(("Date", httpdate::fmt_http_date(SystemTime::now())));
    let length = answer.length.map(|length| ("Content-Length", length.to_string()));
    let close = (!stays).then(|| ("Connection", "close".to_owned()));
    for (name, value) in answer.headers.into_iter().chain([date, length, close].into_iter().flatten()) {
        head += &format!("{name}: {value}\r\n");
    }
    let mut to = Counted { to: BufWriter::with_capacity(AT_ONCE, stream), count: 0 };
    to.to.write_all((head + "\r\n").as_bytes())?;
    if with_body {
        let written = (answer.body)(&mut to);
        // What came before a failure is right, and the client may go on behind it.
        to.to.flush().and(written)?;
    }
    to.to.flush()?;
    Ok(!with_body || answer.length.is_none_or(|length| length == to.count))
}

/// Ends a connection. If something is left that was not read, the kernel would take back the answer.
fn let_go(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let (until, mut rest) = (Instant::now() + LINGER, [0; 2 << 10]);
    while within(until, stream, |_| stream.read(&mut rest))?.is_some_and(|read| read > 0) {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Content whose length is known or not, and which may fail.
    struct Made {
        length: Option<u64>,
        fails: bool,
    }

    impl Site for Made {
        fn answer(&self, _request: &Request) -> Answer {
            let fails = self.fails;
            let body = Box::new(move |to: &mut dyn Write| {
                to.write_all(b"0123")?;
                if fails { Err(ErrorKind::Other.into()) } else { Ok(()) }
            });
            Answer { length: self.length, body, ..Answer::empty(Status::Ok) }
        }
    }

    /// Asks twice on one connection. Returns all that comes, and how the server ended.
    fn got(length: Option<u64>, fails: bool) -> (String, io::Result<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || attend(&listener.accept().unwrap().0, &Made { length, fails }));
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(format!("{head}{head}").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut bytes = Vec::new();
        // What the server did not read makes the kernel reset the connection behind the answer.
        stream.read_to_end(&mut bytes).ok();
        (String::from_utf8(bytes).unwrap(), server.join().unwrap())
    }

    #[test]
    fn content_of_a_known_length_leaves_the_connection_open() {
        let (text, end) = got(Some(4), false);
        assert_eq!(text.matches("Content-Length: 4\r\n\r\n0123").count(), 2, "{text}");
        assert!(end.is_ok() && !text.contains("Connection: close"), "{text}");
    }

    #[test]
    fn without_a_length_the_end_of_the_connection_is_the_end() {
        let (text, end) = got(None, false);
        assert!(text.ends_with("Connection: close\r\n\r\n0123") && end.is_ok(), "{text}");
        assert!(!text.contains("Content-Length"), "{text}");
    }

    #[test]
    fn content_that_fails_or_is_too_short_breaks_off_behind_what_came() {
        for (fails, ended_well) in [(true, false), (false, true)] {
            let (text, end) = got(Some(9), fails);
            assert_eq!(text.matches("0123").count(), 1, "{text}");
            assert!(text.ends_with("Content-Length: 9\r\n\r\n0123"), "{text}");
            assert_eq!(end.is_ok(), ended_well, "{end:?}");
        }
    }
}
