use super::samples::*;
use super::*;
use crate::firmware::samples::log_of;
use crate::firmware::{Log, digest_of, program as firmware_program, replay};
use crate::hex;

mod recorded;

fn later(running: &Start, touched: &[&str], next: &Start, pcr: u8) -> Result<Later, String> {
    let touched: Vec<_> = touched.iter().map(|path| (*path).to_owned()).collect();
    let log = recorded();
    let prediction = boot(&log, running, &touched).before(next);
    prediction.register(pcr).map_err(|doubt| doubt.to_string())
}

fn words(running: &Start, touched: &[&str], pcr: u8) -> Result<Option<String>, String> {
    later(running, touched, running, pcr).map(|later| later.words())
}

/// The promise: what was measured in a real start is what is computed of its files.
#[test]
fn a_recorded_start_is_reproduced() {
    for pcr in [12, 13] {
        let later = later(&start(), &[], &start(), pcr).unwrap();
        assert_eq!((Some(&later.value), later.words()), (now(pcr).as_ref(), None), "PCR {pcr}");
    }
    let log = recorded();
    let measured = log.digests(4, BANK).unwrap();
    for file in [&start().add_ons[1], &start().beside[2]] {
        assert!(measured.contains(&firmware_program::digest(&file.bytes, BANK).unwrap()), "{}", file.path);
    }
    let unsigned = firmware_program::digest(&start().add_ons[0].bytes, BANK).unwrap();
    assert!(!measured.contains(&unsigned), "nobody signed it, so the firmware does not load it");
}

#[test]
fn what_was_added_changed_or_removed_is_named() {
    let folder = "/loader/credentials";
    let mut other = start();
    other.credentials.push(file("/loader/credentials/z.cred", b"z"));
    let all =
        "with /loader/credentials/Two.cred and /loader/credentials/one.cred and /loader/credentials/z.cred";
    assert_eq!(words(&other, &[folder], 12).unwrap().unwrap(), all);
    let mut other = start();
    other.credentials[1].bytes = b"eno".to_vec();
    let both = "with /loader/credentials/Two.cred and /loader/credentials/one.cred";
    assert_eq!(words(&other, &["/loader/credentials/one.cred"], 12).unwrap().unwrap(), both);
    other.credentials.clear();
    assert_eq!(words(&other, &[folder], 12).unwrap().unwrap(), "without files in /loader/credentials");
    let mut other = start();
    other.add_ons.clear();
    let said = words(&other, &["/loader/addons", &format!("{IMAGE}.extra.d")], 12).unwrap().unwrap();
    let own = "with words of the add-on /EFI/Linux/demo_0.0.1.efi.extra.d/own.addon.efi, and without the words \
               \"mitigations=off quiet own.word=1\"";
    assert_eq!(said, own);
}

/// Files that lie there unchanged and would have been measured otherwise: the rules are not those of this machine.
#[test]
fn a_start_that_is_not_reproduced_is_not_predicted() {
    let mut other = start();
    other.credentials[1].bytes = b"eno".to_vec();
    let doubt = words(&other, &["/loader/credentials-of-others"], 12).unwrap_err();
    let wanted = "PCR 12 of this boot was not made with /loader/credentials/Two.cred and /loader/credentials/one.cred as it lies \
                  there, although nobody changed it since";
    assert_eq!(doubt, wanted);
    let mut other = start();
    other.words = Some("more".to_owned());
    assert!(words(&other, &[], 12).unwrap_err().contains("the machine's words \"more\" (SMBIOS)"));
    // The right events in another order.
    let mut other = start();
    other.credentials = vec![file("/loader/credentials/one.cred", b"own")];
    other.beside.retain(|file| !file.path.ends_with(".cred"));
    assert!(words(&other, &[], 12).is_err());
}

