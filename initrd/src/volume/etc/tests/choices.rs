//! A person settles conflicts, and undoes that.

use pattern::etc;
use pattern_machine::tree::at;

use super::super::choices::Choices;
use super::*;

fn path(text: &str) -> etc::Path {
    etc::Path::new(text).unwrap()
}

impl Machine {
    fn choices(&self, version: u8) -> Choices {
        Choices::of(self.layout(version), mark(version)).unwrap()
    }

    /// The conflicts that wait for a person.
    fn waiting(&self, version: u8) -> Vec<String> {
        let open = self.choices(version).conflicts().unwrap();
        open.iter().map(|open| open.noted.path.to_string()).collect()
    }

    fn history(&self, version: u8) -> Vec<String> {
        self.choices(version).history().unwrap().iter().map(|entry| entry.event.to_string()).collect()
    }
}

/// In version 2, with conflicts about a file that both changed, one that version 2 removed, and one that the owner removed.
fn conflicts(name: &str) -> Machine {
    let mut machine = Machine::installed(name);
    put(&machine.etc(), "nanorc", "mine");
    put(&machine.etc(), "old/x", "mine");
    fs::remove_file(machine.etc().join("motd")).unwrap();
    put(&machine.etc(), "own", "mine");
    machine.boot(2);
    assert_eq!(machine.waiting(2), ["motd", "nanorc", "old/x"]);
    machine
}

#[test]
fn the_images_is_taken_and_the_machines_comes_back() {
    if !is_root() {
        return;
    }
    let machine = conflicts("take");
    let before = machine.tree();
    for (at, text) in [("nanorc", Some("2")), ("motd", Some("2")), ("old/x", None)] {
        machine.choices(2).take(&path(at)).unwrap();
        assert_eq!(machine.text(at).as_deref(), text);
    }
    assert_eq!((machine.waiting(2), machine.text("own")), (vec![], Some("mine".into())));
    assert!(machine.etc().join("old").is_dir());
    for at in ["old/x", "motd", "nanorc"] {
        assert_eq!(machine.choices(2).undo().unwrap(), path(at));
    }
    assert_eq!((machine.tree(), machine.waiting(2).len()), (before, 3));
    let error = machine.choices(2).undo().unwrap_err().to_string();
    assert!(error.starts_with("nothing was taken or kept since this version was started"), "{error}");
    assert_eq!(
        machine.history(2)[1..],
        [
            "brought from 0.0.1 (11111111) to 0.0.2 (22222222): 6 taken, 1 removed, 7 directories made; 3 conflicts",
            "the image's taken: /etc/nanorc",
            "the image's taken: /etc/motd",
            "the image's taken: /etc/old/x",
            "undone: /etc/old/x",
            "undone: /etc/motd",
            "undone: /etc/nanorc",
        ]
    );
}

#[test]
fn a_choice_for_the_machines_is_remembered_until_the_image_changes_it_again() {
    if !is_root() {
        return;
    }
    let mut machine = conflicts("keep");
    machine.choices(2).keep(&path("nanorc")).unwrap();
    machine.choices(2).keep(&path("old")).unwrap();
    assert_eq!(machine.waiting(2), ["motd"]);
    let error = machine.choices(2).keep(&path("nanorc")).unwrap_err().to_string();
    assert_eq!(error, "/etc/nanorc: no conflict is open there; to list them: pattern etc conflicts");
    copy(&machine.image(2), &machine.image(3));
    put(&machine.image(3), "nanorc", "3");
    machine.boot(3);
    assert_eq!(
        (machine.waiting(3), machine.text("nanorc").unwrap()),
        (vec!["motd".into(), "nanorc".into()], "mine".into())
    );
}

/// `cp` is a way, too.
#[test]
fn nobody_is_asked_about_what_is_the_images_by_now() {
    if !is_root() {
        return;
    }
    let machine = conflicts("alike");
    fs::copy(machine.image(2).join("nanorc"), machine.etc().join("nanorc")).unwrap();
    put(&machine.etc(), "motd", "2");
    assert_eq!(machine.waiting(2), ["old/x"]);
}

#[test]
fn a_change_after_a_choice_is_not_lost() {
    if !is_root() {
        return;
    }
    let machine = conflicts("later");
    machine.choices(2).take(&path("nanorc")).unwrap();
    put(&machine.etc(), "nanorc", "later");
    let error = machine.choices(2).undo().unwrap_err().to_string();
    assert!(error.starts_with("/etc/nanorc was changed since the image's was taken"), "{error}");
    assert_eq!(machine.text("nanorc").unwrap(), "later");
    put(&machine.etc(), "nanorc", "2");
    machine.choices(2).undo().unwrap();
    assert_eq!(machine.text("nanorc").unwrap(), "mine");
}

