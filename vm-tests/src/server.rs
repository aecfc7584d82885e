//! The server of `pattern serve`, on this host's loopback, and what can go wrong with one: it breaks off, sends away, has no
//! ranges, stops, or lies.

mod faulty;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use faulty::{End, Faulty};
use pattern_image::serve::Folder;
use pattern_serve::{Answer, Request, Site, Status, attend};

/// A server that runs until the test ends.
#[derive(Debug)]
pub struct Server {
    port: u16,
    state: Arc<State>,
}

/// A request, and what it got.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The header `Range`, such as `bytes=0-9`.
    pub range: Option<String>,
    bytes: Arc<AtomicU64>,
}

impl Asked {
    /// Returns how many bytes of content were sent so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Returns which bytes are wanted, if they have a first one.
    #[must_use]
    pub fn place(&self) -> Option<Range<u64>> {
        let (first, last) = self.range.as_ref()?.strip_prefix("bytes=")?.split_once('-')?;
        Some(first.parse().ok()?..last.parse().map_or(u64::MAX, |last: u64| last + 1))
    }
}

#[derive(Debug)]
struct State {
    folder: Folder,
    asked: Mutex<Vec<Asked>>,
    faults: Mutex<Faults>,
}

#[derive(Default, Debug)]
struct Faults {
    /// The next file whose name contains the word ends after this many bytes.
    cut: Option<(&'static str, u64)>,
    /// Of the requests that differ, each of this many breaks off once, in the middle.
    cut_each: Option<(u64, BTreeSet<String>)>,
    /// The request after this many stops in its middle, and says so.
    stop: Option<(u64, Sender<()>)>,
    /// Where else all files are.
    elsewhere: Option<String>,
    /// Requests for ranges get the whole file.
    no_ranges: bool,
    /// Each answer with a file whose name contains the word has another first byte.
    lie: Option<&'static str>,
}

impl Server {
    /// Starts on a free port.
    #[must_use]
    pub fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on the loopback");
        let port = listener.local_addr().expect("asking for the port").port();
        let folder = Folder::new(directory);
        let state = Arc::new(State { folder, asked: Mutex::default(), faults: Mutex::default() });
        let server = Self { port, state: Arc::clone(&state) };
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &state)));
        server
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Breaks one connection off, after this many bytes of an answer with the file whose name contains this word.
    pub fn cut(&self, word: &'static str, bytes: u64) {
        self.fails(|faults| faults.cut = Some((word, bytes)));
    }

    /// Breaks off the first of this many requests, in the middle of its answer, and so on. What is asked for once more is sent.
    pub fn cut_each(&self, of: u64) {
        self.fails(|faults| faults.cut_each = Some((of, BTreeSet::new())));
    }

    /// Sends no more than half of the answer to the request after this many. Returns what hears of it.
    #[must_use]
    pub fn stop_after(&self, requests: u64) -> Receiver<()> {
        let (says, hears) = channel();
        self.fails(|faults| faults.stop = Some((requests, says)));
        hears
    }

    /// Sends everybody to another server, whose address this is.
    pub fn redirect(&self, to: &str) {
        self.fails(|faults| faults.elsewhere = Some(to.to_owned()));
    }

    /// Answers a request for a range with the whole file from now on.
    pub fn without_ranges(&self) {
        self.fails(|faults| faults.no_ranges = true);
    }

    /// Changes the first byte of each answer with a file whose name contains this word, from now on.
    pub fn lie(&self, word: &'static str) {
        self.fails(|faults| faults.lie = Some(word));
    }

    /// Returns the requests since the last call.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.state.asked.lock().expect("no thread panics with it"))
    }

    /// Returns their paths.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    fn fails(&self, how: impl FnOnce(&mut Faults)) {
        how(&mut self.state.faults.lock().expect("no thread panics with it"));
    }
}

fn answer(stream: TcpStream, state: &Arc<State>) {
    let state = Arc::clone(state);
    // A client that disconnects is not a failure of the test.
    thread::spawn(move || attend(&stream, &*state).ok());
}

impl Site for State {
    fn answer(&self, request: &Request) -> Answer {
        let (path, mut request) = (request.target.clone(), request.clone());
        let mut faults = self.faults.lock().expect("no thread panics with it");
        let asked = Asked { path, range: request.range.clone(), bytes: Arc::default() };
        self.asked.lock().expect("no thread panics with it").push(asked.clone());
        if let Some(to) = &faults.elsewhere {
            let mut answer = Answer::empty(Status::Found);
            answer.headers.push(("Location", format!("{to}{}", asked.path)));
            return answer;
        }
        if faults.no_ranges {
            request.range = None;
        }
        let mut answer = self.folder.answer(&request);
        if faults.no_ranges {
            answer.headers.retain(|(name, _)| *name != "Accept-Ranges");
        }
        let end = faults.end(&asked, answer.length.unwrap_or_default() / 2);
        let has_lied = !faults.lie.is_some_and(|word| asked.path.contains(word));
        let (body, count) = (answer.body, asked.bytes);
        answer.body = Box::new(move |to| body(&mut Faulty { to, end, has_lied, count: &count }));
        answer
    }
}

