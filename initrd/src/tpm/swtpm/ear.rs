//! A socket between the program and the software TPM.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// `TPM2_Startup(CLEAR)`.
const STARTUP: [u8; 12] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];
/// `CMD_INIT` of swtpm's control channel (swtpm_ioctls(3)), without flags: a reset of the TPM.
const INIT: [u8; 8] = [0, 0, 0, 2, 0, 0, 0, 0];

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Play {
    /// The TPM gets it, and answers.
    Pass,
    /// The TPM does not get it. The answer is this code.
    Code(u32),
    /// The TPM is reset, and nobody starts it up. Then it gets the command.
    Reset,
    /// The TPM is reset and started up, as by a firmware. Then it gets the command.
    Restart,
    /// The TPM gets it, and the answer comes this much later.
    Late(Duration),
    /// The TPM gets it, and the answer is lost.
    Lost,
    /// Nobody answers.
    Silence,
}

/// Returns the code of a command.
pub(super) fn code(command: &[u8]) -> u32 {
    u32::from_be_bytes(command[6..10].try_into().unwrap())
}

/// Listens on a socket of this name. `decide` says what becomes of each command, and `act` sees it
/// with its answer.
pub(super) fn listen(
    folder: &Path,
    name: &str,
    decide: impl Fn(&[u8]) -> Play + Send + 'static,
    act: impl Fn(&[u8], &mut [u8]) + Send + 'static,
) -> PathBuf {
    let path = folder.join(name);
    symlink(folder.join("tpm.ctrl"), folder.join(format!("{name}.ctrl"))).ok();
    fs::remove_file(&path).ok();
    let listener = UnixListener::bind(&path).unwrap();
    let folder = folder.to_owned();
    thread::spawn(move || {
        // The library connects again for each command.
        while let Ok((client, _)) = listener.accept() {
            forward(&folder, client, &decide, &act);
        }
    });
    path
}

/// Passes on one command and one answer at a time, until the client disconnects.
fn forward(
    folder: &Path,
    mut client: UnixStream,
    decide: &impl Fn(&[u8]) -> Play,
    act: &impl Fn(&[u8], &mut [u8]),
) {
    let mut command = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut command) {
        let command = &command[..length];
        let play = decide(command);
        if play == Play::Reset || play == Play::Restart {
            reset(folder);
        }
        if play == Play::Restart {
            say(folder, &STARTUP);
        }
        let mut answer = match play {
            Play::Silence => Vec::new(),
            Play::Code(code) => [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat(),
            Play::Lost => {
                say(folder, command);
                Vec::new()
            }
            Play::Late(time) => {
                thread::sleep(time);
                say(folder, command)
            }
            _ => say(folder, command),
        };
        act(command, &mut answer);
        if answer.is_empty() || client.write_all(&answer).is_err() {
            return;
        }
    }
}

fn say(folder: &Path, command: &[u8]) -> Vec<u8> {
    let mut tpm = UnixStream::connect(folder.join("tpm")).unwrap();
    let mut answer = vec![0; 4096];
    tpm.write_all(command).unwrap();
    let length = tpm.read(&mut answer).unwrap();
    answer.truncate(length);
    answer
}

fn reset(folder: &Path) {
    let mut control = UnixStream::connect(folder.join("tpm.ctrl")).unwrap();
    control.write_all(&INIT).unwrap();
    let mut answer = [0; 4];
    control.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0; 4], "swtpm did not reset");
}
