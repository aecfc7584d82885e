use super::*;
use crate::boot::usr::UsrHash;
use crate::etc::Path;

fn mark(digit: u8) -> Mark {
    Mark::of(&UsrHash::parse(&digit.to_string().repeat(64)).unwrap(), &format!("0.0.{digit}"))
}

fn note(of: u8, trial: u8) -> Note {
    let path = |text: &str| Path::new(text).unwrap();
    let entries =
        vec![Entry { path: path("lib/app"), inode: Some(131) }, Entry { path: path("lib/a b"), inode: None }];
    Note { of: mark(of), trial: mark(trial), entries }
}

/// The machine between two boots, as far as it matters here.
#[derive(Default)]
struct Machine {
    started: Option<Mark>,
    copy: Option<Note>,
}

impl Machine {
    /// Starts a version, and does what is decided. `0` is nobody.
    fn start(&mut self, version: u8, on_trial: bool) -> Step {
        let running = mark(version);
        let found = self.copy.as_ref().map_or(Found::Nothing, Found::Copy);
        let step = decide(&Facts {
            running: &running,
            on_trial,
            started: self.started.as_ref(),
            found,
            asked: true,
        });
        match &step {
            Step::Nothing => {}
            Step::Copy(of) => self.copy = Some(Note { of: of.clone(), ..note(1, version) }),
            Step::PutBack | Step::Forget => self.copy = None,
        }
        self.started = Some(running);
        step
    }

    fn installed() -> Self {
        let mut machine = Self::default();
        assert_eq!(machine.start(1, false), Step::Nothing);
        machine
    }
}

#[test]
fn a_version_that_fails_three_times_gives_the_state_back_from_before_its_first_start() {
    let mut machine = Machine::installed();
    assert_eq!(machine.start(2, true), Step::Copy(mark(1)));
    assert_eq!([machine.start(2, true), machine.start(2, true)], [Step::Nothing, Step::Nothing]);
    assert_eq!(machine.start(1, false), Step::PutBack);
    assert_eq!(machine.start(1, false), Step::Nothing);
    // Two failed trials in a row: of another version, and of the same one again.
    assert_eq!(machine.start(3, true), Step::Copy(mark(1)));
    assert_eq!(machine.start(1, false), Step::PutBack);
    assert_eq!(machine.start(3, true), Step::Copy(mark(1)));
}

#[test]
fn a_version_that_was_found_to_be_good_keeps_its_state() {
    // The copy is removed after the verdict, or, if the power goes at that moment, at the next start.
    for is_cut in [false, true] {
        let mut machine = Machine::installed();
        machine.start(2, true);
        if is_cut {
            assert_eq!(machine.start(2, false), Step::Forget);
        } else {
            machine.copy = None;
        }
        assert_eq!(machine.start(2, false), Step::Nothing);
        // pattern rollback
        assert_eq!(machine.start(1, false), Step::Nothing);
    }
}

#[test]
fn a_person_who_chooses_the_version_before_during_the_trial_gets_its_state() {
    let mut machine = Machine::installed();
    machine.start(2, true);
    assert_eq!(machine.start(1, false), Step::PutBack);
    // What that version did meanwhile is copied before the next try.
    assert_eq!(machine.start(2, true), Step::Copy(mark(1)));
}

#[test]
fn a_copy_that_failed_is_not_made_later_of_what_the_trial_left() {
    let mut machine = Machine::installed();
    machine.start(2, true);
    machine.copy = None;
    assert_eq!(machine.start(2, true), Step::Nothing);
    assert_eq!(machine.start(1, false), Step::Nothing);
}

#[test]
fn a_version_on_trial_can_be_the_one_before_another_one() {
    let mut machine = Machine::installed();
    machine.start(2, true);
    assert_eq!(machine.start(3, true), Step::Copy(mark(2)));
    assert_eq!(machine.start(2, true), Step::PutBack);
}

#[test]
fn a_copy_of_two_other_versions_is_never_put_back() {
    let mut machine = Machine::installed();
    machine.start(2, true);
    assert_eq!(machine.start(3, false), Step::Forget);
    assert_eq!(machine.start(1, false), Step::Nothing);
}

#[test]
fn without_paths_or_without_a_version_before_nothing_is_copied() {
    let (running, started) = (mark(2), mark(1));
    let facts = Facts {
        running: &running,
        on_trial: true,
        started: Some(&started),
        found: Found::Nothing,
        asked: true,
    };
    assert_eq!(decide(&facts), Step::Copy(mark(1)));
    assert_eq!(decide(&Facts { asked: false, ..facts }), Step::Nothing);
    assert_eq!(decide(&Facts { on_trial: false, ..facts }), Step::Nothing);
    // A version from before pattern had this could not put it back.
    assert_eq!(decide(&Facts { started: None, ..facts }), Step::Nothing);
    assert_eq!(decide(&Facts { found: Found::Unread, ..facts }), Step::Copy(mark(1)));
    assert_eq!(decide(&Facts { found: Found::Unread, on_trial: false, ..facts }), Step::Forget);
}

#[test]
fn the_same_version_number_can_be_another_image() {
    let (running, mut machine) = (mark(2), Machine::installed());
    let rebuilt = Mark::of(&UsrHash::parse(&"4".repeat(64)).unwrap(), "0.0.1");
    machine.start(2, true);
    let copy = machine.copy.as_ref().map_or(Found::Nothing, Found::Copy);
    let facts =
        Facts { running: &rebuilt, on_trial: false, started: Some(&running), found: copy, asked: true };
    assert_eq!(decide(&facts), Step::Forget);
}

#[test]
fn a_note_is_read_as_it_was_written_and_nothing_else_is() {
    let note = note(1, 2);
    let text = note.bytes();
    assert!(text.ends_with(b" 0.0.2\n131 lib/app\n- lib/a b\n"), "{text:?}");
    assert_eq!(Note::parse(&text), Some(note.clone()));
    assert_eq!(note.shown(), "/var/lib/app, /var/lib/a b");
    let text = String::from_utf8(text).unwrap();
    for wrong in [
        text.trim_end().to_owned(),
        text.replace("131", "x"),
        text.replace("131", "-1"),
        text.replace("lib/app", "../etc"),
        text.replace("lib/app", "/etc"),
        text.replace("of ", ""),
        text.replace("trial ", "of "),
        format!("{text}\n"),
        String::new(),
    ] {
        assert_eq!(Note::parse(wrong.as_bytes()), None, "{wrong:?}");
    }
}

#[test]
fn a_twentieth_of_the_volume_stays_free() {
    let mib = 1 << 20;
    assert_eq!(room(1000 * mib, 150 * mib, 0, 100 * mib, false), Ok(()));
    let short = room(1000 * mib, 150 * mib, 1, 100 * mib, false).unwrap_err();
    assert_eq!(short.to_string(), "it needs 101 MiB, 150 MiB are free, and 50 MiB of them have to stay free");
    // Shared blocks cost nothing, names do.
    assert_eq!(room(1000 * mib, 51 * mib, 1024, 900 * mib, true), Ok(()));
    assert!(room(1000 * mib, 51 * mib, 1025, 0, true).is_err());
    assert!(room(u64::MAX, u64::MAX - 1, u64::MAX, u64::MAX, false).is_err());
}
