//! HTTPS in front of a server, with the certificate of an authority of the test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use crate::server::Server;

/// For certificates: they are valid whenever the tested image was built.
const DATES: [&str; 4] = ["-not_before", "20200101000000Z", "-not_after", "20400101000000Z"];
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
/// What socat says before the port.
const LISTENS: &str = "listening on AF=2 127.0.0.1:";

/// A process that runs until the test ends.
#[derive(Debug)]
pub struct Tls {
    folder: PathBuf,
    socat: Child,
    port: u16,
}

impl Tls {
    /// Makes an authority, which certifies this name, and starts on a free port. The programs are
    /// Debian 13's.
    ///
    /// # Panics
    /// When a program fails.
    #[must_use]
    pub fn start(server: &Server, name: &str, folder: &Path, program: impl Fn(&str) -> Command) -> Self {
        fs::create_dir_all(folder).expect("creating a folder");
        let folder = folder.canonicalize().expect("a folder");
        certify(name, &folder, &program);
        let log = folder.join("socat.log");
        let listen = "OPENSSL-LISTEN:0,bind=127.0.0.1,fork,verify=0,cert=server.pem";
        let socat = program("socat")
            .args(["-d", "-d", listen, &format!("TCP4:127.0.0.1:{}", server.port())])
            .current_dir(&folder)
            .stderr(File::create(&log).expect("creating a file"))
            .spawn()
            .expect("starting socat");
        let port = port(&log);
        Self { folder, socat, port }
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the certificate of the authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.socat.kill().ok();
        self.socat.wait().ok();
    }
}

fn certify(name: &str, folder: &Path, program: &impl Fn(&str) -> Command) {
    let openssl = |words: &[&str]| {
        let mut openssl = program("openssl");
        openssl.args(["req", "-x509"]).args(KEY).args(DATES).args(words);
        // Not the settings of the host.
        openssl.current_dir(folder).env("OPENSSL_CONF", "/dev/null");
        let output = openssl.output().expect("starting openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let files = ["-keyout", "authority.key", "-out", "authority.crt"];
    openssl(&[&files[..], &["-subj", "/CN=test", "-addext", "basicConstraints=critical,CA:TRUE"]].concat());
    let by =
        ["-CA", "authority.crt", "-CAkey", "authority.key", "-keyout", "server.key", "-out", "server.crt"];
    let (subject, alternative) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
    openssl(&[&by[..], &["-subj", &subject, "-addext", &alternative]].concat());
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("what openssl wrote");
    fs::write(folder.join("server.pem"), read("server.crt") + &read("server.key")).expect("writing a file");
}

fn port(log: &Path) -> u16 {
    for _ in 0..100 {
        let said = fs::read_to_string(log).unwrap_or_default();
        if let Some((_, port)) = said.split_once(LISTENS)
            && let Some((port, _)) = port.split_once('\n')
        {
            return port.trim().parse().expect("a port");
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("socat does not listen: {}", fs::read_to_string(log).unwrap_or_default())
}
