//! Answers systemd-pull on the loopback: the list, and the files of one version.

use std::io::{self, Read as _, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pattern::delta::offer::LIST;
use pattern_serve::{Answer, Request, Site, Status, welcome};

use crate::kernel;
use crate::offered::Offered;
use crate::usr::Usr;

/// Answers in threads.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start(listener: TcpListener, offered: Arc<Offered>) -> Result<()> {
    let site: Arc<dyn Site> = Arc::new(Loopback(offered));
    let serve = move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = welcome(stream, &site) {
                writeln!(io::stderr(), "pattern: starting a thread: {error}").ok();
            }
        }
    };
    thread::Builder::new().spawn(serve).context("starting a thread")?;
    Ok(())
}

struct Loopback(Arc<Offered>);

impl Site for Loopback {
    fn answer(&self, request: &Request) -> Answer {
        let (of, offer) = (&self.0, &self.0.offer);
        let name = request.name().unwrap_or_default();
        if name == LIST {
            let list = offer.unpacked(&of.index);
            self.content(Some(list.len() as u64), move |_, to| Ok(to.write_all(list.as_bytes())?))
        } else if name == offer.verity {
            self.content(Some(of.index.verity.bytes), verity)
        } else if name == offer.usr {
            self.content(Some(of.index.usr.bytes), |of, to| Usr::new(of).write(to))
        } else if name == offer.kernel.name {
            // Where the length is not known, the sum says whether all came.
            let length = of.kernel.as_ref().map(|(table, _)| u64::from(table.new.units));
            self.content(length, kernel::write)
        } else {
            Answer::empty(Status::NotFound)
        }
    }

    /// systemd-pull writes to a disk, which may be busy for long.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

impl Loopback {
    fn content(
        &self,
        length: Option<u64>,
        write: impl FnOnce(&Offered, &mut dyn Write) -> Result<()> + Send + 'static,
    ) -> Answer {
        let of = Arc::clone(&self.0);
        let body = Box::new(move |to: &mut dyn Write| {
            write(&of, to).map_err(|error| {
                // systemd-sysupdate only says that the connection broke off.
                writeln!(io::stderr(), "pattern: {error:#}").ok();
                io::Error::other(error)
            })
        });
        Answer { length, body, ..Answer::empty(Status::Ok) }
    }
}

fn verity(of: &Offered, mut to: &mut dyn Write) -> Result<()> {
    let (tree, _root) = of.tree.bytes();
    to.write_all(&tree)?;
    let rest = of.index.verity.bytes.saturating_sub(tree.len() as u64);
    io::copy(&mut io::repeat(0).take(rest), &mut to)?;
    Ok(())
}
