//! An HTTP proxy for HTTPS: tunnels each connection to one port of the loopback, whatever name was
//! asked for (RFC 9110, "CONNECT").

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

impl Proxy {
    /// Starts on a free port.
    #[must_use]
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listening on the loopback");
        let port = listener.local_addr().expect("asking for the port").port();
        let asked = Arc::new(Mutex::default());
        let proxy = Self { port, asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = Arc::clone(&asked);
                // A client that disconnects is not a failure of the test.
                thread::spawn(move || tunnel(stream, to, &asked).ok());
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

fn tunnel(mut client: TcpStream, to: u16, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    // The client waits for the answer, so the buffer holds nothing that comes after the head.
    let mut lines = BufReader::new(client.try_clone()?).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let _end_of_head = lines.find(String::is_empty);
    asked.lock().expect("no thread panics with it").push(request.clone());
    if !request.starts_with("CONNECT ") {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from_server, &mut to_client).ok());
    io::copy(&mut client, &mut server).map(drop)
}
