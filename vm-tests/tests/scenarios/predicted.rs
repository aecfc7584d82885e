//! What `pattern check-update` says of the registers before a restart is what the TPM has after it, for each change that people,
//! programs or firmware updates make to what is measured; and where it can't know, it says so.

mod changes;

use std::collections::BTreeMap;
use std::fs;

use changes::{ADD_ONS, Change, FILES, PARTS, WITH_SECURE_BOOT};
use pattern_vm_tests::{Computer, Firmware, Foresight, Guest};

/// Always predicted: programs, Secure Boot's keys, the kernel's command line and initrd, the kernel image, its parameters, extensions.
const ALWAYS: [u8; 6] = [4, 7, 9, 11, 12, 13];
const PREPARED: &str = "::/prepared";
/// `FS_IOC_SETFLAGS` clears the flag of efivarfs that keeps `rm -r` from breaking a machine.
const SHELL: &str = "C=/boot/loader/credentials A=/boot/loader/addons G=/boot/loader/extensions P=/boot/prepared \
                     V=/sys/firmware/efi/efivars M=8be4df61-93ca-11d2-aa0d-00e098032b8c I=/boot/EFI/Linux/demo_0.0.1.efi X=$I.extra.d; mkdir -p $C $A $G $X; mutable() { perl -e 'open F, \"<\", $ARGV[0]; my $none = pack(\"q\", 0); ioctl F, 0x40086602, $none' \
                     $1; }";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn predicted_files() {
    predicted(Computer::installed("predicted_files"), FILES);
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn predicted_add_ons() {
    predicted(Computer::installed("predicted_add_ons"), ADD_ONS);
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn predicted_parts() {
    predicted(Computer::installed("predicted_parts"), PARTS);
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn predicted_secure_boot() {
    let mut computer = Computer::installed("predicted_secure_boot");
    computer.secure_boot();
    predicted(computer, WITH_SECURE_BOOT);
}

fn predicted(mut computer: Computer, changes: &[Change]) {
    prepare(&computer);
    let mut count = Count::default();
    count.all(&mut computer, changes);
    println!("predicted {} of {}, {:?} registers", count.right, count.changes, count.registers);
    assert_eq!((count.wrong, count.right), (Vec::<String>::new(), count.changes));
}

/// Waits for a shell, and for nothing else of the system.
fn shell(guest: &mut Guest) {
    guest.expect("(automatic login)");
    guest.greet();
    guest.must("dmesg -n 1; kill -s 55 1");
}

#[derive(Default)]
struct Count {
    changes: usize,
    right: usize,
    wrong: Vec<String>,
    registers: BTreeMap<u8, usize>,
}

impl Count {
    fn all(&mut self, computer: &mut Computer, changes: &[Change]) {
        let mut guest = computer.start();
        shell(&mut guest);
        for (what, command) in changes {
            guest.must(&format!("{SHELL}; {command} && sync"));
            let foresight = Foresight::ask(&mut guest);
            guest.send("sync; echo b >/proc/sysrq-trigger");
            shell(&mut guest);
            let (same, other) = foresight.compare(&mut guest);
            let missing = ALWAYS.iter().filter(|pcr| !same.contains(pcr)).collect::<Vec<_>>();
            println!("{what}: {same:?} as predicted, {other:?}");
            self.changes += 1;
            self.right += usize::from(missing.is_empty() && other.is_empty());
            self.wrong.extend(other.into_iter().map(|other| format!("{what}: {other}")));
            let registers = foresight.registers();
            let doubts =
                missing.into_iter().filter_map(|pcr| Some((pcr, registers.get(pcr)?.as_ref().err()?)));
            self.wrong.extend(doubts.map(|(pcr, doubt)| format!("{what}: PCR {pcr}: {doubt}")));
            same.into_iter().for_each(|pcr| *self.registers.entry(pcr).or_default() += 1);
        }
        guest.power_off();
    }
}

/// A cpio archive with nothing in it. The kernel reads one with microcode before the initrd, and starts without an initrd if it is
/// damaged: Documentation/driver-api/early-userspace/buffer-format.rst.
fn empty_archive() -> String {
    const NAME: &str = "TRAILER!!!\0";
    let fields = (0..13).map(|field| if field == 11 { format!("{:08X}", NAME.len()) } else { "0".repeat(8) });
    let entry = format!("070701{}{NAME}", fields.collect::<String>());
    format!("{entry:\0<512}")
}

/// Puts what changes are made of into a folder of the EFI system partition that nobody measures.
fn prepare(computer: &Computer) {
    let put = |file: &str| computer.copy_to_esp(PREPARED, file);
    fs::write(computer.folder().join("archive"), empty_archive()).expect("writing a part of an add-on");
    let add_ons: [(&str, &[&str]); 9] = [
        ("word", &["--cmdline=add.on=1 quiet"]),
        ("other", &["--cmdline=  other.words=1\tquiet  "]),
        ("first", &["--cmdline=first=1"]),
        ("wide", &["--cmdline=umlaut=\u{e4}"]),
        ("initrd", &["--initrd=archive"]),
        ("ucode", &["--microcode=archive"]),
        ("all", &["--cmdline=all=1", "--initrd=archive", "--microcode=archive"]),
        ("foreign", &["--cmdline=foreign=1", "--uname=1.2.3"]),
        ("nothing", &["--sbat=sbat,1,test,sbat,1,https://example.org"]),
    ];
    for (name, parts) in add_ons {
        computer.make_add_on_of(name, parts);
        let file = format!("{name}.addon.efi");
        fs::copy(computer.folder().join(&file), computer.folder().join(format!("{name}.unsigned")))
            .expect("a copy");
        put(&format!("{name}.unsigned"));
        computer.sign(&file);
        put(&file);
    }
    computer.copy_from_esp("::/EFI/BOOT/BOOTX64.EFI", "first-loader.efi");
    computer.make_other_boot_loader("loader.efi");
    ["first-loader.efi", "loader.efi"].into_iter().for_each(put);
    let other = computer.make_other_certificate();
    put("db.auth");
    for name in ["image.efi", "first-image.efi"] {
        fs::copy(computer.kernel_image(), computer.folder().join(name)).expect("a copy");
    }
    put("first-image.efi");
    computer.remove_signature("image.efi");
    computer.sign_by("image.efi", &other);
    put("image.efi");
    computer.sign_variable("dbx", &Firmware::list_of_hash([0xd1; 32]), "dbx.auth");
    put("dbx.auth");
}
