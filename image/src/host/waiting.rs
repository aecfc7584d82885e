//! Waits for something to read, but not for ever: so that what waits can look at what else happened.

use std::os::fd::AsFd;
use std::{io, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

/// How long one waiting takes. A signal is noticed after that.
pub(crate) const A_WHILE: Duration = Duration::from_millis(100);

/// Waits until there is something to read, or an end. Returns whether there is.
///
/// # Errors
/// When the kernel can't tell.
pub(crate) fn is_readable(file: impl AsFd, at_most: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&time)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

/// Returns whether nobody is left to read what is written to a pipe or a socket. Another file needs no reader: with nohup(1) a
/// run outlives its terminal.
///
/// # Errors
/// When the kernel can't tell.
pub(crate) fn has_no_reader(file: impl AsFd) -> io::Result<bool> {
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    if ![FileType::Fifo, FileType::Socket].contains(&kind) {
        return Ok(false);
    }
    let mut asked = [PollFd::new(&file, PollFlags::empty())];
    match poll(&mut asked, Some(&Timespec::default())) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0 && asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_pipe_has_a_reader_until_its_other_end_is_closed() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!has_no_reader(&writer).unwrap());
        drop(reader);
        assert!(has_no_reader(&writer).unwrap());
        let file = std::fs::File::options().write(true).open("/dev/null").unwrap();
        assert!(!has_no_reader(file).unwrap());
    }

    #[test]
    fn what_is_written_and_the_end_are_there_to_read() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert!(!is_readable(&reader, Duration::ZERO).unwrap());
        writer.write_all(b"x").unwrap();
        assert!(is_readable(&reader, Duration::ZERO).unwrap());
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert!(is_readable(&reader, Duration::ZERO).unwrap());
    }
}
