//! Asks the server of the release.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustls::crypto::ring;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, Proxy};

use crate::{again, proxy};

/// How long a server may take to answer. An answer that takes longer to come is asked for anew, from where it ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server.
pub(crate) struct Web {
    url: String,
    agent: Agent,
    fetched: AtomicU64,
    requests: AtomicU64,
}

impl Web {
    /// # Errors
    /// When the proxy that is set can't be used.
    pub(crate) fn new(url: &str, trusted: Vec<Certificate<'static>>) -> Result<Self> {
        let proxy = proxy::of(url, |name| std::env::var(name).ok());
        let used = proxy.as_deref().map(Proxy::new).transpose();
        let used = used.context("using the proxy that is set in the environment")?;
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(trusted)))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(used)
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(2 * PATIENCE))
            .user_agent(concat!("pattern-fetch/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, agent, fetched: AtomicU64::new(0), requests: AtomicU64::new(0) })
    }

    /// Returns how many bytes of content came so far.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Returns how many requests were made so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Fetches a small file, from its start after each connection that breaks off.
    ///
    /// # Errors
    /// When the server does not answer, does not have the file, or the file has more than `most` bytes.
    pub(crate) fn small(&self, name: &str, most: u64) -> Result<Vec<u8>> {
        let about = || format!("fetching {}/{name}", self.url);
        let bytes = again::until_done(|| {
            let answer = self.ask(name, None).with_context(about)?;
            let mut bytes = Vec::new();
            self.counted(answer).take(most + 1).read_to_end(&mut bytes).with_context(about)?;
            Ok(bytes)
        })?;
        if bytes.len() as u64 > most {
            bail!("{}: it has more than {most} bytes", about());
        }
        Ok(bytes)
    }

    /// Fetches a whole file, from a byte on.
    ///
    /// # Errors
    /// When the server does not answer, does not have the file, or has no ranges.
    pub(crate) fn from(&self, name: &str, start: u64) -> Result<impl Read + use<'_>> {
        let start = (start > 0).then_some((start, None));
        let answer = self.ask(name, start).with_context(|| format!("fetching {}/{name}", self.url))?;
        Ok(self.counted(answer))
    }

    /// Fetches a part of a file.
    ///
    /// # Errors
    /// When the server does not answer, does not have the file, or has no ranges.
    pub(crate) fn part(&self, name: &str, range: &Range<u64>) -> Result<impl Read + use<'_>> {
        let (start, last) = (range.start, range.end.saturating_sub(1));
        let about = || format!("fetching {}/{name}, bytes {start} to {last}", self.url);
        let answer = self.ask(name, Some((start, Some(last)))).with_context(about)?;
        Ok(self.counted(answer).take(range.end.saturating_sub(range.start)))
    }

    /// `bytes`: the first one that is wanted, and the last one.
    fn ask(&self, name: &str, bytes: Option<(u64, Option<u64>)>) -> Result<Response<Body>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // A range is one of the bytes that the sums are of, and not of a packed form.
        let mut request =
            self.agent.get(format!("{}/{name}", self.url)).header(header::ACCEPT_ENCODING, "identity");
        if let Some((start, last)) = bytes {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            request = request.header(header::RANGE, format!("bytes={start}-{last}"));
        }
        let answer = request.call().map_err(|error| match error {
            ureq::Error::ConnectProxyFailed(why) => {
                anyhow!("the proxy that is set in the environment refuses a tunnel to the server: {why}")
            }
            error => error.into(),
        })?;
        match (bytes, answer.status()) {
            (None, StatusCode::OK) => Ok(answer),
            (Some((start, _)), StatusCode::PARTIAL_CONTENT) if begins_at(&answer, start) => Ok(answer),
            (Some(_), StatusCode::PARTIAL_CONTENT) => bail!("the server returns another range"),
            (Some(_), StatusCode::OK) => bail!("the server has no ranges"),
            (_, status) => bail!("the server says {status}"),
        }
    }

    fn counted(&self, answer: Response<Body>) -> Counted<'_, impl Read + use<>> {
        Counted { from: answer.into_body().into_reader(), fetched: &self.fetched }
    }
}

/// Returns whether an answer has the bytes from this one on (RFC 9110, "Content-Range").
fn begins_at(answer: &Response<Body>, start: u64) -> bool {
    let range = answer.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

struct Counted<'a, R> {
    from: R,
    fetched: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.fetched.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
