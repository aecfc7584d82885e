//! The server of `pattern serve`, on this host's loopback, and what can go wrong with one: it breaks off, sends away, has no
//! ranges, or lies.

use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use pattern_image::serve::{self, Answer, Folder, Request, Site, Status};

/// A server that runs until the test ends.
#[derive(Debug)]
pub struct Server {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    folder: Folder,
    requests: Mutex<Vec<String>>,
    faults: Mutex<Faults>,
}

#[derive(Clone, Default, Debug)]
struct Faults {
    /// The next file whose name contains the word ends after this many bytes.
    cut: Option<(&'static str, u64)>,
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
        let state = Arc::new(State { folder, requests: Mutex::default(), faults: Mutex::default() });
        let server = Self { port, state: Arc::clone(&state) };
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &state)));
        server
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks one connection off, after this many bytes of an answer with the file whose name contains this word.
    pub fn cut(&self, word: &'static str, bytes: u64) {
        self.fails(|faults| faults.cut = Some((word, bytes)));
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

    /// Returns the paths that were requested since the last call.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().expect("no thread panics with it"))
    }

    fn fails(&self, how: impl FnOnce(&mut Faults)) {
        how(&mut self.state.faults.lock().expect("no thread panics with it"));
    }
}

fn answer(stream: TcpStream, state: &Arc<State>) {
    let state = Arc::clone(state);
    // A client that disconnects is not a failure of the test.
    thread::spawn(move || serve::attend(&stream, &*state).ok());
}

impl Site for State {
    fn answer(&self, mut request: Request) -> Answer {
        let path = request.target.clone();
        self.requests.lock().expect("no thread panics with it").push(path.clone());
        let faults = self.faults_for(&path);
        if let Some(to) = faults.elsewhere {
            let mut answer = Answer::without_file(Status::Found);
            answer.headers.push(("Location", format!("{to}{path}")));
            return answer;
        }
        if faults.no_ranges {
            request.range = None;
        }
        let mut answer = self.folder.answer(request);
        if faults.no_ranges {
            answer.headers.retain(|(name, _)| *name != "Accept-Ranges");
        }
        if faults.lie.is_some() {
            answer.body = Box::new(Liar { body: answer.body, has_lied: false });
        }
        if let Some((_, bytes)) = faults.cut {
            answer.body = Box::new(answer.body.take(bytes));
        }
        answer
    }
}

impl State {
    /// Returns what goes wrong with this file. It is cut once.
    fn faults_for(&self, path: &str) -> Faults {
        let mut faults = self.faults.lock().expect("no thread panics with it");
        let cut = faults.cut.take_if(|(word, _)| path.contains(*word));
        let lie = faults.lie.filter(|word| path.contains(*word));
        Faults { cut, lie, ..faults.clone() }
    }
}

/// Changes the first byte of what is read.
struct Liar<R> {
    body: R,
    has_lied: bool,
}

impl<R: Read> Read for Liar<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(bytes)?;
        if let Some(first) = bytes[..read].first_mut()
            && !self.has_lied
        {
            *first ^= 1;
            self.has_lied = true;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

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
