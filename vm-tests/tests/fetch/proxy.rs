//! A proxy stands between the machine and the server, by the variables that libcurl reads, too: without it the machine has no way to
//! the server, whose name only the proxy knows. What is secret of it is in no message.

use std::path::Path;
use std::process::Command;

use pattern_vm_tests::{Fetcher, Proxy, Server, Slots, Tls, fetcher};

use crate::release;

const NAME: &str = "updates.test";
/// What is said of a name that only the proxy knows.
const NO_NAME: &str = "failed to lookup address information: ";
const SECRET: &str = "opensesame";
/// `me:opensesame`
const CREDENTIALS: &str = "bWU6b3BlbnNlc2FtZQ==";

/// The program with these variables, and no other proxy.
fn with(variables: &[(&str, &str)]) -> Command {
    set(Command::new(fetcher::program()), variables)
}

fn set(mut command: Command, variables: &[(&str, &str)]) -> Command {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.envs(variables.iter().copied());
    command
}

/// Returns why the whole would be fetched, in which no password is.
fn why(fetcher: &Fetcher) -> String {
    let why = fetcher.why_whole();
    for secret in [SECRET, CREDENTIALS] {
        assert!(!why.contains(secret) && !fetcher.said().contains(secret), "{why}");
    }
    why
}

#[test]
fn the_way_by_http_leads_through_the_proxy() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("proxy"));
    let proxy = Proxy::for_who_knows(CREDENTIALS, server.port());
    let order = slots.order(&format!("http://{NAME}:{}/", server.port()));
    let variable = |user: &str| format!("http://{user}127.0.0.1:{}", proxy.port());
    let known = variable(&format!("me:{SECRET}@"));
    for name in ["http_proxy", "ALL_PROXY"] {
        let fetcher = Fetcher::start_by(with(&[(name, &known)]), &order);
        fetcher.makes_the_new_version(&slots);
        assert!(!fetcher.said().contains(SECRET), "{}", fetcher.said());
        let asked = proxy.asked();
        let wanted = format!("CONNECT {NAME}:{} HTTP/1.1", server.port());
        assert!(!asked.is_empty() && asked.iter().all(|line| *line == wanted), "{asked:?}");
    }
    let _by_proxy = server.asked();
    // With that of another scheme, with an exception, and as somebody else.
    for (variables, says) in [
        (vec![("https_proxy", &*known), ("HTTP_PROXY", &*known)], NO_NAME),
        (vec![("http_proxy", &*known), ("no_proxy", "localhost,.test")], NO_NAME),
        (
            vec![("http_proxy", &*variable("me:other@"))],
            "refuses a tunnel to the server: proxy server responded 407",
        ),
        (vec![("http_proxy", &*variable(""))], "refuses a tunnel to the server: proxy server responded 407"),
        (
            vec![("http_proxy", "http://me:opensesame@:bad:")],
            "using the proxy that is set in the environment: ",
        ),
    ] {
        let why = why(&Fetcher::start_by(with(&variables), &order));
        assert!(why.contains(says), "{variables:?}: {why}");
    }
    assert!(server.asked().is_empty());
}

/// The proxy sees a name, and nothing of what is asked there.
#[test]
fn the_way_by_https_leads_through_the_proxy() {
    let (server, slots) = (Server::start(&release("delta")), Slots::new("proxy-tls"));
    let tls = Tls::start(&server, NAME, &slots.folder().join("tls"), of_tools);
    let proxy = Proxy::start(tls.port());
    let order = slots.order(&format!("https://{NAME}:{}/", tls.port()));
    let variable = format!("http://127.0.0.1:{}", proxy.port());
    let trusting = |folder: &Path| set(trusting(folder), &[("https_proxy", &variable)]);
    // Whose certificate nobody knows is not asked.
    std::fs::create_dir(slots.folder().join("nobody")).unwrap();
    let why = why(&Fetcher::start_by(trusting(&slots.folder().join("nobody")), &order));
    assert!(why.contains("invalid peer certificate: UnknownIssuer"), "{why}");
    assert!(server.asked().is_empty());
    let bundle = slots.folder().join("certificates/ca-certificates.crt");
    std::fs::create_dir(bundle.parent().unwrap()).unwrap();
    std::fs::copy(tls.authority(), &bundle).unwrap();
    Fetcher::start_by(trusting(bundle.parent().unwrap()), &order).makes_the_new_version(&slots);
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| *line == format!("CONNECT {NAME}:{} HTTP/1.1", tls.port())), "{asked:?}");
}

/// As many do for a port that is not 443. systemd-sysupdate, which asks such a proxy for the file and not for a tunnel, fetches the
/// whole then.
#[test]
fn a_proxy_that_refuses_is_named() {
    let (server, slots, proxy) =
        (Server::start(&release("delta")), Slots::new("refused"), Proxy::that_refuses());
    let variable = format!("http://me:{SECRET}@127.0.0.1:{}", proxy.port());
    let why = why(&Fetcher::start_by(with(&[("http_proxy", &variable)]), &slots.order(&server.url())));
    let wanted = "SHA256SUMS: the proxy that is set in the environment refuses a tunnel to the server: proxy server responded 403";
    assert!(why.contains(wanted), "{why}");
}

/// Changes what the program sees at a path, where no other process sees it.
fn bound(from: &Path, to: &str) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    let mut then = "exec \"$@\"";
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
        // In a user namespace nobody can give up root's groups: the program starts as somebody else.
        then = "exec unshare --user --map-user=1000 \"$@\"";
    }
    command.args(["sh", "-c", &format!("mount --bind \"$0\" {to} && {then}")]).arg(from);
    command
}

fn trusting(folder: &Path) -> Command {
    let mut command = bound(folder, "/etc/ssl/certs");
    command.arg(fetcher::program());
    command
}

/// A program of Debian 13.
fn of_tools(program: &str) -> Command {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools/tree/usr");
    let mut command = bound(&tree, "/usr");
    command.arg(program);
    command
}
