//! Content with what goes wrong.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;

/// How an answer ends.
#[derive(Debug)]
pub(super) enum End {
    Whole,
    /// The connection breaks off after this many bytes.
    Cut(u64),
    /// Nothing more comes after this many bytes.
    Stop(u64, Sender<()>),
}

/// Writes with what goes wrong.
pub(super) struct Faulty<'a> {
    pub(super) to: &'a mut dyn Write,
    pub(super) end: End,
    pub(super) has_lied: bool,
    pub(super) count: &'a AtomicU64,
}

impl Write for Faulty<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = match &mut self.end {
            End::Whole => None,
            End::Cut(left) | End::Stop(left, _) => Some(left),
        };
        let most = left.as_deref().map_or(bytes.len(), |left| bytes.len().min(*left as usize));
        if most == 0 && !bytes.is_empty() {
            return self.ends();
        }
        let mut bytes = bytes[..most].to_vec();
        if !std::mem::replace(&mut self.has_lied, true) {
            bytes[0] ^= 1;
        }
        self.to.write_all(&bytes)?;
        if let Some(left) = left {
            *left -= most as u64;
        }
        self.count.fetch_add(most as u64, Ordering::SeqCst);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Faulty<'_> {
    fn ends(&mut self) -> io::Result<usize> {
        if let End::Stop(_, says) = &self.end {
            self.to.flush()?;
            // The test may have ended.
            says.send(()).ok();
            loop {
                thread::park();
            }
        }
        Err(ErrorKind::BrokenPipe.into())
    }
}
