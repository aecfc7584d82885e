//! An HTTP proxy: tunnels each connection to one port of the loopback, whatever name was asked for (RFC 9110, "CONNECT"). It may
//! want a password, or refuse to.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy that runs until the test ends.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What it does with a client.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Tunnel,
    /// Tunnels for who sends this header.
    Know(&'static str),
    Refuse,
}

impl Proxy {
    /// Starts on a free port, and leads to this one.
    #[must_use]
    pub fn start(to: u16) -> Self {
        Self::by(Rule::Tunnel, to)
    }

    /// Does the same for who sends these credentials: user, colon and password in Base64.
    #[must_use]
    pub fn for_who_knows(credentials: &'static str, to: u16) -> Self {
        Self::by(Rule::Know(credentials), to)
    }

    /// Tunnels for nobody, as many proxies do where the server's port is not 443.
    #[must_use]
    pub fn that_refuses() -> Self {
        Self::by(Rule::Refuse, 0)
    }

    fn by(rule: Rule, to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on the loopback");
        let port = listener.local_addr().expect("asking for the port").port();
        let asked = Arc::new(Mutex::default());
        let proxy = Self { port, asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = Arc::clone(&asked);
                // A client that disconnects is not a failure of the test.
                thread::spawn(move || serve(stream, rule, to, &asked).ok());
            }
        });
        proxy
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the requests since the last call.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no thread panics with it"))
    }
}

fn serve(mut client: TcpStream, rule: Rule, to: u16, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    // The client waits for the answer, so the buffer holds nothing that comes after the head.
    let mut lines = BufReader::new(client.try_clone()?).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    asked.lock().expect("no thread panics with it").push(request.clone());
    let status = match rule {
        _ if !request.starts_with("CONNECT ") => "405 Method Not Allowed",
        Rule::Refuse => "403 Forbidden",
        Rule::Know(credentials) if !headers.iter().any(|line| is_of(line, credentials)) => {
            "407 Proxy Authentication Required"
        }
        Rule::Tunnel | Rule::Know(_) => return tunnel(client, to),
    };
    write!(client, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn is_of(line: &str, credentials: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("Proxy-Authorization") && value == format!("Basic {credentials}")
    })
}

fn tunnel(mut client: TcpStream, to: u16) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from_server, &mut to_client).ok());
    io::copy(&mut client, &mut server).map(drop)
}
