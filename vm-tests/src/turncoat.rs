//! A disk that changes its answers: at first it returns the right bytes at a place, and later other
//! ones.
//!
//! QEMU reads it from our own server, with NBD (the protocol's doc/proto.md, "fixed newstyle
//! negotiation" and "simple reply").

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

const OPTION: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;
const FIXED_NEWSTYLE: u16 = 1;
const OPTION_ABORT: u32 = 2;
const OPTION_INFO: u32 = 6;
const OPTION_GO: u32 = 7;
const ACKNOWLEDGED: u32 = 1;
const INFORMATION: u32 = 3;
const UNSUPPORTED: u32 = 0x8000_0001;
/// Flags of the disk: that flags are sent, and that it can be flushed.
const FLAGS: u16 = 1 | 4;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const INVALID: u32 = 22;

/// The server. It runs until the test ends.
#[derive(Clone, Debug)]
pub struct Turncoat {
    disk: Arc<File>,
    start: u64,
    other: Arc<Vec<u8>>,
    honest: u32,
    reads: Arc<AtomicU32>,
}

impl Turncoat {
    /// Offers `disk` at `socket`. The first `honest` reads of the bytes at `start` return the
    /// disk's content, and all later ones return `other`.
    ///
    /// # Panics
    /// When the disk can't be opened, or the socket can't be made.
    #[must_use]
    pub fn offer(disk: &Path, socket: &Path, start: u64, other: Vec<u8>, honest: u32) -> Self {
        std::fs::remove_file(socket).ok();
        let listener = UnixListener::bind(socket).expect("listening for QEMU");
        let disk = File::options().read(true).write(true).open(disk).expect("opening the disk");
        let offered = Self { disk: disk.into(), start, other: other.into(), honest, reads: Arc::default() };
        let server = offered.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // An end together with the machine is not a failure.
                let _ended = server.serve(client);
            }
        });
        offered
    }

    /// Returns how often the bytes were read.
    #[must_use]
    pub fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }

    fn serve(&self, mut client: UnixStream) -> io::Result<()> {
        client.write_all(b"NBDMAGICIHAVEOPT")?;
        client.write_all(&FIXED_NEWSTYLE.to_be_bytes())?;
        let _flags: [u8; 4] = take(&mut client)?;
        if self.negotiate(&mut client)? { self.transmit(&mut client) } else { Ok(()) }
    }

    /// Answers options until the client wants the disk, or disconnects. Returns whether it wants
    /// the disk.
    fn negotiate(&self, client: &mut UnixStream) -> io::Result<bool> {
        loop {
            if u64::from_be_bytes(take(client)?) != OPTION {
                return Err(io::Error::other("not an option"));
            }
            let option = u32::from_be_bytes(take(client)?);
            let length = u32::from_be_bytes(take(client)?);
            let _data = bytes(client, length)?;
            match option {
                OPTION_GO | OPTION_INFO => {
                    let size = self.disk.metadata()?.len();
                    let information = [&[0, 0][..], &size.to_be_bytes(), &FLAGS.to_be_bytes()].concat();
                    answer(client, option, INFORMATION, &information)?;
                    answer(client, option, ACKNOWLEDGED, &[])?;
                }
                OPTION_ABORT => answer(client, option, ACKNOWLEDGED, &[])?,
                _ => answer(client, option, UNSUPPORTED, &[])?,
            }
            if option == OPTION_GO || option == OPTION_ABORT {
                return Ok(option == OPTION_GO);
            }
        }
    }

    fn transmit(&self, client: &mut UnixStream) -> io::Result<()> {
        loop {
            if u32::from_be_bytes(take(client)?) != REQUEST {
                return Err(io::Error::other("not a request"));
            }
            let _flags: [u8; 2] = take(client)?;
            let kind = u16::from_be_bytes(take(client)?);
            let cookie: [u8; 8] = take(client)?;
            let offset = u64::from_be_bytes(take(client)?);
            let length = u32::from_be_bytes(take(client)?);
            let mut answer = Vec::new();
            let error = match kind {
                READ => {
                    answer = self.read(offset, length)?;
                    0
                }
                WRITE => {
                    self.disk.write_all_at(&bytes(client, length)?, offset)?;
                    0
                }
                FLUSH => 0,
                DISCONNECT => return Ok(()),
                _ => INVALID,
            };
            client.write_all(&[&REPLY.to_be_bytes()[..], &u32::to_be_bytes(error), &cookie].concat())?;
            client.write_all(&answer)?;
        }
    }

    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; length as usize];
        self.disk.read_exact_at(&mut answer, offset)?;
        let (asked, other) =
            (offset..offset + u64::from(length), self.start..self.start + self.other.len() as u64);
        let shared = asked.start.max(other.start)..asked.end.min(other.end);
        if !shared.is_empty() && self.reads.fetch_add(1, Ordering::SeqCst) >= self.honest {
            let within = |from: u64| (shared.start - from) as usize..(shared.end - from) as usize;
            answer[within(asked.start)].copy_from_slice(&self.other[within(other.start)]);
        }
        Ok(answer)
    }
}

fn answer(client: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).map_err(io::Error::other)?;
    let head =
        [&OPTION_REPLY.to_be_bytes()[..], &option.to_be_bytes(), &kind.to_be_bytes(), &length.to_be_bytes()];
    client.write_all(&[&head.concat(), data].concat())
}

fn take<const N: usize>(client: &mut UnixStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn bytes(client: &mut UnixStream, length: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(client: &mut UnixStream, offset: u64, length: u32) -> Vec<u8> {
        let head = [&REQUEST.to_be_bytes()[..], &[0, 0], &READ.to_be_bytes(), &[7; 8]].concat();
        client.write_all(&[&head[..], &offset.to_be_bytes(), &length.to_be_bytes()].concat()).unwrap();
        assert_eq!(bytes(client, 16).unwrap(), [&REPLY.to_be_bytes()[..], &[0; 4], &[7; 8]].concat());
        bytes(client, length).unwrap()
    }

    #[test]
    fn after_the_honest_reads_the_other_bytes_are_there() {
        let folder = std::env::temp_dir().join(format!("pattern-turncoat-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("disk"), "0123456789").unwrap();
        let offered = Turncoat::offer(&folder.join("disk"), &folder.join("socket"), 4, b"abc".to_vec(), 1);
        let mut client = UnixStream::connect(folder.join("socket")).unwrap();
        assert_eq!(bytes(&mut client, 18).unwrap(), b"NBDMAGICIHAVEOPT\0\x01");
        client.write_all(&[0; 4]).unwrap();
        let go = [&OPTION.to_be_bytes()[..], &OPTION_GO.to_be_bytes(), &[0, 0, 0, 6], &[0; 6]].concat();
        client.write_all(&go).unwrap();
        assert_eq!(bytes(&mut client, 20 + 12 + 20).unwrap()[22..30], 10_u64.to_be_bytes());

        assert_eq!(read(&mut client, 0, 4), b"0123");
        assert_eq!((read(&mut client, 0, 10), offered.reads()), (b"0123456789".to_vec(), 1));
        assert_eq!(read(&mut client, 0, 10), b"0123abc789");
        assert_eq!(read(&mut client, 5, 2), b"bc");
        assert_eq!(read(&mut client, 0, 4), b"0123");
        assert_eq!(offered.reads(), 3);
        std::fs::remove_dir_all(&folder).ok();
    }
}