#[test]
fn an_event_of_an_unknown_kind_is_a_doubt() {
    let digest = digest_of(BANK, &[b"x"]);
    let mut bare = start();
    (bare.words, bare.beside, bare.add_ons, bare.credentials) = (None, vec![], vec![], vec![]);
    let said = |kind: u32, data: &[u8]| {
        let log = log_of(&[started(LOADER), (12, kind, data.to_vec(), digest.clone())]);
        let value = replay(BANK, [&digest[..]]);
        let now = |_| Some(value.clone());
        let boot = Boot { now: &now, ..boot(&log, &bare, &[]) };
        boot.before(&bare).register(12).map(|later| later.words()).map_err(|doubt| doubt.to_string())
    };
    // A person typed it in the boot menu.
    assert_eq!(said(0xd, b"x\0\0\0").unwrap_err(), UNKNOWN);
    let words = super::words::utf16("debug");
    let log = log_of(&[started(LOADER), (12, 0xd, words.clone(), digest_of(BANK, &[&words]))]);
    let value = replay(BANK, log.digests(12, BANK).unwrap().iter().map(Vec::as_slice));
    let now = |_| Some(value.clone());
    let boot = Boot { now: &now, ..boot(&log, &bare, &[]) };
    let later = boot.before(&bare).register(12).unwrap();
    assert_eq!((later.words().unwrap().as_str(), later.value), ("without the words \"debug\"", BANK.zeros()));
    let tagged = said(6, &[&0x13ae_d6db_u32.to_le_bytes()[..], &[0; 8]].concat());
    assert_eq!(tagged.unwrap().unwrap(), "without a profile of the kernel image");
    assert!(said(6, &[1, 2, 3, 4]).is_err() && said(0x8000_0003, b"").is_err());
}

/// What was put there since may have the content of something that was measured, and stands for nothing of this boot.
#[test]
fn a_new_file_with_the_content_of_another_one_is_predicted() {
    let part = |name: &str, section: &str| {
        file(&format!("/loader/addons/{name}.addon.efi"), &program(&[(section, b"same")]))
    };
    let mut bare = start();
    (bare.words, bare.beside, bare.credentials, bare.secure_boot) = (None, vec![], vec![], false);
    bare.add_ons = vec![part("initrd", ".initrd"), part("ucode", ".ucode")];
    let event = |tag: u32| (12, 6, [&tag.to_le_bytes()[..], &[0; 8]].concat(), digest_of(BANK, &[b"same"]));
    let log = log_of(&[started(LOADER), event(0xdac0_8e1a), event(0x49df_fe0f)]);
    let value = |count| replay(BANK, vec![&digest_of(BANK, &[b"same"])[..]; count]);
    let now = |_| Some(value(2));
    let (mut next, new) = (
        bare.clone(),
        [file("/EFI/Linux/demo_0.0.1.efi.extra.d/all.addon.efi", &program(&[(".ucode", b"same")]))],
    );
    next.beside = new.to_vec();
    let touched = [next.beside[0].path.clone()];
    // The files that lie there now are those that explain this boot.
    let boot = Boot { now: &now, ..boot(&log, &next, &touched) };
    assert_eq!(boot.before(&next).register(12).unwrap().value, value(3));
}

const UNKNOWN: &str = "the firmware's event log has an event of type 0xd for PCR 12, which is not known here";

/// A log with these programs, and the register that they lead to.
fn programs(paths: &[(&str, &File)], more: &[(u32, &[u8])]) -> (Log, Vec<u8>) {
    let first = more.iter().map(|(kind, data)| (4, *kind, data.to_vec(), digest_of(BANK, &[data])));
    let loaded = paths.iter().map(|(name, file)| {
        let (pcr, kind, data, _) = started(name);
        (pcr, kind, data, firmware_program::digest(&file.bytes, BANK).unwrap())
    });
    let log = log_of(&first.chain(loaded).collect::<Vec<_>>());
    let value = replay(BANK, log.digests(4, BANK).unwrap().iter().map(Vec::as_slice));
    (log, value)
}

