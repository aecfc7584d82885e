//! The manual: its table of keys is the program's, and its examples are files of images that are there.

use std::fs;
use std::path::{Path, PathBuf};

use pattern::config::{Absent, KEYS, Key};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn default(key: &Key) -> String {
    match key.absent {
        Absent::Wrong => "required".to_owned(),
        Absent::Default(value) => format!("`{value}`"),
        Absent::Unset => "not set".to_owned(),
    }
}

/// The rows of a page's tables that begin with a key.
fn rows(page: &str) -> String {
    let text = fs::read_to_string(path(page)).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    rows.join("\n")
}

#[test]
fn the_table_in_the_manual_is_the_list_of_keys() {
    let expected = |row: &dyn Fn(&Key) -> String| KEYS.iter().map(row).collect::<Vec<_>>().join("\n");
    let long =
        |key: &Key| format!("| `{}` | {} | {} | {} |", key.path, key.kind.words(), default(key), key.help);
    assert_eq!(rows("docs/man/pattern.toml.5.md"), expected(&long));
}

/// The examples are images that scenarios boot.
#[test]
fn the_examples_of_ones_own_files_are_in_images_that_are_there() {
    let page = fs::read_to_string(path("docs/userspace.md")).unwrap();
    for (image, name) in [
        ("userspace", "mkosi.conf"),
        ("userspace", "mkosi.extra/usr/lib/sysctl.d/60-own.conf"),
        ("own-ways", "mkosi.extra/usr/lib/credstore/ssh.authorized_keys.root"),
        ("own-ways", "mkosi.extra/usr/lib/sysusers.d/me.conf"),
        ("own-ways", "mkosi.extra/usr/lib/tmpfiles.d/me.conf"),
        ("own-ways", "mkosi.postinst.chroot"),
    ] {
        let text = fs::read_to_string(path("vm-tests/images").join(image).join(name)).unwrap();
        let text = text.split_once("\n\n").map_or(text.as_str(), |(_, content)| content);
        let block: String = text.lines().map(|line| format!("    {line}\n")).collect();
        assert!(page.contains(&block), "{image}/{name} is not in docs/userspace.md:\n{block}");
    }
    let settings = fs::read_to_string(path("vm-tests/images/own-ways/mkosi.conf")).unwrap();
    let password = settings.lines().find(|line| line.starts_with("RootPassword=")).unwrap();
    assert!(page.contains(&format!("    {password}\n")), "{password}");
}
