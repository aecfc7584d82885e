//! pattern-fetch as a process, and what systemd-sysupdate does with it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use pattern::delta::order::{Answer, Order, Ready};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};

use crate::setting;
use crate::slots::Slots;

/// The names of what is offered, with their sums.
#[derive(Debug)]
pub struct Names {
    /// The hash tree.
    pub verity: String,
    /// `/usr`
    pub usr: String,
    /// The kernel image.
    pub kernel: String,
    sums: [String; 3],
}

/// The program, until this is dropped.
#[derive(Debug)]
pub struct Fetcher {
    child: Child,
    answer: Option<Answer>,
    output: Option<BufReader<ChildStdout>>,
    /// What it says on standard error.
    log: PathBuf,
}

impl Fetcher {
    /// Starts it, and waits for its answer.
    ///
    /// # Panics
    /// When it can't be started, or gives none.
    #[must_use]
    pub fn start(order: &Order) -> Self {
        Self::start_by(Command::new(program()), order)
    }

    /// The same with a command that ends in the program's, such as one with variables.
    ///
    /// # Panics
    /// When it can't be started, or gives no answer.
    #[must_use]
    pub fn start_by(command: Command, order: &Order) -> Self {
        let mut fetcher = Self::spawn(command, order);
        fetcher.listen();
        assert!(fetcher.answer.is_some(), "{}", fetcher.said());
        fetcher
    }

