//! `pattern serve`: gives a release to machines by HTTP/1.1, for tests and labs.

mod facts;
mod folder;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, thread};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueHint};
use pattern_serve::{Answer, Request, Site, welcome};

use crate::host::screen::Screen;
use crate::host::{file, results, signals, waiting};
use crate::machine::qemu;
use crate::release::SIGNATURE;
pub use folder::Folder;

/// Options of `serve`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Serve {
    /// The folder that `pattern sign-release` wrote: pattern-release
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Where to listen; 0.0.0.0 and [::] stand for all addresses of this host, port 0 for a free one
    #[arg(long, value_name = "ADDR:PORT", value_hint = ValueHint::Other, default_value = "127.0.0.1:8000")]
    #[arg(value_parser = address)]
    pub address: SocketAddr,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8000 or [::1]:8000".to_owned())
}

/// Serves the folder until a signal comes.
///
/// # Errors
/// When the folder is not a release, the address can't be listened on, or a signal came.
pub fn run(options: &Serve, screen: Screen) -> Result<()> {
    refuse_other(&options.folder)?;
    signals::catch()?;
    let listener = listen(options.address)?;
    let address = listener.local_addr().context("asking for the port")?;
    results::list([format!("http://{address}")])?;
    screen.say(meant(address));
    screen.say("Ctrl-C ends it.");
    let site: Arc<dyn Site> = Arc::new(Shown { folder: Folder::new(&options.folder), screen });
    loop {
        signals::refuse_to_go_on()?;
        if waiting::is_readable(&listener, waiting::A_WHILE).context("waiting for machines")? {
            accept(&listener, &site);
        }
    }
}

/// Refuses what `pattern sign-release` did not write: nobody publishes a folder of keys by mistake.
fn refuse_other(folder: &Path) -> Result<()> {
    if !file::is_there(&folder.join(SIGNATURE))? {
        bail!(
            "{} is not a release, because it has no {SIGNATURE}: name the folder that `pattern sign-release` wrote",
            folder.display()
        );
    }
    // Who named it can read it, or learns it now, and not from machines.
    file::readable(&folder.join(SIGNATURE))
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.with_context(|| format!("listening on {address}: name another one with --address"))
}

/// Says what to put into `updates.url`.
fn meant(address: SocketAddr) -> String {
    let port = address.port();
    if address.ip().is_loopback() {
        return format!(
            "Only this host reaches it. For machines of `pattern run --server {port}`, put into pattern.toml: updates.url = \
             \"http://{}\"",
            qemu::SERVER
        );
    }
    if address.ip().is_unspecified() {
        return format!(
            "Put into pattern.toml, with a name or an address of this host: updates.url = \"http://HOST:{port}\""
        );
    }
    format!("Put into pattern.toml: updates.url = \"http://{address}\"")
}

fn accept(listener: &TcpListener, site: &Arc<dyn Site>) {
    let accepted = listener.accept().and_then(|(stream, _)| {
        stream.set_nonblocking(false)?;
        welcome(stream, site)
    });
    match accepted {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // It may have gone already, or this process has too many files open: a moment later it has fewer.
        Err(_) => thread::sleep(waiting::A_WHILE),
        Ok(()) => {}
    }
}

/// A folder, each answer of which is shown.
struct Shown {
    folder: Folder,
    screen: Screen,
}

impl Site for Shown {
    fn answer(&self, request: &Request) -> Answer {
        self.folder.answer(request)
    }

    fn answered(&self, line: &str) {
        self.screen.say(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_machines_have_to_ask_depends_on_the_address() {
        for (address, wanted) in [
            ("127.0.0.1:8080", "`pattern run --server 8080`"),
            ("[::1]:8000", "updates.url = \"http://10.0.2.100:8000\""),
            ("0.0.0.0:8000", "updates.url = \"http://HOST:8000\""),
            ("192.0.2.1:8000", "updates.url = \"http://192.0.2.1:8000\""),
            ("[2001:db8::1]:8000", "updates.url = \"http://[2001:db8::1]:8000\""),
        ] {
            let said = meant(address.parse().unwrap());
            assert!(said.contains(wanted), "{said}");
        }
    }
}
