//! What the tests run with: the image, the tools tree, and the folder for machines.

use std::env;
use std::path::{Path, PathBuf};

use pattern_image::host::tree::Tools;
use pattern_image::machine::programs::Programs;

/// Returns the base image of the machines. It is a debug image: root is logged in on the serial
/// console.
pub(crate) fn image() -> PathBuf {
    let image = env::var_os("PATTERN_IMAGE").map(PathBuf::from);
    let image = image.expect("set PATTERN_IMAGE to the .raw file that `pattern build demo` made");
    assert!(image.is_file(), "PATTERN_IMAGE={}: there is no such file", image.display());
    image
}

/// Returns another image's first version, with `debug = false`.
pub(crate) fn image_of(id: &str) -> PathBuf {
    let image = build().join(format!("images/{id}_0.0.1/{id}_0.0.1.raw"));
    assert!(image.is_file(), "{} is missing: `pattern build vm-tests/images/{id}` makes it", image.display());
    image
}

/// Returns the first version of the image with `debug = false`: that of Debian testing if `PATTERN_RELEASE` is `testing`.
pub(crate) fn production() -> PathBuf {
    match env::var_os("PATTERN_RELEASE") {
        None => image_of("production"),
        Some(release) => {
            assert_eq!(release, "testing", "PATTERN_RELEASE");
            let image = build().join("images/production_0.0.1-testing/production_0.0.1-testing.raw");
            assert!(image.is_file(), "{} is missing: `make attacks-testing` makes it", image.display());
            image
        }
    }
}

/// Returns the demonstration of Debian testing.
pub(crate) fn testing() -> PathBuf {
    let image = build().join("images/demo_0.0.1-testing/demo_0.0.1-testing.raw");
    assert!(image.is_file(), "{} is missing: `make build/releases/testing` makes it", image.display());
    image
}

/// Returns the stub that add-ons of kernel images are made from, from the packages of the image
/// with `debug = false` that mkosi unpacked.
pub(crate) fn add_on_stub() -> PathBuf {
    let cache = build().join("images/.cache/production");
    let trees =
        std::fs::read_dir(&cache).unwrap_or_else(|error| panic!("reading {}: {error}", cache.display()));
    let stubs = trees.flatten().map(|tree| tree.path().join("usr/lib/systemd/boot/efi/addonx64.efi.stub"));
    let stub = stubs.into_iter().find(|path| path.is_file());
    stub.unwrap_or_else(|| {
        panic!("no stub for add-ons in {}: `make production` puts it there", cache.display())
    })
}

/// Returns the stock system that attacks are also run on, with Debian's packages of this name.
pub(crate) fn stock_image(id: &str) -> PathBuf {
    build().join(format!("images/{id}_0.0.1/{id}_0.0.1.raw"))
}

/// Returns the folder of signed releases, with one folder for each.
pub(crate) fn releases() -> PathBuf {
    build().join("releases")
}

/// Returns the GnuPG home with the key that the demonstration's images trust.
pub(crate) fn keyring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo-gpg")
}

/// Returns its public keys.
pub(crate) fn pubring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo-pubring.pgp")
}

/// Returns the demonstration's certificate for Secure Boot, which the firmware of scenarios trusts
/// once it is enrolled.
pub(crate) fn certificate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo-keys/secure-boot.crt")
}

/// Returns QEMU, its firmware and swtpm. `PATTERN_TOOLS` names another tools tree than
/// `build/tools`.
pub(crate) fn programs() -> Programs {
    let tools = env::var_os("PATTERN_TOOLS").map_or_else(|| build().join("tools"), PathBuf::from);
    Programs::find(&Tools::At(tools)).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Returns the folder of the host's programs that `make dist` installed.
pub(crate) fn installed() -> PathBuf {
    build().join("dist/usr/bin").canonicalize().expect("finding what `make dist` installed")
}

/// Returns the tools tree of this checkout.
pub(crate) fn tools() -> PathBuf {
    build().join("tools").canonicalize().expect("finding the tools tree that `make image` made")
}

/// Returns the folder for machines and their logs.
pub(crate) fn machines() -> PathBuf {
    build().join("vm")
}

fn build() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../build")
}
