//! A folder as mkosi(1) describes it.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::host::temporary;

fn read(files: &[(&str, &str)]) -> Mkosi {
    let place = temporary::folder().unwrap();
    for (name, text) in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Mkosi::read(&place.path().join("image"))
}

fn packages(mkosi: &Mkosi) -> Vec<&str> {
    mkosi.packages().collect()
}

#[test]
fn settings_are_found_where_mkosi_finds_them() {
    let all = [
        "mkosi.conf",
        "mkosi.local.conf",
        "mkosi.conf.d/a.conf",
        "mkosi.conf.d/b/mkosi.conf",
        "mkosi.local/mkosi.conf",
    ];
    let files = all.map(|name| (format!("image/{name}"), format!("[Content]\nPackages={name}\n")));
    let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let mkosi = read(&files);
    assert_eq!(packages(&mkosi).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(all));
    assert!(!mkosi.hidden);
    // mkosi does not read these.
    let others =
        read(&[("image/other.conf", "[Content]\nPackages=x\n"), ("image/mkosi.conf.d/README", "Packages=x")]);
    assert!(packages(&others).is_empty() && !others.hidden);
}

#[test]
fn includes_are_followed_from_where_they_stand() {
    let mkosi = read(&[
        ("image/mkosi.conf", "[Include]\nInclude=../base,mkosi-vm\n"),
        ("image/mkosi.conf.d/more.conf", "[Include]\nInclude=shared.inc\n"),
        ("image/shared.inc", "[Content]\nVolatilePackages=shared\n"),
        ("base/mkosi.conf", "[Include]\nInclude=../image\n[Content]\nPackages=base\n"),
        ("base/mkosi.extra/etc/motd", "hello"),
    ]);
    assert_eq!(packages(&mkosi), ["base", "shared"]);
    let [file] = &mkosi.files[..] else { panic!("{:?}", mkosi.files) };
    assert_eq!((&*file.path, &*file.text), ("etc/motd", "hello"));
    assert!(file.from.ends_with("base/mkosi.extra/etc/motd"), "{file:?}");
    assert!(!mkosi.hidden);
}

#[test]
fn copied_files_have_their_place_in_the_image() {
    let mkosi = read(&[
        (
            "image/mkosi.conf",
            "[Content]\nExtraTrees=one.conf:/etc/one.conf\n        tree:/usr/lib\nSkeletonTrees=../other\n",
        ),
        ("image/one.conf", "1"),
        ("image/tree/systemd/two", "2"),
        ("other/usr/share/three", "3"),
        ("image/mkosi.extra/usr/bin/four", "4"),
    ]);
    let mut found: Vec<_> = mkosi.files.iter().map(|file| (&*file.path, &*file.text)).collect();
    found.sort();
    let expected =
        [("etc/one.conf", "1"), ("usr/bin/four", ""), ("usr/lib/systemd/two", "2"), ("usr/share/three", "")];
    assert_eq!(found, expected);
    assert!(!mkosi.hidden);
}

#[test]
fn scripts_that_change_the_image_are_read() {
    let mkosi = read(&[
        ("image/mkosi.conf", "[Content]\nPostInstallationScripts=own.sh\n"),
        ("image/own.sh", "own"),
        ("image/mkosi.finalize", "finalize"),
        ("image/mkosi.postinst.chroot", "postinst"),
        ("image/mkosi.build.d/one.sh", "build"),
        ("image/mkosi.clean", "clean"),
        ("image/mkosi.builddir", "builddir"),
    ]);
    let scripts: BTreeSet<_> = mkosi.scripts.iter().map(String::as_str).collect();
    assert_eq!(scripts, BTreeSet::from(["own", "finalize", "postinst", "build"]));
}

#[test]
fn what_can_not_be_looked_into_is_known() {
    let conf = |line: &'static str| [("image/mkosi.conf", line)];
    for files in [
        conf("[Include]\nInclude=%D/other\n"),
        conf("[Include]\nInclude=missing.conf\n"),
        conf("[Content]\nExtraTrees=%O/sub\n"),
        conf("[Content]\nPackageDirectories=debs\n"),
        conf("[Content]\nPostInstallationScripts=missing.sh\n"),
        [("image/mkosi.extra.tar", "")],
        [("image/mkosi.packages/x.deb", "")],
        [("image/mkosi.configure", "")],
    ] {
        assert!(read(&files).hidden, "{files:?}");
    }
    assert!(!read(&conf("[Content]\nPackages=x\n")).hidden);
}

#[test]
fn specifiers_of_folders_are_resolved_and_others_are_named() {
    let mkosi = read(&[
        ("image/mkosi.conf", "[Content]\nExtraTrees=%D/one:/usr/%i,keys/%i:/usr\nPackages=%i\n"),
        (
            "image/mkosi.conf.d/a/mkosi.conf",
            "[Include]\nInclude=%D/../base\n[Content]\nSkeletonTrees=%C/two,~/x\n",
        ),
        ("image/one/1", ""),
        ("image/mkosi.conf.d/a/two/2", ""),
        ("base/mkosi.conf", "[Content]\nExtraTrees=%D/three\n"),
        ("image/three/3", ""),
    ]);
    let found: BTreeSet<_> = mkosi.files.iter().map(|file| &*file.path).collect();
    assert_eq!(found, BTreeSet::from(["usr/%i/1", "2", "3"]));
    let unresolved: Vec<_> = mkosi.unresolved.iter().map(|one| (&*one.setting, &*one.unknown)).collect();
    assert_eq!(unresolved, [("ExtraTrees=keys/%i:/usr", "%i"), ("SkeletonTrees=~/x", "~")]);
}

#[test]
fn a_root_password_may_have_a_file_of_its_own() {
    let mkosi = read(&[("image/mkosi.rootpw", "secret")]);
    assert_eq!(mkosi.settings, [("RootPassword".to_owned(), "mkosi.rootpw".to_owned())]);
}
