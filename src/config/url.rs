//! Validates `image.updates.url`, a prefix to which systemd-sysupdate appends `/` and a file name.
//! The URL is in `/usr`: a machine with a wrong one can't be reached by an update any more.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::check::{Checked, LABEL_MAX};

/// Longest name of a host (RFC 1035, section 2.3.4).
const HOST_MAX: usize = 253;

const SCHEMES: [&str; 3] = ["https://", "http://", "file:///"];

/// Validates the URL.
pub(super) fn url(text: &str) -> Checked<String> {
    let lower = text.to_ascii_lowercase();
    if let Some(scheme) =
        SCHEMES.iter().find(|scheme| lower.starts_with(**scheme) && !text.starts_with(**scheme))
    {
        return Err(format!("must start with {scheme:?} in small letters, not {text:?}"));
    }
    let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Err(format!(
            "must be a URL such as \"https://example.org/demo\" (https, http or file), not {text:?}"
        ));
    };
    let fits = |c: char| c.is_ascii_graphic() && !"\"'\\<>`{}|^%?#".contains(c);
    if let Some(strange) = text.chars().find(|c| !fits(*c)) {
        return Err(format!("must be a plain URL prefix, without {strange:?}: {text:?}"));
    }
    if !text.starts_with("file:") {
        server(rest.split('/').next().unwrap_or_default())?;
    }
    Ok(text.to_owned())
}

/// Validates a host and the port after it (RFC 3986, section 3.2).
fn server(authority: &str) -> Checked<()> {
    if authority.contains('@') {
        return Err(
            "must not hold a user name or password: every user of the system can read this file".to_owned()
        );
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) =
                rest.split_once(']').filter(|(one, _)| one.parse::<Ipv6Addr>().is_ok())
            else {
                return Err(format!("must have an IPv6 address between [ and ], not {authority:?}"));
            };
            (address, if after.is_empty() { None } else { Some(after.strip_prefix(':').unwrap_or("")) })
        }
        None => {
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            if !is_host(host) {
                return Err(format!("must have the name or the address of a server, not {host:?}"));
            }
            (host, port)
        }
    };
    let number = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    match port {
        Some(port) if !number(port) => {
            Err(format!("must have a port from 1 to 65535 after {host:?} and ':', not {port:?}"))
        }
        _ => Ok(()),
    }
}

/// Returns whether this is an IPv4 address or a name. A last part of digits is an address to every
/// resolver (WHATWG URL Standard, "ends in a number").
fn is_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let digits = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    if name.rsplit('.').next().is_some_and(digits) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    name.len() <= HOST_MAX && name.split('.').all(is_label)
}

/// Names in a private network may have `_`, too.
fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let ends = [label.bytes().next(), label.bytes().last()];
    label.len() <= LABEL_MAX
        && ends.into_iter().all(|byte| byte.is_some_and(fits))
        && label.bytes().all(|byte| fits(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_can_be_reached_are_accepted() {
        for good in [
            "https://example.org",
            "http://h:8000/",
            "http://h:65535/a/b",
            "https://10.0.2.100:8000",
            "https://[2001:db8::1]",
            "https://[::1]:443/x",
            "https://updates.example.org./demo",
            "https://xn--bcher-kva.example/",
            "http://build_host.lan/x",
            "file:///srv/demo",
        ] {
            assert_eq!(url(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn servers_that_can_never_be_reached_are_named() {
        let host = |host: &str| format!("must have the name or the address of a server, not {host:?}");
        let port = |host: &str, port: &str| {
            format!("must have a port from 1 to 65535 after {host:?} and ':', not {port:?}")
        };
        for (bad, message) in [
            ("http://h:99999/x", port("h", "99999")),
            ("http://h:0", port("h", "0")),
            ("http://h:abc", port("h", "abc")),
            ("http://h:+80", port("h", "+80")),
            ("http://h:/x", port("h", "")),
            ("http://[::1]:x/", port("::1", "x")),
            ("http://[::1]80/", port("::1", "")),
            ("http://./", host(".")),
            ("http://a..b/", host("a..b")),
            ("http://-a.example/", host("-a.example")),
            ("http://a-.example/", host("a-.example")),
            ("http://:80/", host("")),
            ("http://10.0.2/", host("10.0.2")),
            ("http://256.1.1.1/", host("256.1.1.1")),
            ("http://a,b/", host("a,b")),
            ("http://[::g]/", "must have an IPv6 address between [ and ], not \"[::g]\"".to_owned()),
            ("http://[::1/", "must have an IPv6 address between [ and ], not \"[::1\"".to_owned()),
        ] {
            assert_eq!(url(bad), Err(message), "{bad}");
        }
        let long = format!("http://{}/", "a".repeat(64));
        assert!(url(&long).is_err());
    }
}
