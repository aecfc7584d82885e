//! Asks once more after a connection that breaks off.

use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How often a request is made that brings nothing. The pause after it doubles.
const TRIES: u32 = 4;

/// Tries until it succeeds, or fails for another reason than the way to the server.
///
/// # Errors
/// The last one.
pub(crate) fn until_done<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut pause = Duration::from_secs(1);
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if is_of_the_way(&error) => {
                thread::sleep(pause);
                pause *= 2;
            }
            done => return done,
        }
    }
    attempt()
}

/// Whether trying again may help: the connection failed, and not the answer.
fn is_of_the_way(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref() {
        Some(ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::HostNotFound) => true,
        Some(ureq::Error::ConnectionFailed | ureq::Error::Protocol(_)) => true,
        Some(_) => false,
        None => cause.is::<std::io::Error>(),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn only_what_the_way_made_fail_is_tried_again() {
        let broken =
            || anyhow::Error::from(io::Error::from(io::ErrorKind::UnexpectedEof)).context("fetching x");
        let mut tries = 0;
        let done = until_done(|| {
            tries += 1;
            if tries < 2 { Err(broken()) } else { Ok(tries) }
        });
        assert_eq!(done.unwrap(), 2);
        for error in [anyhow!("the server says 404"), ureq::Error::TooManyRedirects.into()] {
            let (mut error, mut tries) = (Some(error), 0);
            let failed = until_done::<()>(|| {
                tries += 1;
                Err(error.take().unwrap())
            });
            assert!(failed.is_err() && tries == 1);
        }
    }
}
