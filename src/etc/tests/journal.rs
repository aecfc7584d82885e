//! Conflicts stay open until somebody settles them, or the version that brought them is left.

use serde_json::json;

use crate::boot::usr::UsrHash;
use crate::etc::tests::sample::{first, path, tree, with};
use crate::etc::{Event, Journal, Mark, Unknown, reminder};

fn mark(version: u8) -> Mark {
    Mark::of(&UsrHash::parse(&version.to_string().repeat(64)).unwrap(), &format!("0.0.{version}"))
}

/// Both sides had changed these paths.
fn brought(from: u8, to: u8, paths: &[&str]) -> Event {
    let with_all = |text| paths.iter().fold(tree(&[]), |tree, path| with(tree, path, text));
    let plan = first(&with_all("1"), &with_all("mine"), &with_all("2"));
    assert_eq!(plan.conflicts.len(), paths.len());
    Event::brought(&mark(from), &mark(to), from > to, &plan)
}

fn kept(at: &str) -> Event {
    Event::Kept { path: path(at) }
}

/// Each event, with the mark of the tree that it happens to.
fn journal(events: Vec<(u8, Event)>) -> Journal {
    events.into_iter().enumerate().fold(Journal::default(), |journal, (at, (version, event))| {
        journal.with(Some(&mark(version)), at as u64, event)
    })
}

fn open(journal: &Journal, version: u8) -> Vec<String> {
    let open = journal.open(&mark(version));
    open.iter().map(|open| format!("{} {}", open.noted.path, open.since.version())).collect()
}

#[test]
fn conflicts_are_open_over_versions_until_a_person_chooses() {
    let journal = journal(vec![
        (1, brought(1, 2, &["a", "b", "ssh/c"])),
        (2, kept("b")),
        (2, brought(2, 3, &["b", "d"])),
    ]);
    // A choice is about what a version brought: version 3 changed b once more.
    assert_eq!(open(&journal, 3), ["a 0.0.2", "b 0.0.3", "d 0.0.3", "ssh/c 0.0.2"]);
    let chosen = journal.with(Some(&mark(3)), 9, kept("ssh")).with(Some(&mark(3)), 9, kept("d"));
    assert_eq!(open(&chosen, 3), ["a 0.0.2", "b 0.0.3"]);
    assert_eq!(Journal::parse(&chosen.text()), chosen);
}

#[test]
fn a_choice_is_undone_and_the_one_before_it_too() {
    let took = Event::Took { path: path("a"), at: path("a"), number: 1 };
    let mut journal = journal(vec![(1, brought(1, 2, &["a", "b"])), (2, took), (2, kept("b"))]);
    assert_eq!((open(&journal, 2), journal.free_number()), (vec![], 2));
    for (undone, number, left) in [("b", None, &["b 0.0.2"][..]), ("a", Some(1), &["a 0.0.2", "b 0.0.2"])] {
        let last = journal.last(&mark(2)).unwrap();
        assert_eq!((last.path.clone(), last.took.map(|took| took.1)), (path(undone), number));
        journal = journal.with(Some(&mark(2)), 9, Event::Undid { path: last.path });
        assert_eq!(open(&journal, 2), left);
    }
    assert_eq!(journal.last(&mark(2)), None);
}

/// What was there before it was taken is kept with its version only.
#[test]
fn no_choice_is_undone_after_another_version_was_started() {
    let journal = journal(vec![(1, brought(1, 2, &["a"])), (2, kept("a")), (2, brought(2, 3, &["b"]))]);
    assert_eq!((journal.last(&mark(3)), open(&journal, 3)), (None, vec!["b 0.0.3".to_owned()]));
}

#[test]
fn the_way_back_closes_what_the_newer_version_brought_and_nothing_else() {
    let journal = journal(vec![
        (1, brought(1, 2, &["a"])),
        (2, brought(2, 3, &["a", "b"])),
        (3, brought(3, 2, &["c"])),
    ]);
    assert_eq!(open(&journal, 2), ["a 0.0.2", "c 0.0.2"]);
}

/// An entry is written before the trees are exchanged.
#[test]
fn what_a_power_cut_kept_from_happening_did_not_happen() {
    let cut = Journal::default().with(None, 0, Event::noted(&mark(1), None));
    let cut = cut.with(Some(&mark(1)), 1, brought(1, 2, &["a"]));
    assert_eq!((open(&cut, 1), cut.happened(Some(&mark(1))).len()), (vec![], 1));
    assert_eq!(open(&cut, 2), ["a 0.0.2"]);
    // The next boot does it again, or another version is started.
    assert_eq!(open(&cut.with(Some(&mark(1)), 2, brought(1, 2, &["a"])), 2), ["a 0.0.2"]);
    let other = cut.with(Some(&mark(1)), 2, brought(1, 3, &["b"]));
    assert_eq!((open(&other, 3), other.happened(Some(&mark(3))).len()), (vec!["b 0.0.3".to_owned()], 2));
    assert_eq!(
        other.with(Some(&mark(3)), 3, kept("b")).text().iter().filter(|byte| **byte == b'\n').count(),
        3
    );
}

#[test]
fn damaged_lines_are_left_out_and_the_oldest_go_first() {
    let whole = journal(vec![(1, brought(1, 2, &["a"])), (2, kept("a"))]);
    let damaged =
        [&b"\xff\n{}\n"[..], &whole.text(), b"{\"at\":1,\"event\":{\"kept\":{\"path\":\"../x\"}}}\n{\"at\":"]
            .concat();
    assert_eq!(Journal::parse(&damaged), whole);
    assert_eq!(Journal::parse(b""), Journal::default());
    let many = (0..600).fold(Journal::default(), |journal, at| journal.with(None, at, kept("a")));
    let first = many.happened(None).first().map(|entry| entry.at);
    assert_eq!((many.happened(None).len(), first), (500, Some(100)));
}

