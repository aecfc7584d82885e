//! Answers systemd-pull on the loopback: GET of the list and of the files of one version (RFC 9112).

use std::io::{self, BufWriter, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pattern::delta::offer::LIST;

use crate::kernel;
use crate::offered::Offered;
use crate::usr::Usr;

/// Bytes of the head of a request.
const LONGEST: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers in threads.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start(listener: TcpListener, offered: Arc<Offered>) -> Result<()> {
    let answer = move || {
        for stream in listener.incoming().flatten() {
            let offered = Arc::clone(&offered);
            thread::spawn(move || {
                if let Err(error) = answer(&stream, &offered) {
                    // systemd-sysupdate only says that the connection broke off.
                    writeln!(io::stderr(), "pattern: {error:#}").ok();
                }
            });
        }
    };
    thread::Builder::new().spawn(answer).context("starting a thread")?;
    Ok(())
}

fn answer(stream: &TcpStream, of: &Offered) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let Some(path) = request(stream)? else {
        return Ok(head(stream, "400 Bad Request", 0)?);
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut to = BufWriter::with_capacity(64 << 10, stream);
    let offer = &of.offer;
    if name == LIST {
        let list = offer.unpacked(&of.index);
        head(&mut to, "200 OK", list.len() as u64)?;
        to.write_all(list.as_bytes())?;
    } else if name == offer.verity {
        head(&mut to, "200 OK", of.index.verity.bytes)?;
        let (tree, _root) = of.tree.bytes();
        to.write_all(&tree)?;
        let rest = of.index.verity.bytes.saturating_sub(tree.len() as u64);
        io::copy(&mut io::repeat(0).take(rest), &mut to)?;
    } else if name == offer.usr {
        head(&mut to, "200 OK", of.index.usr.bytes)?;
        Usr::new(of).write(&mut to)?;
    } else if name == offer.kernel.name {
        let bytes = of.kernel.as_ref().map(|(table, _)| u64::from(table.new.units));
        start_of_unknown(&mut to, bytes)?;
        kernel::write(of, &mut to)?;
    } else {
        head(&mut to, "404 Not Found", 0)?;
    }
    Ok(to.flush()?)
}

/// Returns the path that is asked for, or nothing for anything but a GET.
fn request(mut stream: &TcpStream) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part)?;
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => {
                let is_get = request.method == Some("GET");
                return Ok(request.path.filter(|_| is_get).map(str::to_owned));
            }
            Ok(httparse::Status::Partial) if count > 0 && bytes.len() < LONGEST => {}
            _ => return Ok(None),
        }
    }
}

fn head(mut to: impl Write, status: &str, length: u64) -> io::Result<()> {
    write!(to, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

/// Where the length is not known, the end of the connection is the end of the file, and the sum says whether that is right.
fn start_of_unknown(to: &mut impl Write, length: Option<u64>) -> io::Result<()> {
    match length {
        Some(length) => head(to, "200 OK", length),
        None => write!(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
    }
}
