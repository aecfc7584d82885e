//! Credentials in SMBIOS strings, which no register tells of (systemd.system-credentials(7)). One boot tells of all.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, NO_EFFECT, on_stock, owners_boot};

const BY_FIRMWARE: Attack = Attack {
    who: "can set SMBIOS strings: by the firmware's tools, or as the host of a virtual machine",
    ..BY_STEPS
};
const ROWS: [Attack; 4] = [
    Attack {
        row: 26,
        name: "credential_login",
        what: "the credentials `agetty.autologin` and `login.noauth` have root logged in on the consoles",
        used: "session: root",
        ..BY_FIRMWARE
    },
    Attack {
        row: 27,
        name: "credential_unit",
        what: "the credential `systemd.extra-unit.NAME` adds a service of theirs",
        used: "planted by systemd.extra-unit",
        ..BY_FIRMWARE
    },
    Attack {
        row: 28,
        name: "credential_dropin",
        what: "the credential `systemd.unit-dropin.NAME` adds a command to a service",
        used: "planted by systemd.unit-dropin",
        ..BY_FIRMWARE
    },
    Attack {
        row: 29,
        name: "credential_tmpfiles",
        what: "the credential `tmpfiles.extra` writes files of theirs",
        used: "planted by tmpfiles.extra",
        ..BY_FIRMWARE
    },
];
const CREDENTIALS: [(&str, &str); 6] = [
    ("agetty.autologin", "root"),
    ("login.noauth", "yes"),
    ("tmpfiles.extra", "f /run/planted-file 0644 - - - planted by tmpfiles.extra\n"),
    (
        "systemd.extra-unit.planted.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo planted by systemd.extra-unit >/run/planted-unit'\n",
    ),
    ("systemd.unit-dropin.sysinit.target", "[Unit]\nWants=planted.service\n"),
    (
        "systemd.unit-dropin.attacked.service",
        "[Service]\nExecStartPre=/bin/sh -c 'echo planted by systemd.unit-dropin >/run/planted-dropin; sleep 5'\n",
    ),
];

#[test]
#[ignore = "long; `make check-all` runs it"]
fn smbios_credentials() {
    let console = boot(Computer::production("smbios"));
    for row in ROWS {
        assert!(!uses(row, &console), "{}: {console}", row.name);
        row.note("ours", NO_EFFECT);
    }
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn smbios_credentials_stock() {
    on_stock("smbios", |computer| {
        let console = boot(computer);
        let words = |row| if uses(row, &console) { "**used**" } else { NO_EFFECT };
        ROWS.map(|row| (row, words(row).to_owned())).to_vec()
    });
}

fn boot(mut computer: Computer) -> String {
    for (name, value) in CREDENTIALS {
        computer.credential(name, value);
    }
    owners_boot(&mut computer)
}

fn uses(row: Attack, console: &str) -> bool {
    let logged_in = row.used.starts_with("session") && console.contains("(automatic login)");
    logged_in || console.contains(&format!("report: {}", row.used))
}