/// `for file in ...; do pattern etc take $file; done`
#[test]
fn a_conflict_stays_open_however_many_others_are_settled() {
    let names: Vec<String> = (0..520).map(|number| format!("a/{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut journal = journal(vec![(1, brought(1, 2, &["b"])), (2, brought(2, 3, &names)), (3, kept("b"))]);
    for name in names.iter().skip(1) {
        journal = journal.with(Some(&mark(3)), 9, kept(name));
    }
    assert_eq!(open(&journal, 3), ["a/0 0.0.3"]);
    journal = journal.with(Some(&mark(3)), 9, Event::Undid { path: path("a/519") });
    assert_eq!(open(&journal, 3), ["a/0 0.0.3", "a/519 0.0.3"]);
    // What nobody needs goes.
    let last = (0..520).fold(journal, |journal, at| journal.with(Some(&mark(3)), at, kept("a")));
    assert!(open(&last, 3).is_empty());
    assert!(last.happened(Some(&mark(3))).len() <= 500);
}

/// An update that fails is tried again, and each time the way back has the same conflict.
#[test]
fn a_conflict_that_a_version_brings_again_is_one() {
    let journal =
        journal(vec![(2, brought(2, 1, &["a"])), (1, brought(1, 2, &["b"])), (2, brought(2, 1, &["a"]))]);
    assert_eq!(open(&journal, 1), ["a 0.0.1"]);
}

#[test]
fn a_journal_is_never_longer_than_what_is_read_of_it() {
    let names: Vec<String> = (0..1000).map(|number| format!("a/{number}{}", "x".repeat(300))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (odd, even) = (brought(1, 2, &names), brought(2, 1, &names));
    let mut journal = Journal::default();
    for at in 0..16 {
        let (event, version) = if at % 2 == 0 { (odd.clone(), 1) } else { (even.clone(), 2) };
        journal = journal.with(Some(&mark(version)), at, event);
    }
    // What is open, and what fits beside it.
    assert!(journal.text().len() <= 6 << 20);
    assert_eq!(open(&journal, 1).len(), 1000);
}

#[test]
fn events_are_told_in_a_line() {
    let lines = [
        Event::noted(&mark(1), None),
        Event::noted(&mark(1), Some(Unknown::Lost)),
        brought(1, 2, &["a"]),
        brought(2, 1, &["a", "b"]),
        Event::Took { path: path("a\nb"), at: path("a\nb"), number: 1 },
        kept("a"),
        Event::Undid { path: path("a") },
    ]
    .map(|event| event.to_string());
    assert_eq!(
        lines,
        [
            "made as that of 0.0.1 (11111111)",
            "counts as that of 0.0.1 (11111111) from now on: the image's own of the version before is not kept any more, or is damaged",
            "brought from 0.0.1 (11111111) to 0.0.2 (22222222): nothing changes; 1 conflict",
            "brought back from 0.0.2 (22222222) to 0.0.1 (11111111): nothing changes; 2 conflicts",
            "the image's taken: /etc/a\\u{a}b",
            "the machine's kept: /etc/a",
            "undone: /etc/a",
        ]
    );
}

#[test]
fn programs_get_objects_and_people_how_long_ago_it_was() {
    let journal = journal(vec![(1, brought(1, 2, &["a"]))]);
    let entry = journal.happened(Some(&mark(2)))[0];
    assert_eq!(entry.line(7200), format!("2 hours ago      {}", entry.event));
    let conflict = json!({
        "path": "/etc/a",
        "reason": "content",
        "message": "changed on this machine and in the image; the machine's stays",
    });
    assert_eq!(
        entry.json(),
        json!({
            "time": 0, "event": "brought", "from": "0.0.1", "to": "0.0.2", "message": "nothing changes",
            "conflicts": [conflict],
        })
    );
    let mut open = conflict;
    open["since"] = "0.0.2".into();
    assert_eq!(journal.open(&mark(2))[0].json(), open);
}

#[test]
fn a_conflict_is_settled_once_the_machine_has_the_images() {
    use crate::etc::tests::sample::owned;
    let journal = journal(vec![(1, brought(1, 2, &["a"]))]);
    let open = journal.open(&mark(2)).remove(0);
    let image = tree(&[("a", "2")]);
    let at = path("a");
    for (mine, settled) in [
        (tree(&[("a", "mine")]), false),
        (tree(&[("a", "2")]), true),
        (tree(&[]), false),
        (tree(&[("a", "-> 2")]), false),
        (owned(tree(&[("a", "2")]), "a", 900, 900, 0o644), true),
        (owned(tree(&[("a", "2")]), "a", 0, 0, 0o600), false),
    ] {
        assert_eq!(open.is_settled(mine.get(&at), image.get(&at)), settled, "{mine:?}");
    }
    assert!(open.is_settled(None, None));
    let said = |count| reminder(&vec![open.clone(); count]);
    assert_eq!((said(0), said(1), said(2)), (None, said(2), said(1)));
    assert_eq!(
        said(1).unwrap(),
        "1 file of /etc was changed on this machine and by an update. What to do: pattern etc conflicts"
    );
    let mut attribute = open;
    attribute.noted.about = "attribute".to_owned();
    let mine = owned(tree(&[("a", "2")]), "a", 900, 900, 0o644);
    assert!(!attribute.is_settled(mine.get(&at), image.get(&at)));
}
