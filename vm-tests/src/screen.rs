//! The display and keyboard of a running machine, through QEMU's machine protocol (QMP).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Name of the socket in the machine's folder.
pub(crate) const SOCKET: &str = "commands.sock";

/// What a person in front of the machine sees and types.
#[derive(Debug)]
pub struct Screen {
    answers: BufReader<UnixStream>,
    folder: PathBuf,
}

impl Screen {
    /// Connects to the machine in this folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let stream = UnixStream::connect(folder.join(SOCKET)).expect("connecting to QEMU");
        let mut screen = Self { answers: BufReader::new(stream), folder: folder.to_owned() };
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
        picture.splitn(4, |&byte| byte == b'\n').last().unwrap_or_default().to_vec()
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

    /// Types lower-case letters and spaces.
    pub fn write(&mut self, text: &str) {
        for letter in text.chars() {
            let key = if letter == ' ' { "spc".to_owned() } else { letter.to_string() };
            self.press(&key);
        }
    }

    /// Presses and releases a key: `ret`, `esc`, `tab`, and so on.
    pub fn press(&mut self, key: &str) {
        let keys = json!([{ "type": "qcode", "data": key }]);
        self.ask(&json!({ "execute": "send-key", "arguments": { "keys": keys } }));
        // The next key waits until the guest has read this one.
        std::thread::sleep(std::time::Duration::from_millis(300));
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
