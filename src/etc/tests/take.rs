//! Taking the image's for a path loses nothing that only the machine has.

use crate::etc::tests::sample::{owned, path, tree, with, without};
use crate::etc::{Refusal, Taking, Tree, is_as_taken, take};

fn image() -> Tree {
    tree(&[
        ("nanorc", "2"),
        ("ssh/sshd_config", "2"),
        ("ssh/ssh_host_rsa_key", "2"),
        ("passwd", "root"),
        ("d/e/f", "2"),
        ("link", "-> 2"),
    ])
}

/// Takes it, and puts it where it belongs.
fn taken(mine: &Tree, at: &str, withdrawn: bool) -> Result<Tree, Refusal> {
    let Taking { at, tree } = take(mine, &image(), &path(at), withdrawn)?;
    // It is a tree by itself, so it can be made by itself.
    let mut made = Tree::default();
    tree.iter().for_each(|(path, node)| made.insert(path.clone(), node.clone()).unwrap());
    Ok(mine.with(&at, &tree))
}

#[test]
fn a_path_becomes_the_images_and_nothing_else_changes() {
    let mine = with(with(image(), "nanorc", "mine"), "own", "mine");
    assert_eq!(taken(&mine, "nanorc", false).unwrap(), with(image(), "own", "mine"));
    let mine = with(without(&image(), "link"), "link/x", "mine");
    assert_eq!(taken(&mine, "link", false).unwrap(), image());
    // The machine has a file where the image has a directory.
    let mine = with(without(&image(), "d"), "d", "mine");
    assert_eq!(taken(&mine, "d", false).unwrap(), image());
    let mine = owned(image(), "nanorc", 0, 0, 0o600);
    assert_eq!(taken(&mine, "nanorc", false).unwrap(), image());
}

#[test]
fn what_only_the_machine_has_in_a_directory_stays() {
    let mine = with(with(image(), "ssh/sshd_config", "mine"), "ssh/ssh_host_rsa_key", "mine");
    let mine = with(mine, "ssh/sshd_config.d/own", "mine");
    assert_eq!(taken(&mine, "ssh", false).unwrap(), with(mine, "ssh/sshd_config", "2"));
}

#[test]
fn directories_above_come_along() {
    for gone in ["d", "d/e", "d/e/f"] {
        assert_eq!(taken(&without(&image(), gone), "d/e/f", false).unwrap(), image(), "{gone}");
    }
}

#[test]
fn a_file_of_an_earlier_version_is_removed() {
    let mine = with(image(), "ssh/old", "mine");
    assert_eq!(taken(&mine, "ssh/old", true).unwrap(), image());
    assert_eq!(taken(&mine, "ssh/old", false), Err(Refusal::Own));
}

#[test]
fn what_would_lose_something_or_change_nothing_is_refused() {
    let mine = with(with(with(without(&image(), "d"), "d", "mine"), "passwd", "root me"), "machine-id", "1");
    for (at, refusal) in [
        ("nowhere", Refusal::Unknown),
        ("nanorc/x", Refusal::Unknown),
        ("machine-id", Refusal::Machines),
        ("ssh/ssh_host_rsa_key", Refusal::Machines),
        ("passwd", Refusal::Accounts),
        ("d/e/f", Refusal::Behind(path("d"))),
        ("nanorc", Refusal::Same),
        ("ssh", Refusal::Same),
    ] {
        assert_eq!(taken(&mine, at, true), Err(refusal), "{at}");
    }
}

#[test]
fn what_was_changed_since_it_was_taken_is_known() {
    let mine = with(with(image(), "nanorc", "mine"), "own", "mine");
    let Taking { at, tree } = take(&mine, &image(), &path("nanorc"), false).unwrap();
    let now = mine.with(&at, &tree);
    let is_as_taken = |now: &Tree| is_as_taken(now, &mine, &image(), &path("nanorc"), &at);
    assert!(is_as_taken(&now));
    // Something else was changed.
    assert!(is_as_taken(&with(now.clone(), "own", "later")));
    for later in
        [with(now.clone(), "nanorc", "later"), without(&now, "nanorc"), owned(now, "nanorc", 0, 0, 0o600)]
    {
        assert!(!is_as_taken(&later), "{later:?}");
    }
}
