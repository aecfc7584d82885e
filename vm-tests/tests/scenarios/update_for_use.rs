//! An update of an image for use, with Secure Boot on: the next version is signed with the same keys, and opens the volume with no
//! question, on trial and afterwards. It comes by HTTPS, from a server with a name, to a machine whose clock was lost and
//! whose owner added an authority.

use pattern_vm_tests::{Computer, Release, Server, Tls};

const BY_TPM: &str = "opened it by the TPM";
const ASKED: &str = "Recovery key for /dev/vda6:";
/// Its name has no count of tries any more once it was kept.
const KEPT: &str = "::/EFI/Linux/production_0.0.2.efi";
/// The authority is added as Debian's own tool adds it. The machine's bundle then is its own. All but that
/// authority is taken out of it, as if it had grown old: the update has the image's, too.
const UPDATE: &str = r#"
say() { echo "owner: $*"; }
readlink /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt
[ "$(date +%Y)" -ge 2026 ] && say the clock is good enough
# systemd-sysupdate writes to the journal, unless its messages go elsewhere.
set -o pipefail
pattern update 2>&1 | cat && say updated without a name
echo "10.0.2.100 updates.test" >>/etc/hosts
until resolvectl query updates.test; do sleep 1; done
pattern update 2>&1 | cat && say updated without a certificate
mkdir /etc/ca-certificates/local
cp /boot/test.crt /etc/ca-certificates/local
update-ca-certificates --default --localcertsdir /etc/ca-certificates/local
[ -L /etc/ssl/certs/ca-certificates.crt ] || say the machine has its own bundle
cat /boot/test.crt >/etc/ssl/certs/ca-certificates.crt
for each in $(seq 30); do
  pattern update 2>&1 && { say installed; break; }
  sleep 2
done
cmp /boot/test.crt /etc/ssl/certs/ca-certificates.crt && say the bundle is untouched
sync; say done
"#;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_for_use() {
    let release = Release::copy("for-use", "update_for_use");
    let server = Server::start(release.path());
    let mut computer = Computer::production("update_for_use");
    let tls = Tls::start(&server, "updates.test", &computer.folder().join("tls"), |program| {
        computer.command(program)
    });
    computer.serve_over(&tls);
    computer.clock_shows("2001-01-01");
    computer.write_to_esp("::/", "test.crt", &std::fs::read(tls.authority()).unwrap());
    computer.write_to_esp("::/", "owner.sh", UPDATE.as_bytes());
    let mut guest = computer.start();
    guest.expect("owner: done");
    let said = guest.console();
    for wanted in [
        "../run/systemd/resolve/stub-resolv.conf",
        "/usr/lib/pattern/ca-certificates.crt",
        "owner: the clock is good enough",
        "Could not resolve host",
        "SSL",
        "owner: the machine has its own bundle",
        // By https, from a server that the image does not know.
        " MB are fetched by blocks, in ",
        "owner: installed",
        "owner: the bundle is untouched",
    ] {
        assert!(said.contains(wanted), "{wanted:?} was not said");
    }
    assert!(!said.contains("owner: updated without"), "an unknown server was trusted");
    let before = root_hash(said);
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
