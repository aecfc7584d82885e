//! A machine that pattern 0.1 made: its key and the TPM's record of its volume are not bound to Secure Boot. The first boot of
//! this version opens the volume by itself, and binds both anew, whatever cut it. It happens once: what 0.1 made is not
//! believed a second time.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pattern::config::{Config, parse};
use pattern::record::identity::{Kept, tag};
use pattern::record::nv::EARLIER_IDENTITY;
use pattern::sealing::binding::{of_an_earlier_key, of_an_earlier_record};
use pattern::token::{Bank, Binding, Digest, Exposed, Pcrs, Sealed, Srk, Tpm2Token};
use pattern_vm_tests::{Chip, Computer, Disk};

use crate::header;
use crate::stolen::Loot;

const BY_TPM: &str = "opened it by the TPM";
const BOUND: &str = "bound the volume as this version does";
const ASKED: &str = "Recovery key for /dev/vda6:";
const LOGIN: &str = "production login:";
/// As every storage root key is: power cuts don't count as wrong tries of it.
const STORAGE: &str = "restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda";
/// Whatever the key slot's secret is.
const SECRET: [u8; 32] = *b"what a machine of 0.1 has sealed";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn earlier_version() {
    let mut computer = Computer::production("earlier_version");
    age(&mut computer);
    let before = computer.copy_disk("before.raw");
    assert!(boot(&mut computer, BY_TPM).contains(BOUND));
    assert_eq!(literal(&computer), [[7, 12, 15]]);
    assert!(!Chip::of(&computer).indices().contains(&EARLIER_IDENTITY.handle));

    // The TPM has recorded the volume, and the power was cut before the header was written.
    let after = computer.copy_disk("after.raw");
    computer.insert(&before);
    assert!(boot(&mut computer, BY_TPM).contains(BOUND));
    assert_eq!(literal(&computer), [[7, 12, 15]]);

    // Nothing is left to do. What the cut boot had written opens as well.
    assert!(!boot(&mut computer, BY_TPM).contains(BOUND));
    computer.insert(&after);
    assert!(!boot(&mut computer, BY_TPM).contains(BOUND));

    forged_again(&mut computer, &before);
}

/// Somebody with Secure Boot off removes the TPM's record, writes one as 0.1 did, and puts the old header back.
fn forged_again(computer: &mut Computer, before: &Disk) {
    computer.insert(before);
    let key = volume_key(computer);
    let chip = Chip::of(computer);
    chip.forget_volumes();
    drop(chip);
    record(computer, &key);
    let said = boot(computer, ASKED);
    assert!(said.contains("an earlier version of pattern made it, and this TPM has counted since"), "{said}");
}

/// Boots until a text comes; returns all that was said. A machine that opens its volume is let up to its login prompt.
fn boot(computer: &mut Computer, text: &str) -> String {
    let mut guest = computer.start();
    let (index, _) = guest.expect_any(&[text, ASKED]);
    assert!(index == 0 || text == ASKED, "the recovery key was asked for: {}", guest.console());
    if text != ASKED {
        guest.expect(LOGIN);
    }
    guest.console().to_owned()
}

/// Makes the machine one of 0.1: an empty TPM, a token and a record as that version made them.
fn age(computer: &mut Computer) {
    let key = volume_key(computer);
    computer.clear_tpm();
    fs::create_dir(computer.folder().join("tpm")).expect("making a place for another TPM");
    let token = seal(computer);
    let volume = computer.folder().join("volume");
    let disk = computer.disk();
    let partition = disk.partition("persist");
    disk.extract(partition, &volume);
    fs::write(computer.folder().join("secret.key"), STANDARD.encode(SECRET)).expect("writing a key");
    fs::write(computer.folder().join("token.json"), token.to_json()).expect("writing a token");
    let tokens = header::read(&disk, partition).1["tokens"].clone();
    for (id, token) in tokens.as_object().expect("tokens") {
        if token["type"] != "systemd-recovery" {
            cryptsetup(computer, &["token", "remove", "--token-id", id, "volume"]);
        }
    }
    cryptsetup(computer, &["luksKillSlot", "--key-file=recovery.key", "volume", "0"]);
    let add =
        ["luksAddKey", "--key-file=recovery.key", "--key-slot=0", "--pbkdf=pbkdf2", "volume", "secret.key"];
    cryptsetup(computer, &add);
    cryptsetup(computer, &["token", "import", "--json-file=token.json", "volume"]);
    disk.write(partition.start, &Disk::open(&volume).read(0, header::DATA));
    fs::remove_file(volume).expect("removing the copy");
    record(computer, &key);
}

