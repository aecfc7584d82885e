//! Extracts the image's kernel, command line and initrd from its unified kernel image, to start
//! them without firmware, with a scenario's files added to the initrd.

use std::fs;
use std::path::Path;

use pattern::uki;
use pattern_image::machine::qemu::Boot;

use crate::cpio::{self, Entry};
use crate::setting;

/// Writes kernel and initrd to `folder`. Returns how to start them, and the image's command line.
pub(crate) fn unpack(folder: &Path, overlay: &[Entry]) -> (Boot, String) {
    let image = setting::image().with_extension("efi");
    let file = fs::read(&image).expect("reading the unified kernel image beside PATTERN_IMAGE");
    let section = |name| match uki::section(&file, name) {
        Some(content) => content,
        None => panic!("{} has no {name}", image.display()),
    };
    // The kernel unpacks one archive after the other, each at a multiple of 4. Later files replace
    // earlier ones.
    let mut contents = section(".initrd").to_vec();
    contents.resize(contents.len().next_multiple_of(4), 0);
    contents.extend(cpio::pack(overlay));
    let (kernel, initrd) = (folder.join("kernel"), folder.join("initrd"));
    fs::write(&kernel, section(".linux")).expect("writing the kernel");
    fs::write(&initrd, contents).expect("writing the initrd");
    let words = String::from_utf8_lossy(section(".cmdline"));
    (Boot::Kernel { kernel, initrd }, words.trim_matches(['\0', '\n', ' ']).to_owned())
}
