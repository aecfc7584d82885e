//! The serial console of a machine, as text to wait for.

use std::io::Read;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Why the expected text did not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// The time is over.
    Timeout,
    /// The machine ended.
    Ended,
}

/// Everything that a machine printed, without colours, and how much of it was searched.
#[derive(Debug)]
pub struct Console {
    bytes: Receiver<Vec<u8>>,
    plain: Plain,
    text: String,
    seen: usize,
}

impl Console {
    /// Reads the output in the background, so that the machine never has to wait.
    pub fn new(mut output: impl Read + Send + 'static) -> Self {
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                let Some(read) = buffer.get(..length) else {
                    return;
                };
                if sender.send(read.to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { bytes, plain: Plain::default(), text: String::new(), seen: 0 }
    }

    /// Waits for one of the texts after the last match. Returns its index, and everything before
    /// it.
    ///
    /// # Errors
    /// When no text comes in time, or the machine ends first.
    pub fn expect(&mut self, texts: &[&str], timeout: Duration) -> Result<(usize, String), Missed> {
        let deadline = Instant::now() + timeout;
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut from = self.seen;
        loop {
            if let Some((index, start, end)) = first(self.text.get(from..).unwrap_or(""), texts) {
                let before = self.text.get(self.seen..from + start).unwrap_or("").to_owned();
                self.seen = from + end;
                return Ok((index, before));
            }
            // A console delivers single bytes, so text that was searched is not searched again.
            from = self.text.floor_char_boundary(self.text.len().saturating_sub(longest)).max(self.seen);
            self.read(deadline)?;
        }
    }

    /// Waits until the machine closes its console, which it does when it ends.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn wait_for_end(&mut self, timeout: Duration) -> Result<(), Missed> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.read(deadline) {
                Ok(()) => {}
                Err(Missed::Ended) => return Ok(()),
                Err(Missed::Timeout) => return Err(Missed::Timeout),
            }
        }
    }

    /// Returns everything that was read so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn read(&mut self, deadline: Instant) -> Result<(), Missed> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.bytes.recv_timeout(left) {
            Ok(bytes) => {
                self.plain.push(&bytes, &mut self.text);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(Missed::Timeout),
            Err(RecvTimeoutError::Disconnected) => Err(Missed::Ended),
        }
    }
}

/// Returns the index, start and end of the text that comes first.
fn first(haystack: &str, texts: &[&str]) -> Option<(usize, usize, usize)> {
    let found = texts.iter().enumerate();
    let found = found.filter_map(|(index, text)| Some((index, haystack.find(text)?, text.len())));
    let (index, start, length) = found.min_by_key(|(_, start, _)| *start)?;
    Some((index, start, start + length))
}

/// Removes terminal control from a stream of bytes: colours, cursor movement, carriage returns.
#[derive(Default, Debug)]
struct Plain {
    state: State,
    line: Vec<u8>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC [. Ends with a letter (ECMA-48, control sequences).
    Sequence,
    /// After ESC ]. Ends with BEL or ESC \ (operating system commands: window titles, hyperlinks).
    Command,
}

impl Plain {
    fn push(&mut self, bytes: &[u8], text: &mut String) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Text | State::Command, 0x1b) => State::Escape,
                (State::Text, _) => {
                    if byte != b'\r' && byte != 0 {
                        self.line.push(byte);
                    }
                    State::Text
                }
                (State::Escape, b'[') => State::Sequence,
                (State::Escape, b']') => State::Command,
                (State::Sequence, 0x40..=0x7e) | (State::Escape, _) | (State::Command, 0x07) => State::Text,
                (state, _) => state,
            };
        }
        self.flush(text);
    }

    /// Moves complete characters to the text. A character that a read cut waits for its rest.
    fn flush(&mut self, text: &mut String) {
        let whole = match std::str::from_utf8(&self.line) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.line.len(),
        };
        let rest = self.line.split_off(whole);
        text.push_str(&String::from_utf8_lossy(&self.line));
        self.line = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn plain(pieces: &[&[u8]]) -> String {
        let (mut plain, mut text) = (Plain::default(), String::new());
        pieces.iter().for_each(|piece| plain.push(piece, &mut text));
        text
    }

    #[test]
    fn colours_and_carriage_returns_go() {
        assert_eq!(plain(&[b"[\x1b[0;1;31mFAILED\x1b[0m] x\r\n"]), "[FAILED] x\n");
        assert_eq!(plain(&[b"\x1b]8;;file://x\x1b\\link\x1b]8;;\x07 end"]), "link end");
    }

    #[test]
    fn what_a_read_cuts_in_two_is_whole_again() {
        assert_eq!(plain(&[b"a\x1b[0", b";31mb"]), "ab");
        assert_eq!(plain(&["é".as_bytes().get(..1).unwrap(), &"é".as_bytes()[1..]]), "é");
        assert_eq!(plain(&[b"a\xffb"]), "a\u{fffd}b");
    }

    #[test]
    fn expect_goes_on_after_what_it_found() {
        let mut console = Console::new(&b"one two one three"[..]);
        assert_eq!(console.expect(&["two"], SHORT), Ok((0, "one ".into())));
        assert_eq!(console.expect(&["three", "one"], SHORT), Ok((1, " ".into())));
        assert_eq!(console.expect(&["two"], SHORT), Err(Missed::Ended));
        assert_eq!(console.text(), "one two one three");
    }

    #[test]
    fn expect_gives_up_in_time() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut console = Console::new(reader);
        assert_eq!(console.expect(&["x"], SHORT), Err(Missed::Timeout));
        assert_eq!(console.wait_for_end(SHORT), Err(Missed::Timeout));
    }
}