/// Seals as 0.1 did: to the signed PCR 11, and to PCR 12 and 15 as a boot without additions has them.
fn seal(computer: &Computer) -> Tpm2Token {
    let (loot, chip) = (Loot::of(computer), Chip::of(computer));
    let signed = loot.token.signed.clone().expect("a token for a signed image");
    let binding = of_an_earlier_key(&config(), Some(&signed.key), Bank::Sha256);
    let policy = policy(&binding);
    fs::write(chip.file("policy"), policy).expect("writing a policy");
    fs::write(chip.file("secret"), SECRET).expect("writing a secret");
    for (program, words) in [
        (
            "tpm2_createprimary",
            &["-C", "o", "-G", "ecc256:aes128cfb", "-a", STORAGE, "-c", "primary.ctx"][..],
        ),
        ("tpm2_evictcontrol", &["-C", "o", "-c", "primary.ctx", "0x81000001"]),
        ("tpm2_readpublic", &["-c", "0x81000001", "-t", "srk.handle"]),
        (
            "tpm2_create",
            &[
                "-C",
                "0x81000001",
                "-L",
                "policy",
                "-i",
                "secret",
                "-a",
                "fixedtpm|fixedparent|noda",
                "-r",
                "sealed.private",
                "-u",
                "sealed.public",
            ],
        ),
    ] {
        chip.run(program, words).unwrap_or_else(|complaint| panic!("{complaint}"));
    }
    let part = |name| fs::read(chip.file(name)).expect("reading what the TPM made")[2..].to_vec();
    Tpm2Token {
        keyslot: 0,
        literal: binding.literal(),
        signed: Some(signed),
        bank: Bank::Sha256,
        pin: None,
        counted: None,
        policy,
        sealed: Sealed { private: part("sealed.private"), public: part("sealed.public") },
        srk: Srk::parse(&fs::read(chip.file("srk.handle")).expect("reading a handle"))
            .expect("a storage key"),
    }
}

/// Records the volume as 0.1 did: under a policy without PCR 7.
fn record(computer: &Computer, key: &[u8]) {
    let loot = Loot::of(computer);
    let signed = loot.token.signed.clone().expect("a token for a signed image");
    let binding = of_an_earlier_record(&config(), Some(&signed.key), Bank::Sha256);
    let disk = computer.disk();
    let uuid = String::from_utf8(header::read(&disk, disk.partition("persist")).0[header::UUID].to_vec());
    let uuid = uuid.expect("a UUID").trim_end_matches('\0').to_owned();
    let chip = loot.start(&[], &[]);
    fs::write(chip.file("policy"), policy(&binding)).expect("writing a policy");
    fs::write(chip.file("tag"), tag(key, &uuid, Kept::Known)).expect("writing a tag");
    let handle = &format!("{:#x}", EARLIER_IDENTITY.handle);
    let attributes = "policywrite|ownerread|authread|no_da";
    let define = ["-C", "o", "-s", "32", "-a", attributes, "-L", "policy", handle];
    chip.run("tpm2_nvdefine", &define).unwrap_or_else(|complaint| panic!("{complaint}"));
    loot.session(&chip, binding.literal()).unwrap_or_else(|complaint| panic!("{complaint}"));
    let write = ["-C", handle, "-P", "session:session.ctx", "-i", "tag", handle];
    chip.run("tpm2_nvwrite", &write).unwrap_or_else(|complaint| panic!("{complaint}"));
}

fn config() -> Config {
    let text = include_str!("../../images/production/pattern.toml");
    parse("pattern.toml", text).expect("the image's configuration")
}

/// PCR 11 was measured into, 12 and 15 were not.
fn policy(binding: &Binding) -> Digest {
    let value = |pcr| if pcr == 11 { vec![1; 32] } else { vec![0; 32] };
    let read = |pcrs: Pcrs, _| Ok::<_, Exposed>(pcrs.iter().map(value).collect());
    binding.policy(false, read).expect("a policy that protects")
}

fn volume_key(computer: &Computer) -> Vec<u8> {
    fs::write(computer.folder().join("recovery.key"), computer.recovery_key()).expect("writing a key");
    let disk = computer.disk();
    let volume = computer.folder().join("volume");
    disk.extract(disk.partition("persist"), &volume);
    let key = computer.folder().join("volume.key");
    fs::remove_file(&key).ok();
    let dump = [
        "luksDump",
        "--dump-volume-key",
        "--volume-key-file=volume.key",
        "--key-file=recovery.key",
        "volume",
    ];
    cryptsetup(computer, &dump);
    fs::remove_file(volume).expect("removing the copy");
    read(&key)
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

fn cryptsetup(computer: &Computer, words: &[&str]) {
    let output = computer.command("cryptsetup").arg("--batch-mode").args(words).output();
    let output = output.expect("starting cryptsetup");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The literal registers of each TPM token.
fn literal(computer: &Computer) -> Vec<Vec<u64>> {
    let disk = computer.disk();
    let (_, metadata) = header::read(&disk, disk.partition("persist"));
    let tokens = metadata["tokens"].as_object().expect("tokens").values();
    let sealed = tokens.filter(|token| token["type"] == "systemd-tpm2");
    let registers = sealed.map(|token| token["tpm2-pcrs"].as_array().expect("registers").iter());
    registers.map(|all| all.filter_map(serde_json::Value::as_u64).collect()).collect()
}
