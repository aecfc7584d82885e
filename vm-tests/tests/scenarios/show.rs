//! `pattern show` reads an image without starting it, and sees that a kernel image was changed after it was signed.

use std::path::Path;

use pattern_image::host::screen::Screen;
use pattern_image::host::tree::Tools;
use pattern_image::show::{Show, read};
use pattern_vm_tests::Computer;
use serde_json::Value;

const KERNEL: &str = "::/EFI/Linux/demo_0.0.1.efi";

fn shown(image: &Path) -> Value {
    let tools = Tools::At(Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools"));
    let options = Show { image: image.to_owned(), old: None, json: true, tools };
    read(&options, Screen::new(true)).unwrap_or_else(|error| panic!("{error:#}")).json()
}

#[test]
fn show() {
    let computer = Computer::new("show");
    let disk = computer.folder().join("disk.raw");
    let facts = shown(&disk);
    let image = &facts["image"];
    assert_eq!((&image["system"]["id"], &image["system"]["version"]), (&"demo".into(), &"0.0.1".into()));
    assert_eq!(image["system"]["settings"]["volume.recovery_key"], "true");
    assert!(image["system"]["login"][0].as_str().unwrap().starts_with("root, on each console"), "{facts}");
    for signed in ["kernel", "boot_loader"] {
        assert_eq!(image[signed]["signature"]["subject"], "CN=demo-secure-boot", "{facts}");
        assert_eq!(image[signed]["signature"]["valid"], true, "{facts}");
    }
    assert_eq!(image["kernel"]["pcr_signers"].as_array().unwrap(), &[image["kernel"]["pcr_key"].clone()]);
    assert_eq!(image["update_keys"].as_array().unwrap().len(), 1);

    computer.copy_from_esp(KERNEL, "kernel");
    let file = computer.folder().join("kernel");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    computer.copy_to_esp(KERNEL, "kernel");
    assert_eq!(shown(&disk)["image"]["kernel"]["signature"]["valid"], false);
    assert_eq!(shown(&disk)["image"]["boot_loader"]["signature"]["valid"], true);
}
