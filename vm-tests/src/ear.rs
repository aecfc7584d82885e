//! Records what a machine sends to its TPM, between QEMU and swtpm.
//!
//! QEMU connects to swtpm's control socket and passes one end of a pair of sockets, for commands
//! and answers. The ear forwards the control socket, but passes an end of its own pair.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pattern_image::machine::qemu::Options;
use pattern_image::machine::swtpm;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// Longest message, both to the TPM and on the control socket.
const LONGEST: usize = 8192;
/// Bytes of type, length and code at the start of each command and answer (TPM 2.0 Library, Part 1,
/// "Command/Response Structure").
const HEAD: usize = 10;

/// A command, and the TPM's answer to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// `TPM_CC`.
    pub code: u32,
    /// `TPM_RC`: 0 means success.
    pub answer: u32,
}

impl Heard {
    /// Returns the command's name (TPM 2.0 Library, Part 2, table "TPM_CC"), or its number.
    #[must_use]
    pub fn name(self) -> String {
        let known = NAMES.iter().find(|(code, _)| *code == self.code);
        known.map_or_else(|| format!("{:#x}", self.code), |(_, name)| (*name).to_owned())
    }

    /// Returns whether it only moves contexts in or out. The kernel's resource manager sends most
    /// of these. Programs also send `FlushContext`.
    #[must_use]
    pub fn moves_context(self) -> bool {
        matches!(self.code, 0x161 | 0x162 | 0x165)
    }
}

const STARTUP: u32 = 0x144;
const NAMES: &[(u32, &str)] = &[
    (0x120, "EvictControl"),
    (0x12a, "NV_DefineSpace"),
    (0x131, "CreatePrimary"),
    (0x134, "NV_Increment"),
    (0x137, "NV_Write"),
    (STARTUP, "Startup"),
    (0x14e, "NV_Read"),
    (0x153, "Create"),
    (0x157, "Load"),
    (0x15e, "Unseal"),
    (0x161, "ContextLoad"),
    (0x162, "ContextSave"),
    (0x165, "FlushContext"),
    (0x167, "LoadExternal"),
    (0x169, "NV_ReadPublic"),
    (0x16a, "PolicyAuthorize"),
    (0x16b, "PolicyAuthValue"),
    (0x173, "ReadPublic"),
    (0x176, "StartAuthSession"),
    (0x177, "VerifySignature"),
    (0x17a, "GetCapability"),
    (0x17b, "GetRandom"),
    (0x17e, "PCR_Read"),
    (0x17f, "PolicyPCR"),
    (0x182, "PCR_Extend"),
];

/// The recorder. It works until the test ends.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    heard: Arc<Mutex<Vec<Heard>>>,
    /// Milliseconds that each command takes longer.
    delay: Arc<AtomicU64>,
    player: Arc<Mutex<Option<Player>>>,
}

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Play {
    /// The TPM answers.
    Ask,
    /// This `TPM_RC` is the answer, and the TPM does not get the command.
    Answer(u32),
    /// The TPM answers, and the answer comes this much later.
    Late(Duration),
    /// No answer comes, to this command and all that follow.
    Silence,
}

/// Plays a TPM that swtpm is not. Gets a command's code, its bytes, and how many with this code were sent in this boot.
pub type Player = fn(u32, &[u8], usize) -> Play;

/// What was sent since the machine was switched on.
#[derive(Default)]
struct Sent(HashMap<u32, usize>);

