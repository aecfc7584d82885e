//! A running machine: reads its console, and types on it.

use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use pattern_image::machine::vm::Vm;

use crate::scratch::Scratch;

/// Time from power-on to a shell: a minute under emulation on an idle machine, and up to eight on a
/// busy one.
const BOOT: Duration = Duration::from_secs(1500);

/// Time for one command. An update writes a whole slot.
const COMMAND: Duration = Duration::from_secs(1500);

/// Below a recovery key. The boot waits for Enter, or for 2 minutes.
const KEY_IS_SHOWN: &str = "Press Enter when you have kept it";

/// Messages of a boot that fails. They are also waited for, so that a test need not wait for its
/// timeout.
const WRONG: [&str; 3] = ["Kernel panic", "emergency mode", "Emergency Shell"];

/// A shell answers this with a line that differs from what was typed. The line has no quotes: where
/// its beginning is lost, one quote alone would have the shell wait for another for ever.
const GREETING: &str = r"stty -echo cols 4096 2>/dev/null; PS1=; PS2=; printf @%s@\\n hello";

/// Lines of the console that a failure shows.
const TAIL: usize = 80;

/// A running machine. Dropping it cuts the power.
#[derive(Debug)]
pub struct Guest {
    vm: Vm,
    log: PathBuf,
    off: &'static str,
    commands: u32,
    /// Must not be removed before the machine is off.
    _scratch: Option<Rc<Scratch>>,
}

/// The result of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// Its output, with errors, without the end of the last line.
    pub text: String,
}

impl Guest {
    /// Wraps a running machine. `off` is the command that switches it off.
    pub(crate) fn new(vm: Vm, log: PathBuf, off: &'static str, scratch: Option<Rc<Scratch>>) -> Self {
        Self { vm, log, off, commands: 0, _scratch: scratch }
    }

    /// Waits for a text on the console. Returns everything before it.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_any(&[text]).1
    }

    /// Waits for one of these texts. Returns its index, and everything before it.
    pub fn expect_any(&mut self, texts: &[&str]) -> (usize, String) {
        self.wait(texts, BOOT).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits for one of these texts, and presses Enter below each recovery key meanwhile.
    fn wait(&mut self, texts: &[&str], timeout: Duration) -> Result<(usize, String)> {
        let all: Vec<&str> = texts.iter().copied().chain([KEY_IS_SHOWN]).collect();
        let mut before = String::new();
        loop {
            let (index, text) = self.vm.expect_any(&all, timeout)?;
            before.push_str(&text);
            if index < texts.len() {
                return Ok((index, before));
            }
            before.push_str(KEY_IS_SHOWN);
            self.send("");
        }
    }

    /// Returns everything that came on the console so far.
    #[must_use]
    pub fn console(&self) -> &str {
        self.vm.console()
    }

    /// Waits for the shell of `pattern.break=switch-root`.
    pub fn wait_for_initrd_shell(&mut self) {
        self.wait_for("Shell asked for by pattern.break=");
        self.greet();
        self.must("dmesg -n 1");
    }

    fn wait_for(&mut self, good: &str) {
        let mut texts = vec![good];
        texts.extend(WRONG);
        match self.wait(&texts, BOOT) {
            Ok((0, _)) => {}
            Ok((index, _)) => panic!("the boot went wrong: {:?} on the console", texts.get(index)),
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Prepares `/sysroot` for the system's own programs, in the initrd's shell. Returns the words
    /// that start a program there. The initrd does not have the rules by which udev tells
    /// libdevmapper that it is done.
    pub fn system_root(&mut self) -> &'static str {
        self.must("findmnt /sysroot/usr || mount --bind /sysusr/usr /sysroot/usr");
        self
            .must("cd /sysroot && for each in bin lib lib64; do [ -e $each ] || usr/bin/ln -s usr/$each $each; done");
        self.must("cd /sysroot && for each in dev proc run sys; do mkdir -p $each && mount --rbind /$each $each; done");
        "/sysroot/usr/sbin/chroot /sysroot /usr/bin/env DM_DISABLE_UDEV=1"
    }

    /// Waits for root's shell of the booted system.
    pub fn wait_for_shell(&mut self) {
        self.wait_for("(automatic login)");
        self.greet();
        // Stops kernel and manager messages between a command's lines (systemd(1), SIGRTMIN+21).
        self.must("dmesg -n 1; kill -s 55 1");
        // `degraded` gives a status other than 0. The scenario has to judge that.
        self.run("systemctl is-system-running --wait");
    }

    /// Waits for the login prompt, and logs in.
    pub fn log_in(&mut self, name: &str, password: &str) {
        self.expect("login: ");
        self.send(name);
        self.expect("Password: ");
        self.send(password);
        self.greet();
    }

    /// Returns whether a shell answers on the console. Nothing else runs what is typed.
    pub fn has_a_shell(&mut self) -> bool {
        (0..3).any(|_| {
            self.send(GREETING);
            self.vm.expect("@hello@\n", Duration::from_secs(10)).is_ok()
        })
    }

    /// Types until the shell answers, because input before the shell reads may be lost.
    pub fn greet(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < BOOT {
            self.send(GREETING);
            if self.vm.expect("@hello@\n", Duration::from_secs(10)).is_ok() {
                // Several attempts may have arrived.
                thread::sleep(Duration::from_millis(500));
                return;
            }
        }
        panic!("root's shell does not answer");
    }

    /// Types a command, and waits for its end.
    pub fn run(&mut self, command: &str) -> Output {
        self.commands += 1;
        let number = self.commands;
        let begin = format!("@{number}@\n");
        let end = format!("\n@{number}:");
        // The echo of the input contains neither mark.
        self.send(&format!(
            "printf '@%s@\\n' {number}; ({command}) </dev/null 2>&1; printf '\\n@%s:%s@\\n' {number} $?"
        ));
        let mut wait = |text: &str| self.vm.expect(text, COMMAND);
        let output = wait(&begin).and_then(|_| Ok((wait(&end)?, wait("@\n")?)));
        let (text, status) = output.unwrap_or_else(|error| panic!("running {command:?}: {error:#}"));
        let status = status.parse().unwrap_or_else(|_| panic!("{command:?} ended with {status:?}"));
        Output { status, text: text.trim_end_matches('\n').to_owned() }
    }

    /// Runs a command that must succeed. Returns its output.
    pub fn must(&mut self, command: &str) -> String {
        let Output { status, text } = self.run(command);
        assert_eq!(status, 0, "{command:?} failed, and printed:\n{text}");
        text
    }

    /// Runs a command that must fail. Returns its output.
    pub fn must_fail(&mut self, command: &str) -> String {
        let Output { status, text } = self.run(command);
        assert_ne!(status, 0, "{command:?} was to fail, and printed:\n{text}");
        text
    }

    /// Switches the machine off properly, and waits until all state is stored.
    pub fn power_off(mut self) {
        self.send(self.off);
        self.wait_for_power_off();
    }

    /// Waits for a machine that switches itself off.
    pub fn wait_for_power_off(mut self) {
        self.vm.wait_for_power_off(COMMAND).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Types a line.
    pub fn send(&mut self, line: &str) {
        self.vm.send_line(line).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let lines = self.vm.console().lines().collect::<Vec<_>>();
        let tail = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
        eprintln!("--- the last lines of {}\n{}\n---", self.log.display(), tail.join("\n"));
    }
}
