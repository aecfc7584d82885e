//! docs/install.md leads from a clone to a machine: its commands are typed, on a host, and on a computer that starts from a
//! USB stick, with its firmware in Setup Mode.

use pattern_vm_tests::{Computer, Desk, Guest, Page, Server, recovery_key_in};

use crate::userspace::{as_root, log_in, make_first_user, must_as_root};

const DISK: u64 = 16;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn install() {
    let mut page = Page::read("install.md");
    let mut desk = Desk::new("install", DISK);
    // An image, and the stick.
    desk.types(&page.next("host"));
    desk.types(&page.next("host"));
    // The first start: status, and the recovery key.
    let first = page.next("machine");
    // The next version.
    desk.types(&page.next("host"));
    let server = Server::start(&desk.folder().join("pattern-release"));

    let mut computer = Computer::with_the_disk_of(desk);
    computer.secure_boot();
    computer.starts_from_a_stick();
    computer.serve(&server);
    let mut guest = computer.start();
    make_first_user(&mut guest);
    let key = recovery_key_in(guest.console());
    log_in(&mut guest);
    assert_eq!(guest.must("lsblk -dno TRAN /dev/sda"), "usb");
    types(&mut guest, &first, Some(&key));
    types(&mut guest, &page.next("machine"), None);
    assert_eq!(version(&mut guest), "0.0.2");
    types(&mut guest, &page.next("machine"), None);
    assert_eq!(version(&mut guest), "0.0.1");
    page.is_at_its_end();
}

/// Types commands that ask for the password of the person who types them.
fn types(guest: &mut Guest, commands: &[String], key: Option<&str>) {
    for command in commands {
        let command = command.strip_prefix("run0 ").expect("a command for root");
        if command == "systemctl reboot" {
            as_root(guest, command);
            log_in(guest);
            continue;
        }
        // It answers by its status, too: 3 says that it can't know.
        let command =
            if command == "pattern check-update" { "pattern check-update || [ $? = 3 ]" } else { command };
        must_as_root(guest, command, key.filter(|_| command.ends_with(" confirm")));
    }
}

fn version(guest: &mut Guest) -> String {
    guest.must(". /etc/os-release && echo $IMAGE_VERSION")
}