#[test]
fn a_directory_that_the_owner_removed_comes_back_with_what_is_taken() {
    if !is_root() {
        return;
    }
    let machine = conflicts("above");
    remove(&machine.etc().join("sub")).unwrap();
    machine.choices(2).take(&path("sub/deep/er/x")).unwrap();
    assert_eq!(machine.text("sub/deep/er/x").unwrap(), "2");
    machine.choices(2).undo().unwrap();
    assert_eq!(at(&machine.etc(), &path("sub")).unwrap(), None);
}

#[test]
fn what_was_taken_goes_with_its_version_and_no_choice_changes_a_refused_path() {
    if !is_root() {
        return;
    }
    let mut machine = conflicts("refused");
    machine.choices(2).take(&path("nanorc")).unwrap();
    let before = machine.tree();
    for (at, why) in [
        ("passwd", "users and groups of this machine would be lost"),
        ("machine-id", "it is another one on each machine"),
        ("own", "the image does not have it"),
        ("nowhere", "neither this machine nor the image has it"),
    ] {
        let error = machine.choices(2).take(&path(at)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("/etc/{at}: {why}")), "{error}");
    }
    assert_eq!(machine.tree(), before);
    copy(&machine.image(2), &machine.image(3));
    machine.boot(3);
    let error = machine.choices(3).undo().unwrap_err().to_string();
    assert!(error.starts_with("nothing was taken or kept"), "{error}");
    // Version 3 did not start: its /etc is not in use.
    let error = Choices::of(machine.layout(2), mark(2)).err().unwrap().to_string();
    assert!(
        error.starts_with("/etc is that of 0.0.3 (33333333), and could not be brought to 0.0.2 (22222222)"),
        "{error}"
    );
}

/// The journal can't be written when the disk is full.
#[test]
fn a_choice_that_can_not_be_noted_changes_nothing() {
    if !is_root() {
        return;
    }
    let machine = conflicts("unnoted");
    let before = machine.tree();
    let way = machine.own().join("journal.new");
    fs::create_dir(&way).unwrap();
    let error = format!("{:#}", machine.choices(2).take(&path("nanorc")).unwrap_err());
    assert!(error.contains("writing ") && error.contains("journal"), "{error}");
    assert_eq!((machine.tree(), machine.waiting(2).len()), (before, 3));
    fs::remove_dir(&way).unwrap();
    machine.choices(2).take(&path("nanorc")).unwrap();
    let taken = machine.tree();
    fs::create_dir(&way).unwrap();
    machine.choices(2).undo().unwrap_err();
    assert_eq!(machine.tree(), taken);
    fs::remove_dir(&way).unwrap();
    machine.choices(2).undo().unwrap();
    assert_eq!(machine.text("nanorc").unwrap(), "mine");
}

/// Between the exchange and the note.
#[test]
fn after_a_power_cut_the_next_choice_does_not_remove_what_was_put_aside() {
    if !is_root() {
        return;
    }
    let machine = conflicts("unknown");
    let journal = fs::read(machine.own().join("journal")).unwrap();
    machine.choices(2).take(&path("nanorc")).unwrap();
    fs::write(machine.own().join("journal"), journal).unwrap();
    machine.choices(2).take(&path("motd")).unwrap();
    let aside = machine.own().join(mark(2).id()).join("taken-1/nanorc");
    assert_eq!(fs::read_to_string(aside).unwrap(), "mine");
    assert_eq!(machine.choices(2).undo().unwrap(), path("motd"));
}

/// A program enables a unit while a directory is being taken.
#[test]
fn what_is_written_while_the_images_is_taken_is_not_lost() {
    if !is_root() {
        return;
    }
    let machine = conflicts("race");
    put(&machine.etc(), "systemd/own", "mine");
    put(&machine.etc(), "systemd/system/multi-user.target.wants/a.service", "mine");
    let choices = machine.choices(2);
    let prepared = choices.prepare(&path("systemd")).unwrap();
    put(&machine.etc(), "systemd/later", "mine");
    let error = format!("{:#}", choices.carry_out(&path("systemd"), prepared).unwrap_err());
    assert_eq!(error, "/etc/systemd changes at this moment; try again");
    assert_eq!(machine.text("systemd/later").unwrap(), "mine");
    choices.take(&path("systemd")).unwrap();
    assert_eq!(
        (machine.text("systemd/later").unwrap(), machine.text("systemd/own").unwrap()),
        ("mine".into(), "mine".into())
    );
}
