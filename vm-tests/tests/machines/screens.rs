//! Where people are: screens with and without a serial port, and the keyboards there.

use std::thread;
use std::time::Duration;

use pattern_vm_tests::{Computer, Guest, Screen, recovery_key_in};

use crate::shop::Row;

/// systemd-homed refuses a password that is easy to guess.
const PASSWORD: &str = "violet-harbour-74";

const BASE: Row = Row {
    what: "",
    from: |name| Computer::of_image("screen", name),
    prepare: no_serial_port,
    end: key_and_question,
};

/// Debian's kernel for clouds has no USB.
const PC: Row =
    Row { from: |name| Computer::of_image("pc", name), end: |computer| walk(computer, "root@pc"), ..BASE };

machines! {
    often screen: Row {
        what: "a screen, no serial port: recovery key, boot, and a question",
        ..BASE
    };
    seldom screen_emergency: Row {
        what: "a screen, no serial port: the TPM is missing at the first boot",
        prepare: without_tpm,
        end: emergency,
        ..BASE
    };
    seldom screen_dead_console: Row {
        what: "the same, and the kernel command line names a serial port that is not there",
        from: |name| Computer::of_image("production", name),
        prepare: without_tpm,
        end: emergency,
    };
    seldom first_user: Row {
        what: "a screen and a serial port that nobody watches: the first user",
        from: |name| Computer::of_image("my-server", name),
        prepare: |computer| {
            computer.secure_boot();
            computer.has_a_screen(true, &[]);
        },
        end: first_user_by_screen,
    };
    seldom keyboard_xhci: Row {
        what: "a keyboard at a USB 3 port alone",
        prepare: |computer| keyboard_at(computer, "qemu-xhci"),
        ..PC
    };
    seldom keyboard_ehci: Row {
        what: "a keyboard at a USB 2 port alone",
        prepare: |computer| keyboard_at(computer, "usb-ehci"),
        ..PC
    };
    seldom keyboard_uhci: Row {
        what: "a keyboard at a USB 1 port alone (UHCI)",
        prepare: |computer| keyboard_at(computer, "piix3-usb-uhci"),
        ..PC
    };
    seldom keyboard_ohci: Row {
        what: "a keyboard at a USB 1 port alone (OHCI)",
        prepare: |computer| keyboard_at(computer, "pci-ohci"),
        ..PC
    };
}

fn no_serial_port(computer: &mut Computer) {
    computer.has_a_screen(false, &[]);
}

fn without_tpm(computer: &mut Computer) {
    no_serial_port(computer);
    computer.remove_tpm();
    computer.has(&["-no-reboot"]);
}

fn keyboard_at(computer: &mut Computer, port: &str) {
    // No keyboard is there but this one.
    computer.has(&["-machine", "i8042=off"]);
    computer.has_a_screen(false, &[port, "usb-kbd"]);
}

fn key_and_question(computer: Computer) -> String {
    walk(computer, "login:")
}

/// The first boot shows the key, and waits for Enter. Without its TPM the machine asks for the key, and takes it. Each ends with
/// these words on the screen.
fn walk(mut computer: Computer, end: &str) -> String {
    let (guest, mut screen) = start(&mut computer);
    let page = screen.expect("Press Enter when you have kept it");
    let key = recovery_key_in(&page);
    screen.take_picture("key.png");
    screen.press("ret");
    screen.expect(end);
    screen.take_picture("boot.png");
    drop(guest);

    computer.clear_tpm();
    let (_guest, mut screen) = start(&mut computer);
    screen.expect("Recovery key for");
    screen.take_picture("question.png");
    screen.write(&key);
    screen.press("ret");
    screen.expect(end);
    "shows the key, starts, and asks on the screen".to_owned()
}

/// The screen says what failed, and the machine restarts.
fn emergency(mut computer: Computer) -> String {
    let (guest, mut screen) = start(&mut computer);
    let said = screen.expect("This machine does not start.");
    screen.take_picture("emergency.png");
    assert!(said.contains("What failed: pattern-persist.service"), "{said}");
    assert!(said.contains("restarts in 5"), "{said}");
    // QEMU ends where the machine would restart.
    guest.wait_for_power_off();
    "says on the screen what failed, and restarts".to_owned()
}

/// The serial port is the console that was named last. The screen asks, too, and its answer counts.
fn first_user_by_screen(mut computer: Computer) -> String {
    let (mut guest, mut screen) = start(&mut computer);
    screen.expect("Press Enter when you have kept it");
    screen.press("ret");
    for (question, answer) in [
        ("Press any key to proceed", ""),
        ("enter user name to create", "owner"),
        ("enter an auxiliary group", "sudo"),
        ("enter an auxiliary group", ""),
        ("enter the shell", ""),
        ("enter new password for user owner:", PASSWORD),
        ("(repeat):", PASSWORD),
    ] {
        screen.expect(question);
        // The same question may still be there from before.
        thread::sleep(Duration::from_secs(5));
        screen.write(answer);
        screen.press("ret");
    }
    screen.expect("login:");
    guest.log_in("owner", PASSWORD);
    assert!(guest.must("id -nG").contains("sudo"));
    "asks on the screen, too".to_owned()
}

fn start(computer: &mut Computer) -> (Guest, Screen) {
    let guest = computer.start();
    (guest, computer.screen())
}
