//! An update of an image for use, with Secure Boot on: the next version is signed with the same keys, and opens the volume with no
//! question, on trial and afterwards.

use pattern_vm_tests::{Computer, Release, Server};

const BY_TPM: &str = "opened it by the TPM";
const ASKED: &str = "Recovery key for /dev/vda6:";
/// Its name has no count of tries any more once it was kept.
const KEPT: &str = "::/EFI/Linux/production_0.0.2.efi";
const UPDATE: &str = r#"
for each in $(seq 30); do
  pattern update 2>&1 && { echo owner: updated; break; }
  sleep 2
done
sync; echo owner: done
"#;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_for_use() {
    let release = Release::copy("for-use", "update_for_use");
    let server = Server::start(release.path());
    let mut computer = Computer::production("update_for_use");
    computer.serve(&server);
    computer.write_to_esp("::/", "owner.sh", UPDATE.as_bytes());
    let mut guest = computer.start();
    guest.expect("owner: done");
    assert!(guest.console().contains("owner: updated"), "the update was not installed");
    let before = root_hash(guest.console());
    drop(guest);
    computer.remove_from_esp("::/owner.sh");
    // On trial until all of /usr was read, and then for good.
    for end in ["every block is verified", "production login:"] {
        let mut guest = computer.start();
        let (index, said) = guest.expect_any(&[BY_TPM, ASKED]);
        assert_eq!(index, 0, "the recovery key was asked for: {said}");
        guest.expect(end);
        assert_ne!(root_hash(guest.console()), before, "0.0.1 runs");
        computer.wait_for_file_on_esp(KEPT);
    }
}

/// Which version runs: the kernel shows its command line.
fn root_hash(console: &str) -> String {
    let (_, rest) = console.split_once("usrhash=").expect("the kernel command line");
    rest.chars().take(64).collect()
}
