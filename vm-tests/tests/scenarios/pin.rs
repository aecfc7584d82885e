//! An image with `volume.pin`: a new PIN has six characters or more. A wrong one says how many tries are left, and the right one
//! opens before there are none. In lockout the TPM says so and the recovery key is asked for; once that opened the volume, the
//! PIN does again. Who has the machine, switched off, can't have the TPM forget wrong tries, and is not told of PINs by a header
//! that names a storage root key of theirs.

use std::process::Command;

use pattern::token::{Srk, Token, Tpm2Token};
use pattern_vm_tests::{Computer, Guest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::header;

const QUESTION: &str = "PIN for /dev/vda6 (empty for the recovery key):";
/// Its keys are at the same place on the keyboards of most countries.
const PIN: &str = "bright20";
const TRIES: u32 = pattern::tpm::lockout::LIMITS.tries;
const LOCKED: &str = "the TPM is locked out after too many wrong tries";

/// Runs one of the `tpm2_*` tools with a copy of the TPM of a machine that is off.
const WITH_TPM: &str = "rm -rf used && cp -r tpm used
    swtpm socket --tpm2 --tpmstate dir=used --server type=unixio,path=used/socket \
        --ctrl type=unixio,path=used/socket.ctrl --flags not-need-init,startup-clear &
    for each in 1 2 3 4 5 6 7 8 9; do [ -e used/socket ] || sleep 1; done
    \"$@\" --tcti swtpm:path=used/socket
    status=$?; kill $!; exit $status";

fn computer(name: &str) -> Computer {
    let mut computer = Computer::new(name);
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("[volume]\n", "[volume]\npin = true\n");
    assert_ne!(toml, all);
    computer.configure(&toml);
    computer
}

fn choose(guest: &mut Guest) {
    let question = "Choose a PIN for this machine, of at least 6 characters, asked at each boot:";
    guest.expect(question);
    guest.send("open!");
    guest.expect(&format!("This PIN was too short. {question}"));
    guest.send(PIN);
    guest.expect("The same PIN again:");
    guest.send(PIN);
}

fn with_tpm(computer: &Computer, tool: &[&str]) -> (bool, String) {
    let mut command: Command = computer.command("sh");
    let output = command.args(["-c", WITH_TPM, "sh"]).args(tool).output().expect("starting sh");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What the TPM of a machine that is off says, by the name of the property.
fn property(computer: &Computer, name: &str) -> String {
    let (done, said) = with_tpm(computer, &["tpm2_getcap", "properties-variable"]);
    assert!(done, "{said}");
    let line = said.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {said}")).trim().to_owned()
}

fn is_protected(computer: &Computer) {
    assert_eq!(property(computer, "lockoutAuthSet"), "1");
    assert_eq!(property(computer, "TPM2_PT_MAX_AUTH_FAIL"), format!("{TRIES:#X}").replace("0X", "0x"));
    for options in [&["--clear-lockout"][..], &["--setup-parameters", "--max-tries=1000"]] {
        let (done, said) = with_tpm(computer, &[&["tpm2_dictionarylockout"], options].concat());
        assert!(!done, "{options:?}: {said}");
        assert!(said.contains("authorization"), "{options:?}: {said}");
    }
}

/// Puts a configuration with a PIN in the place of the one that the system was built with.
const ASKS_FOR_A_PIN: &str = "sed 's/^\\[volume\\]/[volume]\\npin = true/' /usr/lib/pattern/pattern.toml >/run/pattern.toml && \
    mount --bind /run/pattern.toml /usr/lib/pattern/pattern.toml";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn pin() {
    let mut computer = computer("pin");
    let mut guest = computer.start_initrd();
    choose(&mut guest);
    guest.wait_for_initrd_shell();
    guest.must("echo kept >/sysroot/home/file");
    guest.power_off();
    is_protected(&computer);

    let mut guest = computer.start_initrd();
    for left in [TRIES - 1, TRIES - 2] {
        guest.expect(QUESTION);
        guest.send("open barley");
        let _ =
            guest.expect(&format!("the PIN is wrong; after {left} more wrong ones the TPM is locked out"));
    }
    guest.expect(QUESTION);
    guest.send(PIN);
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/file"), "kept");
    assert!(guest.must("dmesg").contains("the TPM had counted 2 wrong tries"), "{}", guest.console());
    guest.power_off();
    assert_eq!(property(&computer, "TPM2_PT_LOCKOUT_COUNTER"), "0x0");

    let volume = computer.disk().partition("persist");
    let before = computer.disk().read(volume.start, header::DATA);
    let mut guest = computer.start_initrd();
    for _ in 0..TRIES {
        guest.expect(QUESTION);
        guest.send("open barley");
    }
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains(LOCKED), "{said}");
    drop(guest);
    is_protected(&computer);

    // The right PIN comes too late.
    let mut guest = computer.start_initrd();
    guest.expect(QUESTION);
    guest.send(PIN);
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains(LOCKED), "{said}");
    guest.send(&computer.recovery_key());
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/file"), "kept");
    guest.power_off();
    assert!(computer.disk().read(volume.start, header::DATA) == before, "the volume's header was written");
    assert_eq!(property(&computer, "TPM2_PT_LOCKOUT_COUNTER"), "0x0");

    header::edit(&computer.disk(), volume, |_, metadata| {
        let tokens = metadata["tokens"].as_object_mut().expect("tokens").values_mut();
        tokens.filter(|token| token["type"] == "systemd-tpm2").for_each(|token| *token = forged(token));
    });
    let ear = computer.listen_to_tpm();
    let mut guest = computer.start_initrd();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("the storage root key at 0x81000001 has another name"), "{said}");
    assert!(!guest.console().contains("PIN for"), "{}", guest.console());
    let heard: Vec<_> = ear.take().iter().map(|heard| heard.name()).collect();
    assert!(heard.iter().any(|name| name == "ReadPublic"), "{heard:?}");
    assert!(!heard.iter().any(|name| name == "PolicyAuthValue" || name == "Unseal"), "{heard:?}");
    drop(guest);

    computer.disk().write(volume.start, &before);
    let mut guest = computer.start_initrd();
    guest.expect(QUESTION);
    guest.send(PIN);
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/file"), "kept");
}

