//! The desktop greets, lets its user in, and shows a terminal; nothing else begins by itself. What is seen is kept as pictures.

use std::thread;
use std::time::{Duration, Instant};

use pattern_vm_tests::{Computer, Guest, Screen};

use super::{PASSWORD, PATIENCE, log_in, until, with_a_user};

/// After which nothing moves any more.
const SETTLING: Duration = Duration::from_secs(30);

#[test]
#[ignore = "very long; `make check-desktop` runs it"]
fn desktop() {
    let mut computer = with_a_user(Computer::of_image("desktop", "desktop"));
    computer.enlarge("+10G");
    computer.with_a_display();
    let mut guest = computer.start();
    log_in(&mut guest);
    let mut screen = computer.screen();
    greets(&mut guest, &mut screen);
    lets_its_user_in(&mut guest, &mut screen);
    shows_a_terminal(&mut guest, &mut screen);
}

fn greets(guest: &mut Guest, screen: &mut Screen) {
    until(guest, "loginctl list-sessions -j | grep -q '\"class\":\"greeter\"'");
    drawn(screen);
    assert_eq!(guest.must("id -u Debian-gdm"), "880");
    println!("{}", screen.take_picture("greeter.png").display());
}

fn lets_its_user_in(guest: &mut Guest, screen: &mut Screen) {
    screen.press("ret");
    thread::sleep(Duration::from_secs(20));
    screen.write(PASSWORD);
    screen.press("ret");
    until(guest, "systemctl --user is-active gnome-session.target");
    let windows = guest.must("pgrep -u owner -fa 'gnome-tour|gnome-initial-setup|gnome-software' || true");
    assert_eq!(windows, "", "began by itself");
}

fn shows_a_terminal(guest: &mut Guest, screen: &mut Screen) {
    drawn(screen);
    // Out of the overview that a session begins with.
    screen.press("esc");
    thread::sleep(SETTLING);
    let empty = screen.pixels();
    guest.must("systemd-run --user --quiet kgx");
    until(guest, "pgrep -u owner -f 'kgx.*' && pgrep -u owner -t pts/0");
    covered(screen, &empty);
    println!("{}", screen.take_picture("session.png").display());
}

/// Waits until what is drawn is more than a background, and stays so for a while.
fn drawn(screen: &mut Screen) {
    let begin = Instant::now();
    while screen.colours() < 100 {
        assert!(begin.elapsed() < PATIENCE, "nothing is drawn");
        thread::sleep(Duration::from_secs(5));
    }
    thread::sleep(SETTLING);
}

/// Waits until a window is on what was empty: a tenth of it and more looks different.
fn covered(screen: &mut Screen, empty: &[u8]) {
    let begin = Instant::now();
    while screen.pixels().iter().zip(empty).filter(|(now, then)| now != then).count() < empty.len() / 10 {
        assert!(begin.elapsed() < PATIENCE, "no window appears");
        thread::sleep(Duration::from_secs(5));
    }
    thread::sleep(SETTLING);
}