impl Ear {
    /// Listens at `socket`, where QEMU looks for the TPM, and connects to swtpm at `tpm`, which may
    /// start later.
    #[must_use]
    pub fn new(socket: &Path, tpm: &Path) -> Self {
        std::fs::remove_file(socket).ok();
        let listener = UnixListener::bind(socket).expect("listening for QEMU");
        let ear = Self::default();
        let (heard, tpm) = (ear.clone(), tpm.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let tpm = UnixStream::connect(&tpm).expect("connecting to swtpm");
                heard.control(client, tpm).expect("passing on swtpm's control socket");
            }
        });
        ear
    }

    /// Puts the ear beside the machine in this folder, and gives it to QEMU instead of swtpm.
    pub(crate) fn beside(folder: &Path, options: &mut Options) -> Self {
        options.tpm_socket = "ear.sock".to_owned();
        Self::new(&folder.join(&options.tpm_socket), &folder.join(swtpm::SOCKET))
    }

    /// Returns what was heard since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().expect("no thread panics with it"))
    }

    /// Makes each command after the firmware's `Startup` take this much longer from now on, like a slower chip. QEMU tries the
    /// TPM before that, and gives it a second.
    pub fn slow_down(&self, by: Duration) {
        self.delay.store(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Has commands played from now on.
    pub fn play(&self, player: Player) {
        *self.player.lock().expect("no thread panics with it") = Some(player);
    }

    fn control(&self, client: UnixStream, tpm: UnixStream) -> io::Result<()> {
        let (mut from, mut to) = (tpm.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ended = io::copy(&mut from, &mut to);
            to.shutdown(std::net::Shutdown::Both).ok();
        });
        let ear = self.clone();
        thread::spawn(move || {
            // An end together with the machine is not a failure.
            while let Ok(true) = ear.pass_on(&client, &tpm) {}
            tpm.shutdown(std::net::Shutdown::Both).ok();
        });
        Ok(())
    }

    /// Forwards one message from QEMU. Returns whether there was one.
    fn pass_on(&self, client: &UnixStream, tpm: &UnixStream) -> io::Result<bool> {
        let mut bytes = [0; LONGEST];
        let (length, handed) = receive(client, &mut bytes)?;
        let ours = handed.map(|theirs| self.listen(theirs)).transpose()?;
        send(tpm, &bytes[..length], ours.as_ref())?;
        Ok(length > 0)
    }

    /// Listens on QEMU's pair of sockets, and makes the pair for swtpm.
    fn listen(&self, qemu: OwnedFd) -> io::Result<OwnedFd> {
        let (mut tpm, handed) = UnixStream::pair()?;
        let (mut qemu, heard) = (UnixStream::from(qemu), self.clone());
        thread::spawn(move || {
            let mut sent = Sent::default();
            while let Ok(said) = heard.exchange(&mut qemu, &mut tpm, &mut sent) {
                heard.heard.lock().expect("no thread panics with it").push(said);
            }
        });
        Ok(handed.into())
    }

    fn exchange(&self, qemu: &mut UnixStream, tpm: &mut UnixStream, sent: &mut Sent) -> io::Result<Heard> {
        let command = message(qemu)?;
        let code = number(&command[6..]);
        let (answer, late) = match self.decide(code, &command, sent) {
            Play::Ask => (ask(tpm, &command)?, Duration::ZERO),
            Play::Late(late) => (ask(tpm, &command)?, late),
            Play::Answer(answer) => {
                ([&[0x80, 1, 0, 0, 0, HEAD as u8][..], &answer.to_be_bytes()].concat(), Duration::ZERO)
            }
            Play::Silence => loop {
                thread::park();
            },
        };
        thread::sleep(late);
        if sent.0.contains_key(&STARTUP) {
            thread::sleep(Duration::from_millis(self.delay.load(Ordering::Relaxed)));
        }
        qemu.write_all(&answer)?;
        Ok(Heard { code, answer: number(&answer[6..]) })
    }

    fn decide(&self, code: u32, command: &[u8], sent: &mut Sent) -> Play {
        let before = sent.0.entry(code).or_default();
        *before += 1;
        let player = *self.player.lock().expect("no thread panics with it");
        player.map_or(Play::Ask, |player| player(code, command, *before - 1))
    }
}

fn ask(tpm: &mut UnixStream, command: &[u8]) -> io::Result<Vec<u8>> {
    tpm.write_all(command)?;
    message(tpm)
}

/// Reads one command or answer, with the length that it states.
fn message(from: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEAD];
    from.read_exact(&mut bytes)?;
    let length = number(&bytes[2..]) as usize;
    if !(HEAD..=LONGEST).contains(&length) {
        return Err(io::Error::other(format!("a TPM message of {length} bytes")));
    }
    bytes.resize(length, 0);
    from.read_exact(&mut bytes[HEAD..])?;
    Ok(bytes)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Receives the available bytes, and the descriptor that comes with them.
