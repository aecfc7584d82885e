//! Counts what is written.

use std::io::{self, Write};

/// A writer that counts the bytes that it took.
#[derive(Debug)]
pub struct Counted<W> {
    /// Where they go.
    pub to: W,
    /// How many there were.
    pub count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
