//! What the real systemd-sysupdate does with the states of a machine, and what pattern says of them: no VM, seconds.
//! `PATTERN_SYSTEMD` names another tree than `build/tools/tree`, such as one of Debian testing.

mod parts;
mod reach;
mod rig;

use pattern::update::next::Step;
use pattern::update::outlook::Outlook;
use rig::{Rig, ok};

/// A machine, what is offered to it, and what follows.
struct Case {
    running: &'static str,
    files: &'static [&'static str],
    slots: [&'static str; 2],
    offered: &'static [&'static str],
    /// What systemd-sysupdate would install.
    newest: Option<&'static str>,
    /// The files after that, or the same ones.
    after: &'static [&'static str],
    slots_after: [&'static str; 2],
}

/// A running version, and a state of the other one.
const CASES: [Case; 14] = [
    // A fresh machine.
    Case {
        running: "1",
        files: &["demo_1.efi"],
        slots: ["1", ""],
        offered: &["1", "2"],
        newest: Some("2"),
        after: &["demo_1.efi", "demo_2+3-0.efi"],
        slots_after: ["1", "2"],
    },
    Case {
        running: "1",
        files: &["demo_1.efi"],
        slots: ["1", ""],
        offered: &["1"],
        newest: None,
        after: &["demo_1.efi"],
        slots_after: ["1", ""],
    },
    // The newest of several, by version and not by name.
    Case {
        running: "1.9",
        files: &["demo_1.9.efi"],
        slots: ["1.9", ""],
        offered: &["1.8", "1.10", "1.11"],
        newest: Some("1.11"),
        after: &["demo_1.11+3-0.efi", "demo_1.9.efi"],
        slots_after: ["1.9", "1.11"],
    },
    // The older version gives way.
    Case {
        running: "2",
        files: &["demo_1.efi", "demo_2.efi"],
        slots: ["1", "2"],
        offered: &["3"],
        newest: Some("3"),
        after: &["demo_2.efi", "demo_3+3-0.efi"],
        slots_after: ["3", "2"],
    },
    // The running version never does, even if it is the older one.
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2.efi"],
        slots: ["1", "2"],
        offered: &["3"],
        newest: Some("3"),
        after: &["demo_1.efi", "demo_3+3-0.efi"],
        slots_after: ["1", "3"],
    },
    // A version that waits for its first boot is superseded.
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+3-0.efi"],
        slots: ["1", "2"],
        offered: &["3"],
        newest: Some("3"),
        after: &["demo_1.efi", "demo_3+3-0.efi"],
        slots_after: ["1", "3"],
    },
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+3-0.efi"],
        slots: ["1", "2"],
        offered: &["2"],
        newest: None,
        after: &["demo_1.efi", "demo_2+3-0.efi"],
        slots_after: ["1", "2"],
    },
    // What failed is not taken again, and gives way to what is newer.
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+0-3.efi"],
        slots: ["1", "2"],
        offered: &["1", "2"],
        newest: None,
        after: &["demo_1.efi", "demo_2+0-3.efi"],
        slots_after: ["1", "2"],
    },
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+0-3.efi"],
        slots: ["1", "2"],
        offered: &["2", "3"],
        newest: Some("3"),
        after: &["demo_1.efi", "demo_3+3-0.efi"],
        slots_after: ["1", "3"],
    },
    // So is what was put aside.
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+0-0.efi"],
        slots: ["1", "2"],
        offered: &["1", "2"],
        newest: None,
        after: &["demo_1.efi", "demo_2+0-0.efi"],
        slots_after: ["1", "2"],
    },
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_2+0-0.efi"],
        slots: ["1", "2"],
        offered: &["3"],
        newest: Some("3"),
        after: &["demo_1.efi", "demo_3+3-0.efi"],
        slots_after: ["1", "3"],
    },
    // Partitions without their kernel image: an update that was cut before its end.
    Case {
        running: "1",
        files: &["demo_1.efi"],
        slots: ["1", "2"],
        offered: &["2"],
        newest: Some("2"),
        after: &["demo_1.efi", "demo_2+3-0.efi"],
        slots_after: ["1", "2"],
    },
    // A kernel image without its partitions, as somebody may have copied it there.
    Case {
        running: "1",
        files: &["demo_1.efi", "demo_9.efi"],
        slots: ["1", ""],
        offered: &["2"],
        newest: Some("2"),
        after: &["demo_1.efi", "demo_2+3-0.efi"],
        slots_after: ["1", "2"],
    },
    // A power cut within a renaming left the running version under two names.
    Case {
        running: "2",
        files: &["demo_1.efi", "demo_2+2-1.efi", "demo_2.efi"],
        slots: ["1", "2"],
        offered: &["3"],
        newest: Some("3"),
        after: &["demo_2+2-1.efi", "demo_2.efi", "demo_3+3-0.efi"],
        slots_after: ["3", "2"],
    },
];

