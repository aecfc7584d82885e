//! An update fetches only what the machine lacks, writes the bytes that an update of all would write, and the next boot runs it. A
//! download that broke off goes on.

use pattern_vm_tests::{Computer, Release, Server};

/// 10⁶ bytes between two versions with the same packages, of which 1.0 were needed.
const MOST: f64 = 2.0;

#[test]
fn update_delta() {
    let release = Release::copy("delta", "update_delta");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_delta");
    computer.serve(&server);
    let mut guest = computer.boot();
    let said = guest.must("pattern update --dry-run");
    let megabytes = announced(&said, "by a patch");
    assert!(
        megabytes <= MOST,
        "{megabytes} MB are more than {MOST}: something in the image changes as a whole with each version"
    );
    assert_eq!(guest.must("ls /boot/EFI/Linux"), "demo_0.0.1.efi");
    // Of another kernel, an update fetches what differs in its modules, and the kernel once.
    assert_eq!(guest.must("find /usr/lib/modules -name '*.ko.*' -o -name 'vmlinuz*'"), "");

    let said = guest.must_fail("pattern update --limit 100K");
    assert!(
        said.contains("version 0.0.2 is not fetched now: it would be ") && said.contains("the limit is 100K"),
        "{said}"
    );
    assert!(said.contains("to fetch it all the same: pattern update 0.0.2"), "{said}");
    assert_eq!(guest.must("ls /boot/EFI/Linux"), "demo_0.0.1.efi");

    drop(server.requests());
    // From now to a minute ago.
    let window = "$(date +%H:%M)-$(date -d '1 minute ago' +%H:%M)";
    let said = guest.must(&format!("pattern update --limit 100K --window {window}"));
    assert!(said.contains("The limit of 100K does not count: the window "), "{said}");
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

/// Returns how many 10⁶ bytes `pattern update` said that it fetches, and how.
pub(crate) fn announced(said: &str, how: &str) -> f64 {
    let rest = said.split("Version 0.0.2: ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let amount =
        rest.split_once(&format!(" MB are fetched {how}, in ")).unwrap_or_else(|| panic!("{said}")).0;
    amount.parse().unwrap_or_else(|_| panic!("{said}"))
}
