//! `pattern burn` reads the configuration of the system that it burned, and warns of an address for updates that was for a trial.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use pattern_vm_tests::Computer;

#[test]
fn burn() {
    let computer = Computer::new("burn");
    let other = computer.folder().join("other.raw");
    File::create(&other).expect("a file").set_len(8 << 30).expect("a sparse file");
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build");
    let mut burn = Command::new(build.join("dist/usr/bin/pattern"));
    burn.arg("burn")
        .args([computer.folder().join("disk.raw"), other])
        .arg("--tools")
        .arg(build.join("tools"));
    let burned = burn.output().expect("starting pattern burn");
    let said = String::from_utf8_lossy(&burned.stderr);
    assert!(burned.status.success(), "{said}");
    let last = said.lines().last().unwrap_or_default();
    let expected = "warning: this system takes updates from http://10.0.2.100:8000, which only machines of `pattern run` reach";
    assert!(last.starts_with(expected), "{said}");
}
