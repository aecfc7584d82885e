//! Whom https trusts: the bundle that libcurl reads, too. `pattern update` shows the image's and the machine's together there.

use ureq::tls::{Certificate, PemItem, parse_pem};

/// Debian's bundle.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Returns the certificates of authorities. Without any, no https server is trusted.
pub(crate) fn read() -> Vec<Certificate<'static>> {
    let bundle = std::fs::read(BUNDLE).unwrap_or_default();
    parse_pem(&bundle)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}
