//! An update fetches only what the machine lacks, writes the bytes that an update of all would write, and the next boot runs it. A
//! download that broke off goes on.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
fn update_delta() {
    let release = Release::copy("delta", "update_delta");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_delta");
    computer.serve(&server);
    let mut guest = computer.boot();
    let said = guest.must("pattern update --dry-run");
    assert!(said.contains("Version 0.0.2: ") && said.contains(" MB are fetched by a patch, in "), "{said}");
    assert_eq!(guest.must("ls /boot/EFI/Linux"), "demo_0.0.1.efi");

    let said = guest.must_fail("pattern update --limit 1M");
    assert!(
        said.contains("version 0.0.2 is not fetched now: it would be ") && said.contains("the limit is 1M"),
        "{said}"
    );
    assert!(said.contains("to fetch it all the same: pattern update 0.0.2"), "{said}");
    assert_eq!(guest.must("ls /boot/EFI/Linux"), "demo_0.0.1.efi");

    drop(server.requests());
    // From now to a minute ago.
    let window = "$(date +%H:%M)-$(date -d '1 minute ago' +%H:%M)";
    let said = guest.must(&format!("pattern update --limit 1M --window {window}"));
    assert!(said.contains("The limit of 1M does not count: the window "), "{said}");
    assert!(said.contains(" MB were fetched."), "{said}");
    println!("{said}");
    let asked = server.requests();
    let whole = |path: &&String| path.ends_with(".raw") || path.ends_with(".efi");
    assert_eq!(asked.iter().find(whole), None, "{asked:?}");
    assert!(asked.len() <= 300, "{} requests", asked.len());
    // Every block of the new slot, by the hash tree of the list that was signed.
    guest.must("pattern status --verify | grep '0.0.2, not started yet, .* every block is verified'");

    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.2");
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done");
    guest.power_off();
}
