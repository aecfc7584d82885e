//! How many clients are served at a time.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use crate::connection::{Site, attend, refuse};

/// So many clients are served at a time. A machine has one connection, or a few.
pub const MOST: usize = 64;

/// Serves a client in a thread of its own, or tells it to come again later. The caller has one reference to the site, and each
/// thread has one.
///
/// # Errors
/// When no thread can be started. The connection is closed then, and the client tries again.
pub fn welcome(stream: TcpStream, site: &Arc<dyn Site>) -> io::Result<()> {
    if Arc::strong_count(site) > MOST {
        // It may have gone already.
        refuse(&stream).ok();
        return Ok(());
    }
    let site = Arc::clone(site);
    // What breaks off is the client's matter.
    thread::Builder::new().spawn(move || attend(&stream, &*site).ok()).map(drop)
}