fn labels(slots: [&str; 2]) -> Vec<String> {
    let label =
        |part: &str, slot: &str| if slot.is_empty() { "_empty".to_owned() } else { format!("{part}-{slot}") };
    slots.iter().flat_map(|slot| ["verity", "usr"].map(|part| label(part, slot))).collect()
}

#[test]
fn each_state_is_updated_or_left_alone() {
    for case in &CASES {
        let about = format!("{} runs, {:?}, {:?} offered", case.running, case.files, case.offered);
        let rig = Rig::new(case.running, case.files, case.slots);
        rig.publish(case.offered);
        assert_eq!(rig.newest().as_deref(), case.newest, "{about}");
        if let Some(version) = case.newest {
            ok(&rig.sysupdate(&["update", version]));
            // FAT would keep the firmware from renaming it, where its mount options have no execute bits.
            assert!(!rig.is_read_only(&format!("demo_{version}+3-0.efi")), "{about}");
        }
        assert_eq!(rig.files(), case.after, "{about}");
        assert_eq!(rig.labels(), labels(case.slots_after), "{about}");
    }
}

/// Carries out what `pattern update VERSION` and `pattern rollback` do to the entries.
fn start(rig: &Rig, version: &str) {
    let installed = rig.installed(false);
    for step in installed.start(installed.entry(version).unwrap()).unwrap() {
        if let Step::Count(entry, tries) = step {
            rig.count(&entry, tries);
        }
    }
}

/// What `pattern check-update` says.
fn words(rig: &Rig) -> String {
    Outlook::of(rig.installed(false)).lines().join(" ")
}

#[test]
fn a_version_that_failed_is_fetched_whole_and_the_running_one_stays() {
    let rig = Rig::new("1", &["demo_1.efi", "demo_2+0-3.efi"], ["1", "2"]);
    rig.publish(&["1", "2"]);
    let said = "No newer version is installed: the next boot starts 1. Version 2 failed; to fetch it anew: pattern update 2";
    assert_eq!(words(&rig), said);
    // By itself systemd-sysupdate takes what failed for installed.
    ok(&rig.sysupdate(&["update", "2"]));
    assert_eq!(rig.files(), ["demo_1.efi", "demo_2+0-3.efi"]);
    let _earlier = rig.requests();

    ok(&rig.sysupdate(&["vacuum", "--instances-max=1"]));
    assert_eq!((rig.files(), rig.labels()), (vec!["demo_1.efi".to_owned()], labels(["1", ""])));
    ok(&rig.sysupdate(&["update", "2"]));
    assert_eq!(
        (rig.files(), rig.labels()),
        (vec!["demo_1.efi".into(), "demo_2+3-0.efi".into()], labels(["1", "2"]))
    );
    let requests = rig.requests();
    for part in [".verity.raw", ".usr.raw", ".efi"] {
        assert!(requests.iter().any(|path| path.contains(part)), "{part} was not fetched: {requests:?}");
    }
}