#[test]
fn programs_are_predicted_from_the_boot_loader_on() {
    let action: (u32, &[u8]) = (0x8000_0007, b"Calling EFI Application from Boot Option");
    let (old, new) = (systemd_boot(b"old"), systemd_boot(b"new"));
    let mut bare = start();
    (bare.beside, bare.add_ons) = (vec![], vec![]);
    let mut next = start();
    next.image.path = "/EFI/Linux/demo_2+3-0.efi".to_owned();
    next.image.bytes.extend_from_slice(b"another version");
    next.add_ons.remove(0);
    let (log, value) = programs(&[(LOADER, &old), (IMAGE, &bare.image)], &[action]);
    let now = |_| Some(value.clone());
    let predict = |loader, touched: &[String]| {
        let boot = Boot { now: &now, loader: Some(loader), ..boot(&log, &bare, touched) };
        boot.before(&next).register(4).map_err(|doubt| doubt.to_string())
    };
    let then = [(LOADER, &new), ("x", &next.image), ("x", &next.add_ons[0]), ("x", &next.beside[2])];
    let (_, wanted) = programs(&then, &[action]);
    let later = predict(&new, &[LOADER.to_owned()]).unwrap();
    assert_eq!(later.value, wanted);
    assert_eq!(later.with[0], "the program /EFI/BOOT/BOOTX64.EFI");
    assert_eq!(later.without, ["the program /EFI/Linux/demo_0.0.1.efi"]);
    assert!(predict(&new, &[]).unwrap_err().contains("was not made with /EFI/BOOT/BOOTX64.EFI"));
    let same = predict(&old, &[]).unwrap();
    assert!(!same.with.contains(&later.with[0]) && same.value != wanted);
}

#[test]
fn the_boot_loader_is_found_in_the_log() {
    assert_eq!(loader(&recorded()).as_deref(), Some(LOADER));
    assert_eq!(loader(&log_of(&[])), None);
}

#[test]
fn a_log_of_another_boot_predicts_nothing() {
    let other = |pcr| now(pcr).map(|value| digest_of(BANK, &[&value]));
    let (log, start) = (recorded(), start());
    for pcr in [4, 7, 11, 12, 13] {
        let boot = Boot { now: &other, ..boot(&log, &start, &[]) };
        let doubt = boot.before(&start).register(pcr).unwrap_err();
        assert!(matches!(doubt, Doubt::Log(_)), "{pcr}: {doubt}");
    }
    let none = Boot { now: &|_| None, ..boot(&log, &start, &[]) };
    assert_eq!(none.before(&start).register(12), Err(Doubt::NoValue(12)));
    for pcr in [5, 10] {
        assert_eq!(boot(&log, &start, &[]).before(&start).register(pcr), Err(Doubt::NotPredicted(pcr)));
    }
    let opened = boot(&log, &start, &[]).before(&start).register(15).unwrap();
    assert_eq!(opened.value, BANK.zeros());
}

fn measured(start: &Start, pcr: u8) -> Vec<String> {
    let all = start.extensions(BANK).unwrap();
    all.iter().filter(|one| one.pcr == pcr).map(|one| one.origin.to_string()).collect()
}

#[test]
fn another_profile_takes_its_own_sections_and_is_measured_itself() {
    let mut start = start();
    start.image = image(257, &["main", "reset"]);
    (start.beside, start.add_ons, start.credentials, start.words) = (vec![], vec![], vec![], None);
    let digest = |start: &Start, name: &str| {
        let all = start.extensions(BANK).unwrap();
        all.iter()
            .filter(|one| {
                one.origin
                    == Origin::Section(IMAGE.to_owned(), if name == "c" { ".cmdline" } else { ".profile" })
            })
            .nth(1)
            .map(|one| one.digest.clone())
    };
    let of = |text: &str| Some(digest_of(BANK, &[text.as_bytes()]));
    assert_eq!((digest(&start, "c"), digest(&start, "p")), (of("main"), of("main")));
    start.profile = 1;
    assert_eq!((digest(&start, "c"), digest(&start, "p")), (of("reset"), of("reset")));
    assert_eq!(measured(&start, 12), ["the boot loader's words \"@1\"", "profile 1 of the kernel image"]);
    start.profile = 2;
    assert_eq!(start.extensions(BANK), Err(Unknown::NoProfile(2)));
}

