//! bubblewrap shows a program what it was given and nothing else; xdg-dbus-proxy lets through the calls that it was told to.

use super::{computer, log_in};

/// The part of the system that a program needs to run.
const BARE: &str = "bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --proc /proc --dev /dev --tmpfs /tmp --unshare-all --die-with-parent --new-session";

#[test]
#[ignore = "long; `make userspace` runs it"]
fn sandboxing() {
    let mut computer = computer("sandboxing");
    let mut guest = computer.start();
    log_in(&mut guest);
    guest.must("mkdir given && echo given >given/file && echo secret >secret && echo shared >/tmp/shared");
    let seen = guest.must(&format!("{BARE} --bind given /home/given ls -A /home /home/given /tmp"));
    assert_eq!(seen, "/home:\ngiven\n\n/home/given:\nfile\n\n/tmp:");
    let said = guest.must_fail(&format!("{BARE} cat $HOME/secret"));
    assert!(said.contains("No such file or directory"), "{said}");
    guest.must_fail(&format!("{BARE} touch /usr/bin/x"));
    let processes = guest.must(&format!("{BARE} sh -c 'echo /proc/[0-9]*'"));
    assert!(processes.split(' ').count() < 5, "{processes}");
    let links = guest.must(&format!("{BARE} ls /sys/class/net 2>&1 || cat /proc/net/dev"));
    assert!(!links.contains("eth") && !links.contains("ens") && !links.contains("enp"), "{links}");

    guest.must(
        "(setsid xdg-dbus-proxy $DBUS_SESSION_BUS_ADDRESS $XDG_RUNTIME_DIR/proxy --filter \
            --call=org.freedesktop.systemd1=org.freedesktop.DBus.Peer.* >/dev/null 2>&1 &) && \
        until [ -S $XDG_RUNTIME_DIR/proxy ]; do sleep 1; done",
    );
    let call = "busctl --address=unix:path=/bus call org.freedesktop.systemd1 /org/freedesktop/systemd1";
    let through = format!("{BARE} --bind $XDG_RUNTIME_DIR/proxy /bus {call}");
    guest.must(&format!("{through} org.freedesktop.DBus.Peer Ping"));
    let said = guest.must_fail(&format!("{through} org.freedesktop.systemd1.Manager Exit"));
    assert!(said.contains("Access denied") || said.contains("AccessDenied"), "{said}");
    guest.must(
        "busctl --user call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
        org.freedesktop.systemd1.Manager GetDefaultTarget",
    );
}
