//! The display and keyboard of a running machine, through QEMU's machine protocol (QMP).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// As long as a machine may take to its shell.
const PATIENCE: Duration = Duration::from_secs(1500);
/// Name of the socket in the machine's folder.
pub(crate) const SOCKET: &str = "commands.sock";

mod text;

/// What a person in front of the machine sees and types.
#[derive(Debug)]
pub struct Screen {
    answers: BufReader<UnixStream>,
    folder: PathBuf,
    /// In pixels, of the last picture.
    width: usize,
}

impl Screen {
    /// Connects to the machine in this folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let stream = connect(&folder.join(SOCKET));
        let mut screen = Self { answers: BufReader::new(stream), folder: folder.to_owned(), width: 0 };
        let _greeting = screen.read();
        screen.ask(&json!({ "execute": "qmp_capabilities" }));
        screen
    }

    /// Writes the display as PNG to the machine's folder.
    pub fn take_picture(&mut self, name: &str) -> PathBuf {
        let file = self.folder.join(name);
        self.dump(&file, "png");
        file
    }

    /// Returns the display, three bytes for each pixel.
    pub fn pixels(&mut self) -> Vec<u8> {
        let file = self.folder.join("screen.ppm");
        self.dump(&file, "ppm");
        // netpbm's PPM: kind, size and depth on a line each
        let picture = fs::read(file).expect("reading the picture");
        let mut parts = picture.splitn(4, |&byte| byte == b'\n');
        let size = String::from_utf8_lossy(parts.nth(1).unwrap_or_default()).into_owned();
        self.width = size.split(' ').next().and_then(|width| width.parse().ok()).expect("a width");
        parts.last().unwrap_or_default().to_vec()
    }

    /// Returns how many colours the display shows. It is one if nothing is drawn.
    #[must_use]
    pub fn colours(&mut self) -> usize {
        let pixels = self.pixels();
        let mut colours: Vec<_> = pixels.chunks_exact(3).collect();
        colours.sort_unstable();
        colours.dedup();
        colours.len()
    }

    /// Returns the lines of a text console.
    pub fn text(&mut self) -> String {
        text::read(&self.pixels(), self.width)
    }

    /// Waits until the screen shows these words. Returns all that it shows then.
    pub fn expect(&mut self, words: &str) -> String {
        let begin = Instant::now();
        loop {
            let shown = self.text();
            if shown.contains(words) {
                return shown;
            }
            assert!(begin.elapsed() < PATIENCE, "{words:?} does not come on the screen:\n{shown}");
            thread::sleep(Duration::from_secs(2));
        }
    }

    /// Types lower-case letters, digits, hyphens, slashes and spaces, on a keyboard with the letters of the United States.
    pub fn write(&mut self, text: &str) {
        for letter in text.chars() {
            let key = match letter {
                ' ' => "spc".to_owned(),
                '-' => "minus".to_owned(),
                '/' => "slash".to_owned(),
                other => other.to_string(),
            };
            self.press(&key);
        }
    }

    /// Presses and releases a key: `ret`, `esc`, `tab`, and so on.
    pub fn press(&mut self, key: &str) {
        let keys = json!([{ "type": "qcode", "data": key }]);
        self.ask(&json!({ "execute": "send-key", "arguments": { "keys": keys } }));
        // The next key waits until the guest has read this one.
        thread::sleep(Duration::from_millis(300));
    }

    fn dump(&mut self, file: &Path, format: &str) {
        let name = file.to_str().expect("a path that is text");
        self.ask(&json!({ "execute": "screendump", "arguments": { "filename": name, "format": format } }));
    }

    fn ask(&mut self, command: &Value) {
        writeln!(self.answers.get_mut(), "{command}").expect("writing to QEMU");
        loop {
            let answer = self.read();
            assert!(answer.get("error").is_none(), "{command}: {answer}");
            if answer.get("return").is_some() {
                return;
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("reading from QEMU");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }
}

/// QEMU makes the socket soon after its start.
fn connect(socket: &Path) -> UnixStream {
    let begin = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return stream,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(60), "connecting to QEMU: {error}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}
