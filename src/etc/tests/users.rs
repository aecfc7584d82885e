//! What happens to the users of people's machines, one rule after the other.

use crate::etc::tests::sample::{first, owned, path, text, tree, with, without};
use crate::etc::tests::scenarios::said;
use crate::etc::{Conflict, Content, Kind, Reason};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n";
const GROUP: &str = "root:x:0:\nsudo:x:27:\n";

/// The owner made a user, and version 2 has a service whose user has the same number.
#[test]
fn a_user_that_both_sides_added_keeps_its_number_on_the_machine() {
    let base = tree(&[("passwd", PASSWD), ("group", GROUP), ("shadow", "root:!*:1::::::\n")]);
    let mine = with(base.clone(), "passwd", &format!("{PASSWD}backup:x:990:990::/srv:/bin/sh\n"));
    let mine = with(mine, "group", "root:x:0:\nsudo:x:27:me\nbackup:x:990:\n");
    let mine = with(mine, "shadow", "root:$6$mine:9::::::\nbackup:!:9::::::\n");
    let new = with(base.clone(), "passwd", &format!("{PASSWD}gdm:x:990:991::/var/lib/gdm:/bin/false\n"));
    let new = with(new, "group", &format!("{GROUP}tss:x:990:\ngdm:x:991:\n"));
    let new = with(new, "shadow", "root:!*:2::::::\ngdm:!*:2::::::\n");
    let new = owned(with(new, "gdm.conf", "1"), "gdm.conf", 990, 990, 0o640);
    let plan = first(&base, &mine, &new);
    let after = &plan.result;
    assert_eq!(
        text(after, "passwd"),
        format!("{PASSWD}backup:x:990:990::/srv:/bin/sh\ngdm:x:999:991::/var/lib/gdm:/bin/false\n")
    );
    assert_eq!(text(after, "group"), "root:x:0:\nsudo:x:27:me\nbackup:x:990:\ntss:x:999:\ngdm:x:991:\n");
    assert_eq!(text(after, "shadow"), "root:$6$mine:9::::::\nbackup:!:9::::::\ngdm:!*:2::::::\n");
    // Its files go to the numbers that it has here.
    let meta = &after.get(&path("gdm.conf")).unwrap().meta;
    assert_eq!((meta.owner, meta.group), (999, 999));
    let moved = |file: &str, name: &str| {
        let reason = Reason::Number { name: name.into(), image: 990, machine: Some(999) };
        Conflict { path: path(file), reason }
    };
    assert_eq!(plan.conflicts, [moved("group", "tss"), moved("passwd", "gdm")]);
    // The next version finds the same numbers.
    let three = with(new.clone(), "gdm.conf", "2");
    let three = owned(three, "gdm.conf", 990, 990, 0o640);
    let plan = crate::etc::plan(&new, after, &three, &plan.numbers);
    assert_eq!(plan.to_string(), "take        gdm.conf\n");
    assert_eq!(plan.result.get(&path("gdm.conf")).unwrap().meta.owner, 999);
}

#[test]
fn an_account_that_the_image_drops_keeps_its_number_and_loses_its_password() {
    let base = tree(&[
        ("passwd", "root:x:0:0::/:/sh\nme:x:1000:1000::/home/me:/sh\n"),
        ("shadow", "root:*:1::::::\nme:$6$known:1::::::\n"),
    ]);
    let new = tree(&[("passwd", "root:x:0:0::/:/sh\n"), ("shadow", "root:*:1::::::\n")]);
    let plan = first(&base, &base, &new);
    assert_eq!(text(&plan.result, "passwd"), text(&base, "passwd"));
    assert_eq!(text(&plan.result, "shadow"), "root:*:1::::::\nme:!*:1::::::\n");
    assert_eq!(plan.conflicts, [Conflict { path: path("shadow"), reason: Reason::Locked(b"me".into()) }]);
    // Not where the owner gave it a password.
    let mine = with(base.clone(), "shadow", "root:*:1::::::\nme:$6$mine:9::::::\n");
    let plan = first(&base, &mine, &new);
    assert_eq!((text(&plan.result, "shadow"), plan.conflicts), (text(&mine, "shadow"), vec![]));
    // Nor is anything lost with a file as a whole.
    let plan = first(&base, &base, &without(&new, "passwd"));
    assert_eq!(text(&plan.result, "passwd"), text(&base, "passwd"));
}

#[test]
fn users_are_merged_only_from_what_can_be_read() {
    let base = tree(&[("passwd", PASSWD)]);
    let mut mine = base.clone();
    let mut node = mine.get(&path("passwd")).unwrap().clone();
    node.kind = Kind::File(Content::of_hash([7; 32], 7));
    mine.insert(path("passwd"), node).unwrap();
    let new = with(base.clone(), "passwd", &format!("{PASSWD}a:x:5:5::/:/sh\n"));
    assert_eq!(said(&base, &mine, &new), "conflict    passwd: too long to be merged; the machine's stays\n");
    // A link that the owner made is not followed.
    let mine = with(base.clone(), "passwd", "-> /srv/passwd");
    let line = "conflict    passwd: the image has something else in this place; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), line);
}