#[test]
fn only_the_running_version_is_never_given_up() {
    for (running, files, left) in [
        ("1", ["demo_1.efi", "demo_2.efi"], "demo_1.efi"),
        ("2", ["demo_1.efi", "demo_2.efi"], "demo_2.efi"),
        ("1", ["demo_1+2-1.efi", "demo_2+0-0.efi"], "demo_1+2-1.efi"),
    ] {
        let rig = Rig::new(running, &files, ["1", "2"]);
        ok(&rig.sysupdate(&["vacuum", "--instances-max=1"]));
        assert_eq!(rig.files(), [left]);
        assert_eq!(rig.labels().iter().filter(|label| *label == "_empty").count(), 2);
    }
}

#[test]
fn going_back_stays_and_going_forward_again_is_one_command() {
    let rig = Rig::new("2", &["demo_1.efi", "demo_2.efi"], ["1", "2"]);
    rig.publish(&["1", "2"]);
    start(&rig, "1");
    assert_eq!(rig.files(), ["demo_1+3-0.efi", "demo_2+0-0.efi"]);
    assert!(
        words(&rig).starts_with("The next boot starts 1: it is the newest that may be started."),
        "{}",
        words(&rig)
    );
    // A timer does not bring back what was put aside.
    assert_eq!(rig.newest(), None);
    start(&rig, "2");
    assert_eq!(rig.files(), ["demo_1+3-0.efi", "demo_2.efi"]);
}

#[test]
fn an_older_version_is_fetched_over_the_one_before_and_started() {
    let rig = Rig::new("3", &["demo_2.efi", "demo_3.efi"], ["3", "2"]);
    rig.publish(&["1", "2", "3"]);
    ok(&rig.sysupdate(&["update", "1"]));
    assert_eq!(
        (rig.files(), rig.labels()),
        (vec!["demo_1+3-0.efi".into(), "demo_3.efi".into()], labels(["3", "1"]))
    );
    // systemd-boot would start the newer one.
    assert_eq!(words(&rig), "No newer version is installed: the next boot starts 3.");
    start(&rig, "1");
    assert_eq!(rig.files(), ["demo_1+3-0.efi", "demo_3+0-0.efi"]);
}

#[test]
fn a_list_that_nobody_known_signed_changes_nothing() {
    let rig = Rig::new("1", &["demo_1.efi"], ["1", ""]);
    rig.publish(&["1", "2"]);
    rig.change_list();
    let output = rig.sysupdate(&["update", "2"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Signature verification failed"), "{said}");
    assert_eq!((rig.files(), rig.labels()), (vec!["demo_1.efi".to_owned()], labels(["1", ""])));
}

/// A sum that is wrong ends a download as a cut does, but for what is in the table: `systemd-sysupdate` 262 claims the slot.
#[test]
fn a_download_that_was_cut_begins_again_once_it_is_given_up() {
    let rig = Rig::new("1", &["demo_1.efi"], ["1", ""]);
    rig.publish(&["1", "2"]);
    rig.change_usr("2");
    assert!(!rig.sysupdate(&["update", "2"]).status.success());
    let claimed = rig.labels() == labels(["1", "2"]);
    assert!(claimed || rig.labels() == labels(["1", ""]), "{:?}", rig.labels());
    rig.publish(&["1", "2"]);
    if claimed {
        let output = rig.sysupdate(&["update", "2"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("Vacuum it to try installing again"), "{said}");
    }
    assert_eq!(rig.newest().as_deref(), Some("2"));
    // What `pattern update` does before, where the partition has another kind.
    ok(&rig.sysupdate(&["vacuum"]));
    assert_eq!((rig.files(), rig.labels()), (vec!["demo_1.efi".to_owned()], labels(["1", ""])));
    ok(&rig.sysupdate(&["update", "2"]));
    assert_eq!(
        (rig.files(), rig.labels()),
        (vec!["demo_1.efi".into(), "demo_2+3-0.efi".into()], labels(["1", "2"]))
    );
}
