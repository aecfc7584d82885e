//! The consoles of a boot: each that the kernel writes to, as a person may be at any of them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use zeroize::Zeroizing;

/// The names of the consoles (Documentation/ABI/testing/sysfs-tty of the kernel).
const ACTIVE: &str = "/sys/class/tty/console/active";
/// The last of them, for a kernel that does not say.
const CONSOLE: &str = "/dev/console";
/// How long a console may take for a text. A serial line of 9600 bits per second needs 4 seconds for a page.
const SLOWEST: Duration = Duration::from_secs(20);

/// The consoles that could be opened, at least one.
#[derive(Debug)]
pub struct Consoles(Vec<(PathBuf, File)>);

impl Consoles {
    /// Opens the consoles of this boot.
    ///
    /// # Errors
    /// When none can be opened.
    pub fn open() -> Result<Self> {
        let active = fs::read_to_string(ACTIVE).unwrap_or_default();
        let named = active.split_whitespace().map(|name| Path::new("/dev").join(name));
        Self::of(named).or_else(|_| Self::of([PathBuf::from(CONSOLE)]))
    }

    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self> {
        let (mut opened, mut failed) = (Vec::new(), anyhow!("there is no console"));
        for path in paths {
            // Without waiting for a line that nobody listens on, and without becoming this program's terminal.
            let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
            let file = OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(&path);
            match file.with_context(|| format!("opening {}", path.display())) {
                Ok(file) => opened.push((path, file)),
                Err(error) => failed = error,
            }
        }
        if opened.is_empty() { Err(failed) } else { Ok(Self(opened)) }
    }

    /// Writes a text to all consoles, and an empty line: while a job runs, systemd goes up a line and erases it, each time it says
    /// so. Consoles that do not take the text are left out from then on.
    ///
    /// # Errors
    /// When no console took it.
    pub fn show(&mut self, text: &str) -> Result<()> {
        let mut failed = anyhow!("there is no console");
        let shown = Zeroizing::new([text.as_bytes(), b"\r\n"].concat());
        self.0.retain_mut(|(path, file)| {
            let written = write(file, &shown).with_context(|| format!("writing to {}", path.display()));
            written.map_err(|error| failed = error).is_ok()
        });
        if self.0.is_empty() { Err(failed) } else { Ok(()) }
    }

    /// Drops what was typed so far: it is not an answer to what is shown next.
    pub fn drop_input(&self) {
        for (_, file) in &self.0 {
            tcflush(file, FlushArg::TCIFLUSH).ok();
        }
    }

    /// Waits until somebody presses Enter on one of them. Returns whether somebody did within this time.
    pub fn wait_for_enter(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let mut waited: Vec<_> =
                self.0.iter().map(|(_, file)| PollFd::new(file.as_fd(), PollFlags::POLLIN)).collect();
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            if waited.is_empty() || poll(&mut waited, timeout).is_err() {
                return false;
            }
            let mut pressed = false;
            // A console that hung up would be ready at once, each time.
            self.0.retain_mut(|(_, file)| enter(file).map(|enter| pressed |= enter).is_some());
            if pressed {
                return true;
            }
        }
        false
    }
}

/// Returns whether the input has an end of line, or `None` if the console is gone.
fn enter(file: &mut File) -> Option<bool> {
    let mut typed = [0; 64];
    match file.read(&mut typed) {
        Ok(0) => None,
        Ok(_) => Some(typed.iter().any(|byte| b"\r\n".contains(byte))),
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => Some(false),
        Err(_) => None,
    }
}

fn write(file: &mut File, mut text: &[u8]) -> Result<()> {
    let end = Instant::now() + SLOWEST;
    while !text.is_empty() {
        match file.write(text) {
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = end.checked_duration_since(Instant::now()).context("it takes no more text")?;
                let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLOUT)], timeout)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::pty::{OpenptyResult, openpty};
    use nix::unistd::ttyname;

    use super::*;

    /// The person's end of a terminal, and what a console is called.
    fn terminal() -> (File, PathBuf, impl Sized) {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let path = ttyname(&slave).unwrap();
        (File::from(master), path, slave)
    }

    fn seen(person: &mut File) -> String {
        let mut seen = [0; 64];
        let length = person.read(&mut seen).unwrap();
        String::from_utf8_lossy(&seen[..length]).into_owned()
    }

    #[test]
    fn each_console_has_the_page_and_each_can_answer() {
        let (mut one, one_path, _one) = terminal();
        let (mut other, other_path, _other) = terminal();
        let mut consoles = Consoles::of([one_path, PathBuf::from("/nonexistent/tty"), other_path]).unwrap();
        // Somebody who is quick is not left to wait.
        one.write_all(b"\n").unwrap();
        assert!(consoles.wait_for_enter(Duration::from_secs(60)));
        drop(seen(&mut one));
        consoles.show("key").unwrap();
        // The terminal puts a carriage return before each end of line.
        let shown = || "key\r\r\n".to_owned();
        assert_eq!((seen(&mut one), seen(&mut other)), (shown(), shown()));
        for person in [&mut one, &mut other] {
            let mut typing = person.try_clone().unwrap();
            let typed = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                typing.write_all(b"x\n").unwrap();
            });
            assert!(consoles.wait_for_enter(Duration::from_secs(60)));
            typed.join().unwrap();
        }
    }

    #[test]
    fn a_machine_that_nobody_watches_goes_on() {
        let (mut person, path, _console) = terminal();
        let mut consoles = Consoles::of([path]).unwrap();
        // An Enter from before the page.
        person.write_all(b"\n").unwrap();
        consoles.drop_input();
        assert!(!consoles.wait_for_enter(Duration::from_millis(300)));
        // Words without Enter.
        person.write_all(b"word").unwrap();
        assert!(!consoles.wait_for_enter(Duration::from_millis(300)));
        drop(person);
        assert!(!consoles.wait_for_enter(Duration::from_secs(600)), "a console that is gone is waited for");
    }

    #[test]
    fn a_page_that_no_console_takes_was_not_shown() {
        let error = Consoles::of([PathBuf::from("/nonexistent/tty")]).unwrap_err();
        assert_eq!(error.to_string(), "opening /nonexistent/tty");
        let mut consoles = Consoles::of([PathBuf::from("/dev/full")]).unwrap();
        assert_eq!(consoles.show("key").unwrap_err().to_string(), "writing to /dev/full");
        let (mut person, path, _console) = terminal();
        let mut consoles = Consoles::of([PathBuf::from("/dev/full"), path]).unwrap();
        consoles.show("key").unwrap();
        assert_eq!(seen(&mut person), "key\r\r\n");
    }
}
