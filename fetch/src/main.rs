//! `pattern-fetch`: fetches what the machine lacks of a new version, and offers the version to systemd-sysupdate as if all
//! of it were on a server. `pattern update` starts it, with an order on standard input, and ends it by closing that.
//!
//! It gets its files open, and then works as nobody: what it reads from the network is a stranger's.

mod again;
mod certificates;
mod confine;
mod disk;
mod kernel;
mod offered;
mod order;
mod pieces;
mod proxy;
mod serve;
mod signed;
mod unfinished;
mod usr;
mod web;

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use pattern::delta::order::Answer;

use offered::Offered;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.is_empty() {
        return unfinished(&words);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // `pattern update` says what follows from it. If nobody reads, nothing does.
        Err(error) => {
            say(&Answer::Whole(format!("{error:#}"))).map_or(ExitCode::FAILURE, |()| ExitCode::FAILURE)
        }
    }
}

/// Answers `pattern status`.
fn unfinished(words: &[String]) -> ExitCode {
    let said = unfinished::say(words).and_then(|text| Ok(io::stdout().write_all(text.as_bytes())?));
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "pattern: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut input = io::stdin().lock();
    let order = order::read(&mut input)?;
    let files = order::open(&order)?;
    let certificates = certificates::read();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening on the loopback")?;
    confine::as_nobody().context("giving up the rights of root")?;
    let web = web::Web::new(&order.url, certificates)?;
    let offered = Arc::new(Offered::prepare(&order, files, web)?);
    let ready = offered.summary(listener.local_addr()?.port());
    serve::start(listener, Arc::clone(&offered))?;
    say(&Answer::Ready(ready))?;
    // Until the other end is closed, or its process ended.
    input.read_to_end(&mut Vec::new())?;
    // The last line: how many bytes were fetched.
    writeln!(io::stdout(), "{}", offered.web.fetched())?;
    Ok(())
}

fn say(answer: &Answer) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}
