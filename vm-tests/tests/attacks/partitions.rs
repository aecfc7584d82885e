//! Partitions that somebody added to the table, of the types that systemd mounts, or swaps to, by itself. Each has what its type
//! says, made by the attacker. One boot tells of all.

use std::fs::{self, File};

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, NO_EFFECT, on_stock, owners_boot};
use crate::tools::planted::run;
use crate::tools::table::{self, HOME, ROOT, SRV, SWAP, VAR_TMP, XBOOTLDR};

const WRITES: Attack = Attack { who: "writes the disk, and reads it later", ..BY_STEPS };
const ROWS: [Attack; 4] = [
    Attack {
        row: 19,
        name: "swap_added",
        what: "a swap partition is added to the table; memory in the clear would go there",
        used: "swap: /dev/",
        ..WRITES
    },
    Attack {
        row: 20,
        name: "mounts_added",
        what: "partitions for `/home`, `/srv` and `/var/tmp` are added, with set-user-ID programs or whatever else",
        used: "mount: /var/tmp /dev/vda",
        ..WRITES
    },
    Attack {
        row: 21,
        name: "xbootldr_added",
        what: "an XBOOTLDR partition is added; updates would go there",
        used: "mount: /efi /dev/vda",
        ..WRITES
    },
    Attack {
        row: 22,
        name: "root_added",
        what: "a root partition is added",
        used: "mount: / /dev/vda",
        ..WRITES
    },
];
const MIB: u64 = 1 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn partitions_added() {
    let console = boot(Computer::production("partitions"));
    for row in ROWS {
        assert!(!uses(row, &console), "{}: {console}", row.name);
        row.note("ours", NO_EFFECT);
    }
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn partitions_added_stock() {
    on_stock("partitions", |computer| {
        let console = boot(computer);
        let words = |row| if uses(row, &console) { "**used**" } else { NO_EFFECT };
        ROWS.map(|row| (row, words(row).to_owned())).to_vec()
    });
}

fn boot(mut computer: Computer) -> String {
    for (kind, label, make) in [
        (SWAP, "theirs-swap", &["mkswap"][..]),
        (VAR_TMP, "theirs-tmp", &["mkfs.ext4", "-q"]),
        (HOME, "theirs-home", &["mkfs.ext4", "-q"]),
        (SRV, "theirs-srv", &["mkfs.ext4", "-q"]),
        (ROOT, "theirs-root", &["mkfs.ext4", "-q"]),
        (XBOOTLDR, "theirs-boot", &["mkfs.vfat"]),
    ] {
        let content = computer.folder().join(label);
        File::create(&content).and_then(|file| file.set_len(64 * MIB)).expect("making a partition's content");
        let mut made = computer.command(make[0]);
        run(made.args(&make[1..]).arg(&content));
        table::add(&computer, kind, label, &content);
        fs::remove_file(content).expect("removing a partition's content");
    }
    owners_boot(&mut computer)
}

fn uses(row: Attack, console: &str) -> bool {
    console.contains(&format!("report: {}", row.used))
}