    /// Starts it, and waits for nothing.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn spawn(mut command: Command, order: &Order) -> Self {
        let log = order.usr.with_file_name("log");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("making a log"))
            .spawn()
            .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        // Kept open: its end ends the program.
        let input = child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{}", serde_json::to_string(order).expect("an order")).expect("writing an order");
        Self { child, answer: None, output: None, log }
    }

    /// Waits for its answer, which does not come from one that was killed.
    ///
    /// # Panics
    /// When the answer is not one.
    pub fn listen(&mut self) {
        let mut line = String::new();
        let mut output = BufReader::new(self.child.stdout.take().expect("a pipe"));
        output.read_line(&mut line).expect("reading the answer");
        self.answer = (!line.is_empty()).then(|| serde_json::from_str(&line).expect("an answer"));
        self.output = Some(output);
    }

    /// Returns its process.
    ///
    /// # Panics
    /// Never: it was started.
    #[must_use]
    pub fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Returns what it offers.
    ///
    /// # Panics
    /// When it offers nothing.
    #[must_use]
    pub fn ready(&self) -> Ready {
        match &self.answer {
            Some(Answer::Ready(ready)) => *ready,
            other => panic!("{other:?}: {}", self.said()),
        }
    }

    /// Closes its input, and returns how many bytes it fetched.
    ///
    /// # Panics
    /// When it does not say so.
    pub fn end(&mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.output.as_mut().expect("an answer before").read_line(&mut line).expect("reading the sum");
        line.trim_end().parse().expect("a number")
    }

    /// Returns why the whole has to be fetched.
    ///
    /// # Panics
    /// When it offers something.
    #[must_use]
    pub fn why_whole(&self) -> String {
        match &self.answer {
            Some(Answer::Whole(why)) => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Passes on the content as it comes. Content that ends before its time is an error.
    fn pass(&self, name: &str, mut to: impl FnMut(&[u8])) -> io::Result<()> {
        let Some(Answer::Ready(ready)) = &self.answer else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, ready.port))?;
        write!(stream, "GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut from = BufReader::new(stream);
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| line != "\r\n") {
            lines.push(String::new());
            if from.read_line(lines.last_mut().expect("a line"))? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        assert!(lines[0].starts_with("HTTP/1.1 200 "), "{name}: {}", lines[0]);
        let mut left =
            lines.iter().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok());
        let mut part = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut part)?;
            if count == 0 {
                return if left.is_none_or(|left: usize| left == 0) {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            left = left.map(|left| left - count);
            to(&part[..count]);
        }
    }

    /// Returns the content that came.
    pub fn get(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Who compares sees what is missing.
        self.pass(name, |part| bytes.extend_from_slice(part)).ok();
        bytes
    }

    /// Returns the names of what is offered.
    ///
    /// # Panics
    /// When the list is not one.
    #[must_use]
    pub fn names(&self) -> Names {
        self.try_names().expect("a list of three files")
    }

    fn try_names(&self) -> Option<Names> {
        let list = String::from_utf8(self.get("SHA256SUMS")).ok()?;
        let lines: Vec<_> = list.lines().filter_map(|line| line.split_once("  ")).collect();
        let [verity, usr, kernel] = lines.try_into().ok()?;
        let sums = [verity.0, usr.0, kernel.0].map(str::to_owned);
        let [verity, usr, kernel] = [verity.1, usr.1, kernel.1].map(str::to_owned);
        Some(Names { verity, usr, kernel, sums })
    }

    /// Does what systemd-sysupdate does, in its order. Returns how many bytes of `/usr` were written, and whether that is all of the
    /// version: the kernel image is compared with its sum.
    ///
    /// # Panics
    /// When the slot can't be written.
    pub fn install(&self, slots: &Slots) -> (u64, bool) {
        let Some(names) = self.try_names() else { return (0, false) };
        let (mut verity, mut kernel) = (Sha256::new(), Sha256::new());
        let mut written = 0;
        let done = self
            .pass(&names.verity, |part| verity.update(part))
            .and_then(|()| {
                self.pass(&names.usr, |part| {
                    slots.target.write_all_at(part, written).expect("writing to the slot");
                    written += part.len() as u64;
                })
            })
            .and_then(|()| self.pass(&names.kernel, |part| kernel.update(part)));
        let sums = [verity, kernel].map(|sum| pattern::hex::encode(&sum.finalize()));
        (written, done.is_ok() && sums == [&*names.sums[0], &*names.sums[2]])
    }

    /// Installs, compares all that is offered with the image, and empties the slot again.
    ///
    /// # Panics
    /// When something differs.
    pub fn makes_the_new_version(&self, slots: &Slots) {
        let (written, is_whole) = self.install(slots);
        assert!(is_whole, "{written} bytes were written: {}", self.said());
        let names = self.names();
        let all = [
            (&names.verity, &slots.new.verity),
            (&names.usr, &slots.new.usr),
            (&names.kernel, &slots.new.kernel),
        ];
        for ((name, image), sum) in all.into_iter().zip(&names.sums) {
            assert!(image.ends_with(name), "{name}");
            assert_eq!(&hash(File::open(image).expect("an image"), u64::MAX), sum, "{name}");
        }
        assert_eq!(hash(&slots.target, written), names.sums[1], "{}: {}", names.usr, self.said());
        slots.empty();
    }

    /// Returns what it said on standard error.
    ///
    /// # Panics
    /// When the log can't be read.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("reading a log")
    }

    /// Returns the most memory that it ever had, in KiB (proc(5), `VmHWM`).
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Ends a process, as a power cut would.
///
/// # Panics
/// When that is refused.
pub fn kill(process: Pid) {
    kill_process(process, Signal::KILL).expect("killing pattern-fetch");
}

/// Returns the program that `make dist` installed.
#[must_use]
pub fn program() -> PathBuf {
    installed("../lib/pattern/pattern-fetch")
}

/// Returns another one, by its path from where those are that a person types.
#[must_use]
pub fn installed(path: &str) -> PathBuf {
    setting::installed().join(path)
}

/// Returns the sum of the first bytes.
fn hash(from: impl Read + io::Seek, bytes: u64) -> String {
    let (mut from, mut sum) = (from, Sha256::new());
    from.rewind().expect("a file");
    let mut part = vec![0; 1 << 20];
    let mut from = from.take(bytes);
    loop {
        match from.read(&mut part).expect("reading a file") {
            0 => return pattern::hex::encode(&sum.finalize()),
            count => sum.update(&part[..count]),
        }
    }
}