fn receive(from: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut places = [IoSliceMut::new(bytes)];
    let received = rustix::net::recvmsg(from, &mut places, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let handed = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok((received.bytes, handed))
}

fn send(to: &UnixStream, bytes: &[u8], handed: Option<&OwnedFd>) -> io::Result<()> {
    let descriptors: Vec<_> = handed.iter().map(|descriptor| descriptor.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)), "there is space for one");
    }
    let sent = rustix::net::sendmsg(to, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    (&mut &*to).write_all(&bytes[sent..])
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Sends swtpm what QEMU sends: a socket, and the command to start (swtpm_ioctls(3),
    /// `CMD_SET_DATAFD` and `CMD_INIT`).
    fn connect(socket: &Path) -> UnixStream {
        let mut control = UnixStream::connect(socket).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(&control, &[0, 0, 0, 0x10], Some(&theirs.into())).unwrap();
        assert_eq!(answer(&mut control), [0; 4]);
        control.write_all(&[0, 0, 0, 2, 0, 0, 0, 0]).unwrap();
        assert_eq!(answer(&mut control), [0; 4]);
        // swtpm ends when its control socket closes.
        std::mem::forget(control);
        ours
    }

    fn answer(control: &mut UnixStream) -> [u8; 4] {
        let mut answer = [0; 4];
        control.read_exact(&mut answer).unwrap();
        answer
    }

    fn say(tpm: &mut UnixStream, code: u32, parameters: &[u8]) -> u32 {
        let length = u32::try_from(HEAD + parameters.len()).unwrap();
        let head = [&[0x80, 1][..], &length.to_be_bytes(), &code.to_be_bytes()].concat();
        tpm.write_all(&[&head, parameters].concat()).unwrap();
        number(&message(tpm).unwrap()[6..])
    }

    fn swtpm(folder: &Path) -> Child {
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--terminate", "--tpmstate", "dir=."]);
        command.args(["--ctrl", "type=unixio,path=tpm.sock"]).stderr(Stdio::null());
        let child = command.current_dir(folder).spawn().unwrap();
        while !folder.join("tpm.sock").exists() {
            thread::sleep(Duration::from_millis(10));
        }
        child
    }

    #[test]
    fn a_command_is_played_instead_of_sent() {
        let folder = std::env::temp_dir().join(format!("pattern-ear-plays-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ear = Ear::new(&folder.join("ear.sock"), &folder.join("tpm.sock"));
        ear.play(
            |code, _, before| if code == 0x17b && before == 1 { Play::Answer(0x922) } else { Play::Ask },
        );
        let mut child = swtpm(&folder);
        let mut tpm = connect(&folder.join("ear.sock"));
        assert_eq!(say(&mut tpm, 0x144, &[0, 0]), 0);
        assert_eq!([0; 3].map(|_| say(&mut tpm, 0x17b, &[0, 8])), [0, 0x922, 0]);
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_dir_all(&folder).ok();
    }

    #[test]
    fn all_commands_are_heard_and_answered() {
        let folder = std::env::temp_dir().join(format!("pattern-ear-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ear = Ear::new(&folder.join("ear.sock"), &folder.join("tpm.sock"));
        let mut child = swtpm(&folder);
        let mut tpm = connect(&folder.join("ear.sock"));
        assert_eq!(say(&mut tpm, 0x144, &[0, 0]), 0);
        let random = say(&mut tpm, 0x17b, &[0, 8]);
        let flush = say(&mut tpm, 0x165, &0x8000_0000_u32.to_be_bytes());
        assert_eq!((random, flush), (0, 0x1cb));
        // The last answer came here before it was recorded.
        thread::sleep(Duration::from_millis(100));
        let heard = ear.take();
        assert_eq!(
            heard.iter().map(|one| one.name()).collect::<Vec<_>>(),
            ["Startup", "GetRandom", "FlushContext"]
        );
        assert_eq!(heard[2], Heard { code: 0x165, answer: 0x1cb });
        assert!(heard[2].moves_context() && !heard[1].moves_context());
        assert!(ear.take().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_dir_all(&folder).ok();
    }
}
