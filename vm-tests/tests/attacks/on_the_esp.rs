//! Files on the EFI system partition that systemd-stub takes beside the image: a credential, and an add-on with words for the
//! kernel command line.

use pattern_vm_tests::Computer;

use crate::shell_by_command_line::ADDED;
use crate::tools::attack::{Attack, BY_STEPS, on_stock};
use crate::tools::esp::{ADD_ONS, CREDENTIALS, IMAGES};

const CREDENTIAL: Attack = Attack {
    row: 30,
    name: "esp_credential",
    what: "a file with the credential `tmpfiles.extra` lies on the EFI system partition",
    who: "writes the disk",
    prepare: |computer| {
        let line = b"f /run/planted-file 0644 - - - planted by a file\n";
        computer.write_to_esp(CREDENTIALS, "tmpfiles.extra.cred", line);
    },
    used: "planted by a file",
    ..BY_STEPS
};
const ADD_ON: Attack = Attack {
    row: 31,
    name: "esp_add_on",
    what: "an add-on that nobody signed lies there, with `rd.systemd.debug_shell=ttyS0`",
    who: "writes the disk",
    prepare: |computer| {
        computer.make_add_on("word", "rd.systemd.debug_shell=ttyS0");
        computer.copy_to_esp(ADD_ONS, "word.addon.efi");
    },
    ..BY_STEPS
};
/// The owner's own kernel image with one byte of its command line changed, so with a signature that is wrong.
const KERNEL_IMAGE: Attack = Attack {
    row: 32,
    name: "kernel_image_changed",
    what: "the kernel image is changed: one letter of its command line",
    who: "writes the disk",
    prepare: change_kernel_image,
    ..BY_STEPS
};
const DENIED: &str = "Access denied";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn esp_credential() {
    CREDENTIAL.refused(ADDED);
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn esp_credential_stock() {
    CREDENTIAL.stock();
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn esp_add_on() {
    ADD_ON.without_effect();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn esp_add_on_stock() {
    ADD_ON.stock();
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn kernel_image_changed() {
    let words = is_denied(Computer::production(KERNEL_IMAGE.name));
    KERNEL_IMAGE.note("ours", &words);
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn kernel_image_changed_stock() {
    on_stock(KERNEL_IMAGE.name, |computer| vec![(KERNEL_IMAGE, is_denied(computer))]);
}

fn is_denied(mut computer: Computer) -> String {
    (KERNEL_IMAGE.prepare)(&mut computer);
    let (which, said) = computer.start().expect_any(&[DENIED, "Linux version"]);
    assert_eq!(which, 0, "it starts: {said}");
    format!("refused by the firmware: {DENIED}")
}

fn change_kernel_image(computer: &mut Computer) {
    let file = computer.kernel_image();
    let name = file.file_name().and_then(|name| name.to_str()).expect("the kernel image's name").to_owned();
    let mut image = std::fs::read(file).expect("reading the kernel image");
    let place = pattern::uki::place(&image, ".cmdline").expect("a command line");
    image[place.start] ^= 1;
    computer.write_to_esp(IMAGES, &name, &image);
}
