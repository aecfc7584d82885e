//! What is signed is what `pattern build` makes with the same keys.

use std::collections::BTreeMap;
use std::fs;

use pattern::hex;
use pattern::token::{PublicKey, Signatures};
use pattern::uki;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::place::Place;

/// What systemd-stub measures (systemd-stub(7)).
const MEASURED: [&str; 9] =
    [".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".uname", ".sbat", ".pcrpkey", ".profile"];
/// As mkosi has ukify sign.
const SIGNING: [&str; 8] = [
    "--signtool",
    "systemd-sbsign",
    "--secureboot-private-key=x-keys/secure-boot.key",
    "--secureboot-certificate=x-keys/secure-boot.crt",
    "--sign-kernel",
    "--pcr-banks",
    "sha256",
    "--pcr-private-key",
];

fn sign(place: &Place, more: &[&str]) -> String {
    place.tells(&[&["sign-image", "made", "x-keys", "--tools", &place.tools], more].concat())
}

fn verifies(place: &Place, keys: &str, file: &str) -> bool {
    place.outcome(&["sbverify", "--cert", &format!("{keys}/secure-boot.crt"), file]).status.success()
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn the_kernel_image_has_the_bytes_that_a_build_with_keys_gives_it() {
    let Some(place) = Place::new() else { return };
    place.kernel_image("wanted.efi", &[&SIGNING[..], &["x-keys/pcr-private.pem"]].concat());
    let made = sign(&place, &[]);
    let names: Vec<_> = made.lines().map(|line| line.strip_prefix("build/images/x_1/").unwrap()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(place.read("build/images/x_1/x_1.efi") == place.read("wanted.efi"));
    let sums = place.outcome(&["sh", "-c", "cd build/images/x_1 && sha256sum --check --strict SHA256SUMS"]);
    assert!(sums.status.success(), "{sums:?}");

    // Of what is not signed nothing is changed, and two runs give the same bytes.
    for name in names.iter().filter(|name| name.starts_with("x_1_") || name.ends_with(".pgp")) {
        assert!(
            place.read(&format!("made/{name}")) == place.read(&format!("build/images/x_1/{name}")),
            "{name}"
        );
    }
    sign(&place, &["--output", "again"]);
    for name in &names {
        assert!(
            place.read(&format!("again/x_1/{name}")) == place.read(&format!("build/images/x_1/{name}")),
            "{name}"
        );
    }
    // What comes next takes it.
    place.tells(&["sign-release", "build/images/x_1", "x-gpg", "--compress", "none"]);
}

/// One file for the first key, which machines bind their volumes to, and one for that of the version before.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_image_of_an_epoch_is_signed_by_the_key_before_too() {
    let Some(place) = Place::of("epoch = 1\n") else { return };
    place.tells(&["gen-keyring", "x", "--epoch", "1"]);
    sign(&place, &[]);
    let file = place.read("build/images/x_1/x_1.efi");
    let fingerprint = |name: &str| {
        let pem = String::from_utf8(place.read(name)).unwrap();
        hex::encode(&PublicKey::parse(&pem).unwrap().fingerprint())
    };
    let [new, old] = ["x-keys/pcr-epoch-1-public.pem", "x-keys/pcr-public.pem"].map(fingerprint);
    let text = |name| String::from_utf8_lossy(uki::section(&file, name).unwrap()).into_owned();
    let bound = PublicKey::parse(text(".pcrpkey").trim_end_matches('\0')).unwrap();
    assert_eq!(hex::encode(&bound.fingerprint()), new);
    let signers = Signatures::parse(text(".pcrsig").trim_end_matches('\0')).unwrap().keys_for_pcr_11();
    let mut signers: Vec<_> = signers.iter().map(|key| hex::encode(key)).collect();
    signers.sort();
    let mut wanted = vec![new, old];
    wanted.sort();
    assert_eq!(signers, wanted);
}

/// The policy that the TPM compares: computed from the sections of the signed file, with the public key that is in it.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn the_policy_of_each_profile_is_signed_by_the_key_for_images_with_a_shell() {
    let Some(place) = Place::with("", "debug = true\n") else { return };
    sign(&place, &[]);
    let file = place.read("build/images/x_1/x_1.efi");
    assert_eq!(uki::section(&file, ".pcrpkey").unwrap(), place.read("x-keys/pcr-debug-public.pem"));
    let table = uki::table(&file).unwrap();
    let second = table.iter().rposition(|(name, _)| name == ".profile").unwrap();
    let (main, reset) = table.split_at(second);
    let has_line = |line: &str| file.windows(line.len()).any(|window| window == line.as_bytes());
    assert!(has_line("usrhash=00 quiet\0") && has_line("quiet pattern.reset\0"));
    for (profile, sections) in [("main", main.to_vec()), ("reset", [main, reset].concat())] {
        // Of sections that both have, those of the profile count.
        let sections: BTreeMap<_, _> = sections.into_iter().map(|(name, at)| (name, &file[at])).collect();
        let signatures: Value = serde_json::from_slice(sections[".pcrsig"]).unwrap();
        let found = &signatures["sha256"][0];
        let pcr = measured(&place, profile, &sections);
        assert_eq!((text(found, "pol"), &found["pcrs"]), (policy(&pcr).as_str(), &json!([11])), "{profile}");
        is_signed(&place, found, "x-keys/pcr-debug-public.pem", true);
        is_signed(&place, found, "x-keys/pcr-public.pem", false);
    }
}

/// Returns the value that PCR 11 has in the initrd, as systemd-measure says.
fn measured(place: &Place, profile: &str, sections: &BTreeMap<String, &[u8]>) -> Vec<u8> {
    let mut words = vec!["/usr/lib/systemd/systemd-measure".to_owned(), "calculate".to_owned()];
    words.extend(["--bank=sha256", "--phase=enter-initrd", "--json=short"].map(str::to_owned));
    for (name, content) in sections.iter().filter(|(name, _)| MEASURED.contains(&name.as_str())) {
        let path = format!("measured/{profile}{name}");
        place.write(&path, content);
        words.push(format!("--{}={path}", &name[1..]));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said: Value = serde_json::from_slice(&place.by(&words)).unwrap();
    hex::decode(text(&said["sha256"][0], "hash")).unwrap()
}

/// Returns the digest of the policy that PCR 11 of SHA-256 has this value (TPM 2.0 Library, Part 3, "TPM2_PolicyPCR").
fn policy(pcr: &[u8]) -> String {
    let command = 0x17f_u32.to_be_bytes();
    let selection = [0, 0, 0, 1, 0, 0x0b, 3, 0, 8, 0];
    let value = Sha256::digest(pcr);
    hex::encode(&Sha256::digest([&[0; 32][..], &command, &selection, &value].concat()))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn is_signed(place: &Place, entry: &Value, key: &str, wanted: bool) {
    let policy = hex::decode(entry["pol"].as_str().unwrap()).unwrap();
    place.write("policy", policy);
    place.write("signature.b64", entry["sig"].as_str().unwrap());
    place.by(&["openssl", "base64", "-d", "-A", "-in", "signature.b64", "-out", "signature"]);
    let verified =
        place.outcome(&["openssl", "dgst", "-sha256", "-verify", key, "-signature", "signature", "policy"]);
    assert_eq!(verified.status.success(), wanted, "{key}: {verified:?}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn the_partition_has_what_firmware_verifies_and_enrolls() {
    let Some(place) = Place::new() else { return };
    place.tells(&["gen-keyring", "other"]);
    sign(&place, &[]);
    let image = "build/images/x_1/x_1.raw@@1M";
    fs::create_dir(place.path("esp")).unwrap();
    place.by(&["mcopy", "-s", "-i", image, "::EFI", "::loader", "esp"]);
    assert!(place.read("esp/EFI/Linux/x_1.efi") == place.read("build/images/x_1/x_1.efi"));
    place.write("linux.efi", uki::section(&place.read("esp/EFI/Linux/x_1.efi"), ".linux").unwrap());
    for name in [
        "esp/EFI/Linux/x_1.efi",
        "linux.efi",
        "esp/EFI/BOOT/BOOTX64.EFI",
        "esp/EFI/systemd/systemd-bootx64.efi",
    ] {
        assert!(verifies(&place, "x-keys", name) && !verifies(&place, "other-keys", name), "{name}");
    }
    assert_eq!(place.read("esp/loader/loader.conf"), b"timeout 3\nsecure-boot-enroll if-safe\n");
    place.by(&["openssl", "x509", "-in", "x-keys/secure-boot.crt", "-outform", "DER", "-out", "certificate"]);
    let certificate = place.read("certificate");
    for name in ["PK", "KEK", "db"] {
        let auth = place.read(&format!("esp/loader/keys/auto/{name}.auth"));
        assert!(auth.windows(certificate.len()).any(|window| window == certificate), "{name}");
    }
    let partition = "dd if=build/images/x_1/x_1.raw of=partition bs=1M skip=1 count=40 status=none && fsck.vfat -n partition";
    place.by(&["sh", "-c", partition]);
    let shown: Value =
        serde_json::from_str(&place.tells(&["show", "build/images/x_1", "--json", "--tools", &place.tools]))
            .unwrap();
    for program in ["kernel", "boot_loader"] {
        assert_eq!(shown["image"][program]["signature"]["valid"], true, "{shown}");
    }
}

/// bootctl asks for one, although nothing is named after it.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_host_without_a_machine_id_signs_an_image() {
    let Some(place) = Place::new() else { return };
    place.tells_without_machine_id(&["sign-image", "made", "x-keys", "--tools", &place.tools]);
    let names =
        String::from_utf8(place.by(&["mdir", "-/", "-b", "-i", "build/images/x_1/x_1.raw@@1M", "::"]))
            .unwrap();
    assert!(names.contains("::/loader/keys/auto/PK.auth") && !names.contains("none"), "{names}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn without_enrolling_there_are_no_keys_for_it() {
    let Some(place) = Place::of("[boot]\nsecure_boot_enroll = \"off\"\n") else { return };
    sign(&place, &["--json"]);
    let names =
        String::from_utf8(place.by(&["mdir", "-/", "-b", "-i", "build/images/x_1/x_1.raw@@1M", "::"]))
            .unwrap();
    assert!(names.contains("::/loader/loader.conf") && !names.contains(".auth"), "{names}");
}
