//! A machine's disk as files, and pattern-fetch as a process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use pattern::delta::order::{Answer, Order, Ready};
use pattern_vm_tests::Server;
use sha2::{Digest as _, Sha256};

fn build() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../build")
}

/// Returns the file of an image whose name ends so.
fn of_image(version: &str, end: &str) -> PathBuf {
    let folder = build().join(format!("images/demo_{version}"));
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_str().is_some_and(|path| path.ends_with(end))).unwrap()
}

/// A machine that runs 0.0.1. Its folder is removed at the end.
pub struct Machine {
    folder: PathBuf,
    pub usr: File,
    pub target: File,
}

impl Machine {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pattern-fetch-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [usr, target] = ["usr", "target"].map(|name| folder.join(name));
        fs::copy(of_image("0.0.1", ".usr.raw"), &usr).unwrap();
        // The program becomes nobody, which may not be able to look into this checkout.
        fs::copy(build().join("../demo/demo-pubring.pgp"), folder.join("keyring")).unwrap();
        File::create(&target).unwrap().set_len(1 << 30).unwrap();
        let open = |path| File::options().read(true).write(true).open(path).unwrap();
        Self { usr: open(&usr), target: open(&target), folder }
    }

    pub fn new_usr(&self) -> PathBuf {
        of_image("0.0.2", ".usr.raw")
    }

    /// Bytes of the new `/usr` and kernel image, as an update without parts would fetch them, but for packing.
    pub fn whole(&self) -> u64 {
        [self.new_usr(), of_image("0.0.2", ".efi")].iter().map(|path| path.metadata().unwrap().len()).sum()
    }

    pub fn order(&self, server: &Server) -> Order {
        self.order_from(server, "demo_0.0.1")
    }

    pub fn order_from(&self, server: &Server, running: &str) -> Order {
        let uuid = |end: &str| {
            let path = of_image("0.0.1", end);
            path.to_str().unwrap().rsplit('_').nth(1).unwrap().to_owned()
        };
        Order {
            url: format!("http://127.0.0.1:{}/", server.port()),
            new: "demo_0.0.2".to_owned(),
            running: running.to_owned(),
            root: uuid(".usr.raw") + &uuid(".verity.raw"),
            blocks: of_image("0.0.1", ".usr.raw").metadata().unwrap().len() / 4096,
            keyrings: vec![self.folder.join("keyring")],
            usr: self.folder.join("usr"),
            target: Some(self.folder.join("target")),
            kernel: Some(of_image("0.0.1", ".efi")),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The names of what is offered.
pub struct Names {
    pub verity: String,
    pub usr: String,
    pub kernel: String,
}

/// The program, until this is dropped.
pub struct Fetcher {
    child: Child,
    pub answer: Answer,
    output: BufReader<ChildStdout>,
    /// What it says on standard error.
    log: PathBuf,
}

impl Fetcher {
    pub fn start(order: &Order) -> Self {
        let log = order.usr.with_file_name("log");
        let mut child = Command::new(build().join("dist/usr/lib/pattern/pattern-fetch"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        // Kept open: its end ends the program.
        let input = child.stdin.as_mut().unwrap();
        writeln!(input, "{}", serde_json::to_string(order).unwrap()).unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let answer = serde_json::from_str(&line);
        let answer = answer.unwrap_or_else(|_| panic!("{line}{}", fs::read_to_string(&log).unwrap()));
        Self { child, answer, output, log }
    }

    pub fn ready(&self) -> Ready {
        match &self.answer {
            Answer::Ready(ready) => *ready,
            other => panic!("{other:?}"),
        }
    }

    /// Closes its input, and returns how many bytes it fetched.
    pub fn end(&mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().parse().unwrap()
    }

    /// Returns the content that came.
    pub fn get(&self, name: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.ready().port)).unwrap();
        write!(stream, "GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{name}");
        bytes.split_off(head)
    }

    fn list(&self) -> Vec<(String, String)> {
        let list = String::from_utf8(self.get("SHA256SUMS")).unwrap();
        list.lines()
            .map(|line| line.split_once("  ").unwrap())
            .map(|(sum, name)| (sum.into(), name.into()))
            .collect()
    }

    pub fn names(&self) -> Names {
        let [verity, usr, kernel] = self.list().try_into().unwrap();
        Names { verity: verity.1, usr: usr.1, kernel: kernel.1 }
    }

    /// Compares all that is offered with the image, and with the sums that systemd-sysupdate will compare.
    pub fn makes_the_new_version(&self, machine: &Machine) {
        let Names { verity, usr, kernel } = self.names();
        let image = [of_image("0.0.2", ".verity.raw"), machine.new_usr(), of_image("0.0.2", ".efi")];
        for ((name, image), (sum, _)) in [verity, usr, kernel].iter().zip(image).zip(self.list()) {
            assert!(image.ends_with(name), "{name}");
            let made = hash(&self.get(name));
            assert_eq!((&made, &made), (&hash(&fs::read(&image).unwrap()), &sum), "{name}: {}", self.said());
        }
    }

    /// Returns what it said on standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The most memory that it ever had (proc(5), `VmHWM`).
    pub fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn hash(bytes: &[u8]) -> String {
    pattern::hex::encode(&Sha256::digest(bytes))
}
