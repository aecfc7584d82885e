use super::*;

const STUBS: &str = "systemd-stub,1,The systemd Developers,systemd,257,https://systemd.io/\n";
const OWN: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n";

fn set(file: &mut [u8], at: usize, size: usize, value: usize) {
    put(file, at, size, value).unwrap();
}

/// Returns a PE file with these sections, each in 0x200 bytes from 0x400 on, and in a page of memory.
fn file(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 0x400 + 0x200 * sections.len()];
    set(&mut file, 0x3c, 4, 0x40);
    file[0x40..0x44].copy_from_slice(b"PE\0\0");
    set(&mut file, 0x46, 2, sections.len());
    set(&mut file, 0x54, 2, 0xf0);
    set(&mut file, 0x40 + 24, 2, 0x20b);
    set(&mut file, 0x40 + INITIALIZED, 4, sections.iter().map(|(_, content)| content.len()).sum());
    set(&mut file, 0x40 + SECTION_ALIGNMENT, 4, 0x1000);
    set(&mut file, 0x40 + IMAGE_SIZE, 4, 0x1000 * (1 + sections.len()));
    for (index, (name, content)) in sections.iter().enumerate() {
        let (entry, start) = (0x40 + 24 + 0xf0 + ENTRY * index, 0x400 + 0x200 * index);
        file[entry..entry + name.len()].copy_from_slice(name.as_bytes());
        set(&mut file, entry + 8, 4, content.len());
        set(&mut file, entry + 12, 4, 0x1000 * (1 + index));
        set(&mut file, entry + 16, 4, 0x200);
        set(&mut file, entry + 20, 4, start);
        file[start..start + content.len()].copy_from_slice(content);
    }
    file
}

fn list(lines: &[&str]) -> String {
    SBAT.to_owned() + &lines.concat()
}

/// What ukify made of a stub and a kernel with these lists of generations.
fn image(kernel: &[u8], generations: &str) -> Vec<u8> {
    file(&[
        (".text", b"code"),
        (".sbat", format!("{generations}\0").as_bytes()),
        (".cmdline", b"quiet\0"),
        (".linux", kernel),
        (".profile", b"ID=main"),
        (".profile", b"ID=other\n"),
        (".cmdline", b"other"),
    ])
}

#[test]
fn the_stub_is_as_it_was_and_profiles_are_apart() {
    let image = image(b"kernel", &list(&[STUBS, OWN]));
    let parts = parts(&image).unwrap();
    let mut stub = file(&[(".text", b"code"), (".sbat", list(&[STUBS, OWN]).as_bytes())]);
    // ukify does not count what it writes into a section of the stub: the list had a byte more here from the beginning.
    set(&mut stub, 0x40 + INITIALIZED, 4, 4 + list(&[STUBS, OWN]).len() + 1);
    assert!(parts.stub == stub, "the bytes differ");
    assert_eq!(parts.sbat, SBAT, "the stub has all of them by now");
    let content = |(name, place): &(String, Range<usize>)| {
        (name.clone(), String::from_utf8_lossy(&image[place.clone()]))
    };
    let main: Vec<_> = parts.main.iter().map(content).collect();
    assert_eq!(
        main,
        [
            (".cmdline".into(), "quiet\0".into()),
            (".linux".into(), "kernel".into()),
            (".profile".into(), "ID=main".into())
        ]
    );
    let profiles: Vec<Vec<_>> =
        parts.profiles.iter().map(|each| each.iter().map(content).collect()).collect();
    assert_eq!(profiles, [[(".profile".into(), "ID=other\n".into()), (".cmdline".into(), "other".into())]]);
}

/// Else ukify would add them twice, and each time that an image is made again there would be more.
#[test]
fn the_generations_of_the_kernel_are_added_by_ukify_again() {
    let kernels = "linux,1,Linux,linux,6.17,https://kernel.org/\n";
    let kernel = file(&[(".sbat", list(&[kernels]).as_bytes())]);
    let (stubs, rest) = generations(list(&[STUBS, kernels, OWN]).as_bytes(), &kernel);
    assert_eq!((stubs, rest), (list(&[STUBS]), list(&[OWN])));
}

#[test]
fn what_cannot_be_made_again_is_refused() {
    let said = |sections: &[(&str, &[u8])]| parts(&file(sections)).unwrap_err();
    let linux = (".linux", &b"kernel"[..]);
    let not_one = "it is not a unified kernel image";
    assert_eq!(parts(b"#!/bin/sh").unwrap_err(), not_one);
    assert_eq!(said(&[(".text", b"code")]), not_one);
    assert_eq!(said(&[(".text", b"code"), (".cmdline", b"quiet")]), not_one);
    assert_eq!(said(&[(".text", b"code"), linux, (".pcrsig", b"{}")]), "it is signed already");
    assert_eq!(said(&[linux]), not_one, "it has no stub");
    for name in [".hwids", ".dtbauto", ".mine"] {
        let sections = [(".text", &b"code"[..]), linux, (name, b"x")];
        assert_eq!(said(&sections), format!("its section {name} can't be made again"));
    }
    let own = [(".text", &b"code"[..]), linux, (".profile", b"ID=main")];
    let with = |name| said(&[&own[..], &[(name, &b"x"[..])]].concat());
    assert_eq!([said(&own), with(".cmdline")], ["its section .profile can't be made again"; 2]);
    let mut cut = image(b"kernel", &list(&[STUBS]));
    cut.truncate(0x500);
    assert_eq!(parts(&cut).unwrap_err(), not_one);
}

#[test]
fn a_signed_image_is_signed_already() {
    let mut image = image(b"kernel", &list(&[STUBS]));
    let end = image.len();
    image.extend([12, 0, 0, 0, 0, 2, 2, 0, b'a', b'b', b'c', b'd']);
    set(&mut image, 0x40 + 24 + 144, 4, end);
    assert_eq!(parts(&image).unwrap_err(), "it is signed already");
}
