//! A small HTTP server for the files of one directory, on this host's loopback (RFC 9112).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server that runs until the test ends.
#[derive(Debug)]
pub struct Server {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    directory: PathBuf,
    /// The next file whose name contains the word ends after this many bytes.
    cut: Mutex<Option<(&'static str, u64)>>,
    requests: Mutex<Vec<String>>,
    /// Where else all files are.
    elsewhere: Mutex<Option<String>>,
}

impl Server {
    /// Starts on a free port.
    #[must_use]
    pub fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on the loopback");
        let port = listener.local_addr().expect("asking for the port").port();
        let directory = directory.to_owned();
        let state = Arc::new(State {
            directory,
            cut: Mutex::default(),
            requests: Mutex::default(),
            elsewhere: Mutex::default(),
        });
        let server = Self { port, state: Arc::clone(&state) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || state.answer(&stream));
            }
        });
        server
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks one connection off, after this many bytes of the file whose name contains this word.
    pub fn cut(&self, word: &'static str, bytes: u64) {
        *self.state.cut.lock().expect("no thread panics with it") = Some((word, bytes));
    }

    /// Sends everybody to another server, whose address this is.
    pub fn redirect(&self, to: &str) {
        *self.state.elsewhere.lock().expect("no thread panics with it") = Some(to.to_owned());
    }

    /// Returns the paths that were requested since the last call.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().expect("no thread panics with it"))
    }
}

impl State {
    /// Answers one request. A client that disconnects is not a failure of the test.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        let _end_of_head = lines.map_while(Result::ok).find(String::is_empty)?;
        let mut words = request.split_whitespace();
        let (method, path) = (words.next()?, words.next()?);
        self.requests.lock().ok()?.push(path.to_owned());
        if let Some(to) = &*self.elsewhere.lock().ok()? {
            return head(stream, &format!("302 Found\r\nLocation: {to}{path}"), 0).ok();
        }
        let sent = match file(&self.directory, path) {
            Ok((file, length)) => send(stream, file, length, method == "HEAD", self.limit(path)),
            Err(_) => head(stream, "404 Not Found", 0),
        };
        sent.ok()
    }

    fn limit(&self, path: &str) -> u64 {
        let mut cut = self.cut.lock().expect("no thread panics with it");
        let meant = cut.take_if(|(word, _)| path.contains(*word));
        meant.map_or(u64::MAX, |(_, bytes)| bytes)
    }
}

fn file(directory: &Path, path: &str) -> io::Result<(File, u64)> {
    let name = PathBuf::from(path.trim_start_matches('/'));
    let name = name.file_name().ok_or(io::ErrorKind::NotFound)?;
    let file = File::open(directory.join(name))?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn head(mut stream: &TcpStream, status: &str, length: u64) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

fn send(stream: &TcpStream, file: File, length: u64, only_head: bool, limit: u64) -> io::Result<()> {
    head(stream, "200 OK", length)?;
    if only_head {
        return Ok(());
    }
    let mut to = stream;
    io::copy(&mut file.take(limit), &mut to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_are_served_and_cut_once() {
        let directory = std::env::temp_dir().join(format!("pattern-server-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("file"), "content").unwrap();
        let server = Server::start(&directory);
        server.cut("file", 3);
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n";
        assert_eq!(get(&server, "/file"), format!("{head}con"));
        assert_eq!(get(&server, "//file"), format!("{head}content"));
        assert!(get(&server, "/../secret").starts_with("HTTP/1.1 404 "));
        assert_eq!(server.requests(), ["/file", "//file", "/../secret"]);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
