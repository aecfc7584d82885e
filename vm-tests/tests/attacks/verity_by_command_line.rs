//! A changed file in `/usr`, and a word on the kernel command line that asks for it to be used all the same.

use pattern_vm_tests::Computer;

use crate::tools::attack::Attack;

const ATTACK: Attack = Attack {
    row: 11,
    name: "verity_by_command_line",
    what: "`/usr` is changed, and `systemd.verity_usr_options=ignore-corruption` is on the kernel command line",
    who: "writes the disk; adds to the kernel command line, by SMBIOS",
    prepare,
    enters: None,
    used: "usr: PRETTY_NAME=\"Daemon",
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn verity_by_command_line() {
    ATTACK.refused("its first block can't be verified: /usr or its hash tree is damaged");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn verity_by_command_line_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    computer.words("systemd.verity_usr_options=ignore-corruption");
    let disk = computer.disk();
    let usr = disk.usr();
    let block = 1 << 20;
    let text = b"PRETTY_NAME=\"Debian";
    // A small file lies on the disk as it is.
    let mut starts = (usr.start..usr.start + usr.length).step_by(block);
    let found = starts.find_map(|start| {
        let bytes = disk.read(start, block as u64 + text.len() as u64);
        let at = bytes.windows(text.len()).position(|window| window == text)?;
        Some(start + at as u64)
    });
    disk.write(found.expect("os-release in the clear"), b"PRETTY_NAME=\"Daemon");
    // What is before the superblock does no harm, and is read by all who verify.
    let mut first = disk.read(usr.start, 4096);
    first[0] ^= 1;
    disk.write(usr.start, &first);
}
