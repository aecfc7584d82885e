//! A change of the firmware. Registers 0 to 6 may change, and a new entry of `dbx` that was announced opens the volume with no
//! question. One that nobody announced asks for the recovery key and says why, and `pattern rebind` binds the volume again.

use pattern_vm_tests::{Computer, Firmware, Guest};

const BY_TPM: &str = "opened it by the TPM";
const ASKED: &str = "Recovery key for /dev/vda6:";
/// The root of the EFI system partition.
const ESP: &str = "::/";
const LOGIN: &str = "production login:";
const ANNOUNCED: &str = "after the change of Secure Boot's keys that was announced";
const WHY: &str = "PCR 7 (sha256) changed since the volume was bound to it: Secure Boot was switched, or its keys (db, dbx, KEK, PK)";
/// As fwupd does: the variable gets one more entry. The path unit does the rest.
const WRITE_DBX: &str = r#"
variable=/sys/firmware/efi/efivars/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f
[ ! -e $variable ] || chattr -i $variable
cat /boot/dbx.auth >$variable || echo "owner: the variable was not written"
for each in $(seq 120); do
  [ "$(systemctl show --property ExecMainExitTimestampMonotonic --value pattern-rebind-ahead)" = 0 ] || break
  sleep 1
done
echo "owner: announced: $(systemctl show --property Result --value pattern-rebind-ahead)"
journalctl --boot --unit pattern-rebind-ahead --output cat
sync; echo owner: done
"#;
/// Answers the question of `pattern rebind` as a person at a terminal would.
const REBIND: &str = r#"
pattern rebind & command=$!
for each in $(seq 120); do
  for question in /run/systemd/ask-password/ask.*; do
    [ -e "$question" ] || continue
    printf %s 'KEY' | /usr/lib/systemd/systemd-reply-password 1 "$(sed -n 's/^Socket=//p' "$question")"
    break 2
  done
  sleep 1
done
wait $command && echo owner: bound again
sync; echo owner: done
"#;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn firmware_keys() {
    let mut computer = Computer::production("firmware_keys");
    let key = computer.recovery_key();
    announced(&mut computer);
    unannounced(&mut computer, &key);
    computer.with_a_display();
    let mut guest = computer.start();
    opens(&mut guest);
}

fn announced(computer: &mut Computer) {
    let list = Firmware::list_of_hash([0xd1; 32]);
    computer.sign_variable("dbx", &list, "dbx.auth");
    computer.copy_to_esp(ESP, "dbx.auth");
    owner(computer, WRITE_DBX, "owner: announced: success");
    let mut guest = computer.start();
    opens(&mut guest);
    assert!(guest.console().contains(ANNOUNCED), "the slot for an announced change was not used");
    drop(guest);
    // What was bound before is gone, and the volume is bound as usual.
    let mut guest = computer.start();
    opens(&mut guest);
    assert!(!guest.console().contains(ANNOUNCED), "the slot was used again");
}

fn unannounced(computer: &mut Computer, key: &str) {
    computer.firmware().forbid([0xd2; 32]);
    computer.write_to_esp(ESP, "owner.sh", REBIND.replace("KEY", key).as_bytes());
    let mut guest = computer.start();
    let said = guest.expect(ASKED);
    assert!(said.contains(WHY), "{said}");
    guest.send(key);
    guest.expect("owner: bound again");
    guest.expect("owner: done");
    drop(guest);
    computer.remove_from_esp("::/owner.sh");
    let mut guest = computer.start();
    opens(&mut guest);
}

/// Has the owner run this in the next boot.
fn owner(computer: &mut Computer, script: &str, wanted: &str) {
    computer.write_to_esp(ESP, "owner.sh", script.as_bytes());
    let mut guest = computer.start();
    guest.expect("owner: announced:");
    guest.expect("owner: done");
    assert!(guest.console().contains(wanted), "{wanted:?} was not said");
    drop(guest);
    computer.remove_from_esp("::/owner.sh");
}

fn opens(guest: &mut Guest) {
    let (index, said) = guest.expect_any(&[BY_TPM, ASKED]);
    assert_eq!(index, 0, "the recovery key was asked for: {said}");
    guest.expect(LOGIN);
}