#[test]
fn each_version_of_the_stub_measures_what_it_takes() {
    let mut start = start();
    start.extensions =
        vec![file("/loader/extensions/g.raw", b"raw"), file("/loader/extensions/g.confext.raw", b"conf")];
    assert_eq!(measured(&start, 13).len(), 1);
    start.image = image(258, &[]);
    assert_eq!(measured(&start, 13)[1], "/loader/extensions/g.raw");
    assert!(measured(&start, 12).contains(&"/loader/extensions/g.confext.raw".to_owned()));
    // Only an older one has the firmware load the kernel, and stands in its way where signatures are checked.
    let kernel = format!("the kernel in {IMAGE}");
    for (stub, secure_boot, wanted) in
        [(257, true, false), (257, false, true), (262, true, false), (262, false, false)]
    {
        (start.image, start.secure_boot) = (image(stub, &[]), secure_boot);
        assert_eq!(measured(&start, 4).contains(&kernel), wanted, "{stub} {secure_boot}");
    }
}

#[test]
fn words_that_a_person_gives_count_where_the_image_takes_them() {
    let mut start = start();
    (start.beside, start.add_ons, start.credentials, start.words) = (vec![], vec![], vec![], None);
    start.options = Some(" debug ".to_owned());
    assert_eq!(measured(&start, 12), ["the boot loader's words \" debug \""]);
    start.secure_boot = false;
    assert_eq!(
        measured(&start, 12),
        ["the boot loader's words \" debug \"", "the boot loader's words \"debug\""]
    );
}

#[test]
fn what_is_not_a_kernel_image_is_named() {
    let mut start = start();
    let said = |start: &Start| start.extensions(BANK).unwrap_err().to_string();
    start.image.bytes = program(&[(".linux", b"x")]);
    assert_eq!(said(&start), "the kernel image was not made with systemd-stub");
    start.image.bytes = b"#!/bin/sh".to_vec();
    assert_eq!(said(&start), "/EFI/Linux/demo_0.0.1.efi is not a whole program for this machine");
    start.image = image(257, &[]);
    let magic: &[u8] = b"#### LoaderInfo: systemd-stub 257 ####";
    start.image.bytes = program(&[(".sdmagic", magic), (".linux", &program(&[])), (".dtbauto", b"x")]);
    assert_eq!(
        said(&start),
        "/EFI/Linux/demo_0.0.1.efi has a section .dtbauto, which is measured on some machines only"
    );
}

#[test]
fn an_add_on_counts_by_its_parts_and_its_kernel() {
    let add_on = |sections: &[(&str, &[u8])]| file("/loader/addons/x.addon.efi", &program(sections));
    let mut start = start();
    (start.beside, start.credentials, start.words, start.secure_boot) = (vec![], vec![], None, false);
    let mut of = |file: File| {
        start.add_ons = vec![file];
        (measured(&start, 12), measured(&start, 4).len())
    };
    let words = vec!["words of the add-on /loader/addons/x.addon.efi".to_owned()];
    assert_eq!(of(add_on(&[(".cmdline", b" a\nb "), (".uname", b"6.12")])), (words, 3));
    assert_eq!(of(add_on(&[(".cmdline", b"a"), (".uname", b"6.13")])), (vec![], 3));
    assert_eq!(of(add_on(&[(".cmdline", b"a"), (".linux", b"a")])), (vec![], 3));
    assert_eq!(of(add_on(&[(".sbat", b"a")])), (vec![], 3));
    let (parts, _) = of(add_on(&[(".initrd", b"a"), (".ucode", b"b")]));
    assert_eq!(parts.len(), 2);
    assert!(
        parts[0].starts_with("the section .ucode of the add-on")
            && parts[1].starts_with("the section .initrd")
    );
    assert_eq!(of(file("/loader/addons/x.addon.efi", b"not a program")), (vec![], 2));
    assert_eq!(of(file("/loader/addons/x.efi", &program(&[(".cmdline", b"a")]))), (vec![], 2));
}