impl Faults {
    /// Returns how the answer to a request ends.
    fn end(&mut self, asked: &Asked, middle: u64) -> End {
        if let Some((_, bytes)) = self.cut.take_if(|(word, _)| asked.path.contains(*word)) {
            return End::Cut(bytes);
        }
        if let Some((of, seen)) = &mut self.cut_each {
            // Who goes on asks for the same end of the same file.
            let last = asked.range.as_ref().and_then(|range| range.split_once('-')).map(|(_, last)| last);
            let is_new = seen.insert(format!("{} {}", asked.path, last.unwrap_or_default()));
            return if is_new && (seen.len() as u64 - 1).is_multiple_of(*of) {
                End::Cut(middle)
            } else {
                End::Whole
            };
        }
        if let Some((_, says)) = self.stop.take_if(|(after, _)| *after == 0) {
            return End::Stop(middle, says);
        }
        if let Some((after, _)) = &mut self.stop {
            *after -= 1;
        }
        End::Whole
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};

    use pattern_image::host::temporary;

    use super::*;

    fn served() -> (impl AsRef<Path>, Server) {
        let folder = temporary::folder().unwrap();
        fs::write(folder.path().join("file"), "0123456789").unwrap();
        let server = Server::start(folder.path());
        (folder, server)
    }

    /// Returns the status and the content.
    fn get(server: &Server, path: &str, more: &str) -> (String, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn is(status: &str, body: &str) -> (String, String) {
        (status.to_owned(), body.to_owned())
    }

    #[test]
    fn files_are_served_and_cut_once() {
        let (_folder, server) = served();
        server.cut("file", 3);
        assert_eq!(get(&server, "/file", ""), is("200", "012"));
        assert_eq!(get(&server, "//file", ""), is("200", "0123456789"));
        assert_eq!(get(&server, "/../secret", ""), is("404", ""));
        assert_eq!(server.requests(), ["/file", "//file", "/../secret"]);
        assert_eq!(server.requests(), Vec::<String>::new());
    }

    /// What is asked for once more is the same file up to the same end.
    #[test]
    fn each_request_is_cut_once() {
        let (_folder, server) = served();
        server.cut_each(1);
        assert_eq!(get(&server, "/file", "Range: bytes=0-3\r\n"), is("206", "01"));
        assert_eq!(get(&server, "/file", "Range: bytes=2-3\r\n"), is("206", "23"));
        assert_eq!(get(&server, "/file", "Range: bytes=4-7\r\n"), is("206", "45"));
        server.cut_each(2);
        for (path, body) in [("/file", "01234"), ("//file", "0123456789"), ("///file", "01234")] {
            assert_eq!(get(&server, path, ""), is("200", body), "{path}");
        }
        let asked = server.asked();
        assert_eq!(asked.iter().map(Asked::bytes).collect::<Vec<_>>(), [2, 2, 2, 5, 10, 5]);
        assert_eq!(asked[2].range.as_deref(), Some("bytes=4-7"));
    }

    #[test]
    fn one_request_stops_in_its_middle() {
        let (_folder, server) = served();
        let stopped = server.stop_after(1);
        assert_eq!(get(&server, "/file", ""), is("200", "0123456789"));
        assert!(stopped.try_recv().is_err());
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        write!(stream, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stopped.recv().unwrap();
        assert_eq!(server.asked()[1].bytes(), 5);
        assert_eq!(get(&server, "/file", ""), is("200", "0123456789"));
    }

    #[test]
    fn a_server_may_have_no_ranges() {
        let (_folder, server) = served();
        let range = "Range: bytes=2-4\r\n";
        assert_eq!(get(&server, "/file", range), is("206", "234"));
        server.without_ranges();
        assert_eq!(get(&server, "/file", range), is("200", "0123456789"));
    }

    #[test]
    fn a_lie_is_in_each_answer() {
        let (folder, server) = served();
        fs::write(folder.as_ref().join("other"), "0123456789").unwrap();
        server.lie("file");
        for (range, body) in [("", "1123456789"), ("Range: bytes=4-5\r\n", "55")] {
            assert_eq!(get(&server, "/file", range).1, body, "{range}");
        }
        assert_eq!(get(&server, "/other", ""), is("200", "0123456789"));
    }

    #[test]
    fn everybody_is_sent_elsewhere() {
        let (_folder, server) = served();
        server.redirect("http://elsewhere");
        assert_eq!(get(&server, "/file", ""), is("302", ""));
    }
}
