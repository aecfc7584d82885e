//! Which proxy leads to a server, by the variables that curl(1) describes: what is said of them counts for the other half of an
//! update, too, which libcurl fetches.

/// Returns the proxy for an address, if one is set. `variable` reads a variable of the environment.
pub(crate) fn of(url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let first =
        |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let (scheme, rest) = url.split_once("://")?;
    let excepted = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
    if excepted.split([',', ' ']).any(|entry| is_meant(entry, host(rest))) {
        return None;
    }
    // HTTP_PROXY in capitals is left out: programs that a web server starts get it from whoever asks.
    match scheme.to_ascii_lowercase().as_str() {
        "https" => first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        "http" => first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
        _ => None,
    }
}

/// Returns the host of an address without its scheme.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// Returns whether an entry of `no_proxy` is about a host: all hosts, the host, or a domain that it is in.
fn is_meant(entry: &str, host: &str) -> bool {
    let (entry, host) = (entry.trim_start_matches('.').to_ascii_lowercase(), host.to_ascii_lowercase());
    entry == "*"
        || !entry.is_empty()
            && host.strip_suffix(&entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, set: &[(&str, &str)]) -> Option<String> {
        of(url, |name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn each_scheme_has_its_own() {
        let set = [("http_proxy", "http://p"), ("https_proxy", "http://s"), ("ALL_PROXY", "http://a")];
        assert_eq!(chosen("http://x", &set).as_deref(), Some("http://p"));
        assert_eq!(chosen("https://x/y", &set).as_deref(), Some("http://s"));
        assert_eq!(chosen("https://x", &set[..1]), None);
        assert_eq!(chosen("https://x", &set[2..]).as_deref(), Some("http://a"));
        assert_eq!(chosen("http://x", &[("HTTP_PROXY", "http://p")]), None);
        assert_eq!(chosen("http://x", &[("http_proxy", "")]), None);
        assert_eq!(chosen("file:///x", &set), None);
    }

    #[test]
    fn hosts_are_excepted_by_name_and_by_domain() {
        let url = "http://me:word@www.Example.org:8000/a";
        for (excepted, is) in [
            ("example.org", true),
            ("a, .example.org", true),
            ("www.example.org", true),
            ("*", true),
            ("ample.org", false),
            ("example.org.uk", false),
            ("", false),
            (",", false),
        ] {
            let found = chosen(url, &[("http_proxy", "http://p"), ("no_proxy", excepted)]);
            assert_eq!(found.is_none(), is, "{excepted:?}");
        }
        assert_eq!(chosen("http://[::1]:80/", &[("http_proxy", "http://p"), ("NO_PROXY", "::1")]), None);
    }
}
