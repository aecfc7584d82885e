//! The line about a plan that was carried out.

use crate::etc::Summary;
use crate::etc::tests::sample::{first, owned, tree, with, without};

#[test]
fn each_kind_of_step_is_counted_and_some_conflicts_are_named() {
    let base = tree(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("shells", "/bin/sh\n")]);
    let mine = with(with(base.clone(), "shells", "/bin/sh\n/usr/bin/fish\n"), "d", "2");
    let new = owned(without(&with(with(base.clone(), "a", "2"), "new/x", "1"), "b"), "c", 0, 0, 0o600);
    let new = with(with(new, "shells", "/bin/sh\n/bin/zsh\n"), "d", "3");
    let said =
        "2 taken, 1 merged, 1 removed, 1 with other attributes, 1 directories made; 1 conflict: /etc/d";
    assert_eq!(Summary(&first(&base, &mine, &new)).to_string(), said);
    assert_eq!(Summary(&first(&base, &mine, &base)).to_string(), "nothing changes");
    let names = ["1", "2", "3", "4", "5", "6", "7"];
    let [base, mine, new] = ["a", "b", "c"].map(|text| tree(&names.map(|name| (name, text))));
    let said = "nothing changes; 7 conflicts: /etc/1, /etc/2, /etc/3, /etc/4, /etc/5 and 2 more";
    assert_eq!(Summary(&first(&base, &mine, &new)).to_string(), said);
}