/// The kernel of a later stub may get a secret, and words for its console.
#[test]
fn the_kernels_own_view_is_known_of_an_older_stub() {
    let mut start = start();
    let words =
        "root=tmpfs mitigations=off quiet own.word=1 systemd.default_device_timeout_sec=300 smbios.words=1";
    start.image = image(257, &[]);
    let all = start.extensions(BANK).unwrap();
    let kernel: Vec<_> = all.iter().filter(|one| one.pcr == 9).collect();
    assert_eq!(kernel[0].digest, digest_of(BANK, &[&super::words::utf16(words)]));
    assert_eq!(kernel[1].origin, Origin::Initrd(IMAGE.to_owned()));
    start.options = Some("debug".to_owned());
    start.secure_boot = false;
    let all = start.extensions(BANK).unwrap();
    let given = all.iter().find(|one| one.pcr == 9).unwrap();
    // Nobody signed the first add-on.
    let words = words.replace("root=tmpfs", "debug plain.word=1");
    assert_eq!(given.digest, digest_of(BANK, &[&super::words::utf16(&words)]));
    start.image = image(258, &[]);
    assert!(measured(&start, 9).is_empty());
    assert_eq!(later(&start, &[], &start, 9), Err("PCR 9 is not predicted".to_owned()));
}

/// What systemd-stub 257 measured of these files, in hexadecimal digits of SHA-256.
#[test]
fn an_archive_is_the_stubs_byte_for_byte() {
    let own = Target::Credentials.archive(&[&beside("own.cred", b"own")]);
    let wanted = "e06a99893bb5eefa53999d37f7a68b5df831608fa415c0778829bd5da877db29";
    assert_eq!(hex::encode(&digest_of(BANK, &[&own])), wanted);
}

/// What the owner can bind the volume to without a key: words that the image's author listed, in add-ons that a key of `db` signed.
#[test]
fn only_listed_words_of_signed_add_ons_are_allowed() {
    let listed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let all = listed(&["mitigations=*", "quiet", "own.word=1"]);
    let mut alone = Start { words: None, beside: Vec::new(), credentials: Vec::new(), ..start() };
    assert_eq!(Start { add_ons: Vec::new(), ..alone.clone() }.allowed_additions(&[]), Ok(Vec::new()));
    let said = |start: &Start, listed: &[String]| match start.allowed_additions(listed) {
        Ok(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => format!("not allowed: {error}"),
    };
    let word = "/loader/addons/word.addon.efi: mitigations=off quiet";
    assert_eq!(said(&alone, &all), word);
    alone.beside = vec![start().beside[2].clone()];
    let own = format!("{IMAGE}.extra.d/own.addon.efi");
    assert_eq!(said(&alone, &all), format!("{word}; {own}: own.word=1"));
    let unlisted = "this image does not list \"mitigations=off\" and \"quiet\" in boot.add_on_words";
    let said_of = |path: &str, why: &str| format!("not allowed: {path}: {why}");
    assert_eq!(said(&alone, &listed(&["own.word=1"])), said_of("/loader/addons/word.addon.efi", unlisted));
    // Without Secure Boot the firmware also loads what nobody signed.
    let open = Start { secure_boot: false, ..alone.clone() };
    assert_eq!(said(&open, &all), said_of("/loader/addons/plain.addon.efi", "nobody signed this add-on"));
    for (more, what) in [
        (
            Start { words: Some("quiet".to_owned()), ..alone.clone() },
            "the machine's words \"quiet\" (SMBIOS)",
        ),
        (
            Start { credentials: start().credentials, ..alone.clone() },
            "/loader/credentials/Two.cred and /loader/credentials/one.cred",
        ),
        (
            Start { profile: 1, image: image(257, &["main", "quiet"]), ..alone.clone() },
            "the boot loader's words \"@1\"",
        ),
    ] {
        assert_eq!(said(&more, &all), format!("not allowed: {what} is not an add-on with words"));
    }
    let initrd = signed(program(&[(".cmdline", b"quiet"), (".initrd", b"x")]), b"c");
    alone.add_ons = vec![file("/loader/addons/x.addon.efi", &initrd)];
    let part = "the section .initrd of the add-on /loader/addons/x.addon.efi is not an add-on with words";
    assert_eq!(said(&alone, &all), format!("not allowed: {part}"));
}
