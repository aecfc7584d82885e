//! Waits for something to read, but not for ever: so that what waits can look at what else happened.

use std::os::fd::AsFd;
use std::{io, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

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
