//! An image with `volume.pin`: a wrong PIN says how many tries are left, and the right one opens before there are none. In
//! lockout the TPM says so, the recovery key is asked for, and nothing is overwritten.

use pattern_vm_tests::Computer;

const QUESTION: &str = "PIN for /dev/vda6 (empty for the recovery key):";
/// As libtpms has it for a TPM that is new.
const TRIES: u32 = 3;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn pin() {
    let mut computer = Computer::new("pin");
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("[volume]\n", "[volume]\npin = true\n");
    assert_ne!(toml, all);
    computer.configure(&toml);
    let mut guest = computer.start_initrd();
    let _ = guest.expect("Choose a PIN for this machine");
    guest.send("open sesame");
    let _ = guest.expect("The same PIN again:");
    guest.send("open sesame");
    guest.wait_for_initrd_shell();
    let _ = guest.must("echo kept >/sysroot/home/file");
    guest.power_off();

    let mut guest = computer.start_initrd();
    for left in (1..TRIES).rev() {
        let _ = guest.expect(QUESTION);
        guest.send("open barley");
        let _ =
            guest.expect(&format!("the PIN is wrong; after {left} more wrong ones the TPM is locked out"));
    }
    let _ = guest.expect(QUESTION);
    guest.send("open sesame");
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/file"), "kept");
    guest.power_off();

    let volume = computer.disk().partition("persist");
    let header = computer.disk().read(volume.start, 16 << 20);
    let mut guest = computer.start_initrd();
    let _ = guest.expect(QUESTION);
    guest.send("open barley");
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(
        said.contains("the TPM is locked out after too many wrong tries; leave the machine on"),
        "{said}"
    );
    drop(guest);

    // The right PIN comes too late.
    let mut guest = computer.start_initrd();
    let _ = guest.expect(QUESTION);
    guest.send("open sesame");
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(
        said.contains("the TPM is locked out after too many wrong tries; leave the machine on"),
        "{said}"
    );
    guest.send(&computer.recovery_key());
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/file"), "kept");
    guest.power_off();
    assert!(computer.disk().read(volume.start, 16 << 20) == header, "the volume's header was written");
}
