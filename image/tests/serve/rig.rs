//! A release in a folder of its own, the server, and a client that writes what it likes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What `x_1.efi` has.
pub const CONTENT: &str = "0123456789";

pub struct Rig {
    place: TempDir,
    server: Option<Child>,
    address: String,
}

/// One answer, as it came.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.head.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl Rig {
    /// A release, not served yet.
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let rig = Self { place, server: None, address: String::new() };
        fs::create_dir(rig.path("release")).unwrap();
        for (name, content) in [("SHA256SUMS", "sums"), ("SHA256SUMS.gpg", "gpg"), ("x_1.efi", CONTENT)] {
            fs::write(rig.path("release").join(name), content).unwrap();
        }
        rig
    }

    /// The same, served on a free port.
    pub fn serves() -> Self {
        let mut rig = Self::new();
        let mut server = rig.pattern(&["release", "--address", "127.0.0.1:0"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line.strip_prefix("http://").unwrap().trim_end().clone_into(&mut rig.address);
        rig.server = Some(server);
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn pattern(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.arg("serve").args(words).current_dir(self.place.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Writes these bytes, and nothing more. Returns all that comes back.
    pub fn says(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may have refused it before the end.
        stream.write_all(bytes).ok();
        stream.shutdown(Shutdown::Write).ok();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        Answer { head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks for a path, with more lines of the head.
    pub fn asks(&self, method: &str, path: &str, more: &str) -> Answer {
        self.says(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").as_bytes())
    }

    /// Sends a signal. Returns how the server ended, and what it showed.
    pub fn stop(mut self, signal: &str) -> std::process::Output {
        let server = self.server.take().unwrap();
        let sent = Command::new("kill").args([format!("-{signal}"), server.id().to_string()]).status();
        assert!(sent.unwrap().success());
        server.wait_with_output().unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            server.kill().ok();
            server.wait().ok();
        }
    }
}
