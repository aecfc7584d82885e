//! A recorded start (see `tests/fixtures/start/README.md`), and programs that are made for a test.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Boot, File, Start};
use crate::firmware::{Log, Variable};
use crate::token::Bank;

pub(super) const IMAGE: &str = "/EFI/Linux/demo_0.0.1.efi";
pub(super) const LOADER: &str = "/EFI/BOOT/BOOTX64.EFI";
pub(super) const BANK: Bank = Bank::Sha256;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/start/", $name))
    };
}

pub(super) fn file(path: &str, bytes: &[u8]) -> File {
    File { path: path.to_owned(), bytes: bytes.to_vec() }
}

pub(super) fn beside(name: &str, bytes: &[u8]) -> File {
    file(&format!("{IMAGE}.extra.d/{name}"), bytes)
}

/// A program for 64 bits with these sections, of which the first begins at 0x400.
pub(crate) fn program(sections: &[(&str, &[u8])]) -> Vec<u8> {
    const OPTIONAL: usize = 0x58;
    let mut bytes = vec![0; 0x400];
    let put = |bytes: &mut Vec<u8>, at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(&mut bytes, 0, b"MZ");
    put(&mut bytes, 0x3c, &[0x40]);
    put(&mut bytes, 0x40, b"PE\0\0");
    put(&mut bytes, 0x46, &(sections.len() as u16).to_le_bytes());
    put(&mut bytes, 0x54, &240_u16.to_le_bytes());
    put(&mut bytes, OPTIONAL, &0x20b_u16.to_le_bytes());
    put(&mut bytes, OPTIONAL + 60, &0x400_u32.to_le_bytes());
    for (number, (name, content)) in sections.iter().enumerate() {
        let (entry, size) = (OPTIONAL + 240 + number * 40, (content.len() as u32).to_le_bytes());
        let start = (bytes.len() as u32).to_le_bytes();
        put(&mut bytes, entry, name.as_bytes());
        put(&mut bytes, entry + 8, &size);
        put(&mut bytes, entry + 16, &size);
        put(&mut bytes, entry + 20, &start);
        bytes.extend_from_slice(content);
    }
    bytes
}

/// The program with a signature that holds a certificate.
pub(crate) fn signed(mut program: Vec<u8>, certificate: &[u8]) -> Vec<u8> {
    const TABLE: usize = 0x58 + 144;
    let signature = [b"PKCS #7", certificate].concat();
    let (start, length) = (program.len() as u32, signature.len() as u32 + 8);
    program[TABLE..TABLE + 8].copy_from_slice(&[start, length].map(u32::to_le_bytes).concat());
    program.extend([&length.to_le_bytes()[..], &[0, 2, 2, 0], &signature].concat());
    program
}

/// A kernel image of this version of systemd-stub. Its profiles are last.
pub(super) fn image(stub: u32, profiles: &[&str]) -> File {
    let magic = format!("#### LoaderInfo: systemd-stub {stub}.13-1 ####");
    let kernel = program(&[(".text", b"kernel")]);
    let mut sections: Vec<(&str, &[u8])> = vec![
        (".sdmagic", magic.as_bytes()),
        (".osrel", b"ID=demo"),
        (".cmdline", b"root=tmpfs"),
        (".uname", b"6.12"),
        (".linux", &kernel),
        (".initrd", b"initrd"),
        (".pcrsig", b"{}"),
    ];
    for profile in profiles {
        sections.push((".profile", profile.as_bytes()));
        sections.push((".cmdline", profile.as_bytes()));
    }
    file(IMAGE, &program(&sections))
}

/// The recorded start. The kernel image is another one.
pub(super) fn start() -> Start {
    let words = "systemd.default_device_timeout_sec=300 smbios.words=1";
    Start {
        image: image(257, &["main"]),
        profile: 0,
        options: None,
        words: Some(words.to_owned()),
        beside: vec![
            beside("conf.confext.raw", b"confext"),
            beside("ext.raw", b"rawraw"),
            beside("own.addon.efi", fixture!("own.addon.efi")),
            beside("own.cred", b"own"),
        ],
        add_ons: vec![
            file("/loader/addons/plain.addon.efi", fixture!("plain.addon.efi")),
            file("/loader/addons/word.addon.efi", fixture!("word.addon.efi")),
        ],
        credentials: vec![
            file("/loader/credentials/Two.cred", b"two two"),
            file("/loader/credentials/one.cred", b"one"),
        ],
        extensions: Vec::new(),
        secure_boot: true,
    }
}

/// The event of a program from a disk.
pub(super) fn started(path: &str) -> (u32, u32, Vec<u8>, Vec<u8>) {
    let node = super::words::utf16(&path.replace('/', "\\"));
    let size = (node.len() as u16 + 4).to_le_bytes();
    let data = [&[0; 32][..], &[4, 1, 4, 0], &[4, 4], &size, &node, &[0x7f, 0xff, 4, 0]].concat();
    (4, 0x8000_0003, data, BANK.zeros())
}

pub(super) fn recorded() -> Log {
    Log::parse(fixture!("added.log")).unwrap()
}

/// A register of the recorded start.
pub(super) fn now(pcr: u8) -> Option<Vec<u8>> {
    let prefix = format!("{pcr} ");
    include_str!("../../tests/fixtures/start/pcrs")
        .lines()
        .find_map(|line| crate::hex::decode(line.strip_prefix(&prefix)?))
}

/// A boot loader as it lies there: of systemd-boot it has only its name.
pub(super) fn systemd_boot(text: &[u8]) -> File {
    let magic: &[u8] = b"#### LoaderInfo: systemd-boot 257.13-1 ####";
    file(LOADER, &program(&[(".text", text), (".sdmagic", magic)]))
}

pub(super) static SYSTEMD_BOOT: LazyLock<File> = LazyLock::new(|| systemd_boot(b"code"));
pub(super) static NO_VARIABLES: BTreeMap<Variable, Vec<u8>> = BTreeMap::new();
pub(super) static NO_SETTINGS: BTreeMap<String, Vec<u8>> = BTreeMap::new();

/// The recorded boot, with these files lying there now.
pub(super) fn boot<'a>(log: &'a Log, running: &'a Start, touched: &'a [String]) -> Boot<'a> {
    Boot {
        log,
        bank: BANK,
        now: &now,
        running,
        touched,
        loader: Some(&SYSTEMD_BOOT),
        variables: &NO_VARIABLES,
        boot_manager: &NO_SETTINGS,
    }
}