/// The token as somebody has it who wants to read the session that the PIN is used in.
fn forged(token: &Value) -> Value {
    let Ok(Token::Tpm2(token)) = Token::parse(&token.to_string()) else { panic!("{token}") };
    let mut srk = token.srk.to_bytes();
    // Handle, and the name with its length and algorithm; then the public area, behind its kind and its length.
    *srk.last_mut().expect("a key") ^= 1;
    let name = Sha256::digest(&srk[46..]);
    srk[8..40].copy_from_slice(&name);
    let forged = Tpm2Token { srk: Srk::parse(&srk).expect("a good key"), ..*token };
    let value: Value = serde_json::from_str(&forged.to_json()).expect("JSON");
    assert_eq!(value["tpm2-pin"], json!(true));
    value
}

/// A TPM that was cleared gets the volume's lockout password again, with the new PIN.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn pin_rebound() {
    let mut computer = computer("pin_rebound");
    let mut guest = computer.start_initrd();
    choose(&mut guest);
    guest.wait_for_initrd_shell();
    guest.power_off();
    is_protected(&computer);

    computer.clear_tpm();
    let key = computer.recovery_key();
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("the TPM was cleared"), "{said}");
    guest.send(&key);
    guest.wait_for_shell();
    // The running system has the image's own configuration, which asks for no PIN.
    guest.must(ASKS_FOR_A_PIN);
    guest.send("pattern rebind");
    guest.expect("Recovery key for /dev/vda6:");
    guest.send(&key);
    choose(&mut guest);
    let said = guest.expect("older ones removed: 1");
    assert!(!said.contains("lockout password"), "{said}");
    guest.greet();
    let modes = "stat -c '%U %a' /persist/tpm /persist/tpm/lockout-password";
    assert_eq!(guest.must(modes), "root 700\nroot 600");
    guest.power_off();
    is_protected(&computer);
}
