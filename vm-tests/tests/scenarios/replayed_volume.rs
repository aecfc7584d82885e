//! An image with `volume.counter`: an old copy of the machine's own volume, written back, is not used, whatever opens it;
//! the newest copy is.

use pattern_vm_tests::{Computer, Heard};

#[test]
fn replayed_volume() {
    let mut computer = Computer::new("replayed_volume");
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("[volume]\n", "[volume]\ncounter = true\n");
    assert_ne!(toml, all);
    computer.configure(&toml);
    let ear = computer.listen_to_tpm();
    boot(&mut computer, "echo old >/sysroot/home/file");
    let old = computer.copy_disk("old.raw");
    let _ = ear.take();
    boot(&mut computer, "grep old /sysroot/home/file && echo new >/sysroot/home/file");
    counted(&ear.take());
    let newest = computer.copy_disk("newest.raw");

    computer.insert(&old);
    let mut guest = computer.start_initrd();
    let said = guest.expect("; nothing of it was used");
    let generation =
        number(&said, "this is an old copy of this machine's volume: its header says generation ");
    assert_eq!(number(&said, "and the TPM has counted to "), generation + 1);
    let said = guest.expect("emergency mode");
    assert!(!said.contains("Recovery key for"), "{said}");
    guest.greet();
    let _ = guest.must_fail("ls /dev/mapper/persist");
    drop(guest);
    let volume = computer.disk().partition("persist");
    let header = |disk: &pattern_vm_tests::Disk| disk.read(volume.start, 16 << 20);
    assert!(header(&computer.disk()) == header(&old), "the old copy was written");

    computer.insert(&newest);
    boot(&mut computer, "grep new /sysroot/home/file");
}

fn boot(computer: &mut Computer, command: &str) {
    let mut guest = computer.boot_initrd();
    let _ = guest.must(command);
    guest.power_off();
}

/// What the option adds to a boot is between the key and the measurement of the volume.
fn counted(heard: &[Heard]) {
    let names: Vec<String> = heard.iter().map(|heard| heard.name()).collect();
    let secret = names.iter().rposition(|name| name == "Unseal").expect("something is unsealed");
    let after = names.iter().skip(secret + 1).position(|name| name == "PCR_Extend").expect("the latch");
    let between = &heard[secret + 1..secret + 1 + after];
    // The kernel draws random numbers whenever it wants some.
    let ours = |heard: &&Heard| !heard.moves_context() && heard.name() != "GetRandom";
    let own = between.iter().filter(ours).count();
    let names = names[secret + 1..secret + 1 + after].join(" ");
    println!("proving and counting: {own} commands of our own, {} at the chip: {names}", between.len());
    assert!(names.contains("NV_Increment") && own <= 10, "{own}: {names}");
}

fn number(text: &str, before: &str) -> u64 {
    let (_, rest) = text.rsplit_once(before).unwrap_or_else(|| panic!("no {before:?} in\n{text}"));
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no number in {rest}"))
}
