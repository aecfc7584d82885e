//! What happens to people's machines, one rule after the other.

use crate::etc::tests::apply::apply;
use crate::etc::tests::sample::{first, owned, path, text, tree, with, without};
use crate::etc::{Numbers, Tree, plan};

/// A plan in words, checked by doing it.
pub(super) fn said(base: &Tree, mine: &Tree, new: &Tree) -> String {
    let plan = first(base, mine, new);
    assert_eq!(apply(&plan, mine), plan.result);
    plan.to_string()
}

/// Version 2 has podman, whose policy is in `/etc` only, and gdm's PAM services.
#[test]
fn an_option_that_an_update_turns_on_works() {
    let base = tree(&[("pam.d/login", "1"), ("hostname", "demo")]);
    let mine = with(base.clone(), "hostname", "kitchen");
    let new = with(with(base.clone(), "containers/policy.json", "{}"), "pam.d/gdm-launch-environment", "1");
    let plan = "take        containers/\ntake        containers/policy.json\ntake        pam.d/gdm-launch-environment\n";
    assert_eq!(said(&base, &mine, &new), plan);
}

/// Version 2 no longer has the module that version 1's PAM files name.
#[test]
fn pam_files_follow_the_modules_of_the_image() {
    let base = tree(&[("pam.d/common-auth", "pam_tally.so"), ("pam.d/login", "@include common-auth")]);
    let new = with(base.clone(), "pam.d/common-auth", "pam_faillock.so");
    assert_eq!(said(&base, &base, &new), "take        pam.d/common-auth\n");
    // An owner who edited the file has to look: nothing can be merged here.
    let mine = with(base.clone(), "pam.d/common-auth", "pam_tally.so\npam_u2f.so");
    let line =
        "conflict    pam.d/common-auth: changed on this machine and in the image; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), line);
}

#[test]
fn what_the_owner_removed_stays_removed() {
    let base = tree(&[("cron.d/a", "1"), ("cron.d/b", "1"), ("motd", "1")]);
    let mine = without(&without(&base, "cron.d/a"), "motd");
    let new = with(with(base.clone(), "cron.d/a", "2"), "cron.d/c", "1");
    let plan = "take        cron.d/c\nconflict    cron.d/a: removed on this machine and changed in the image; it stays removed\n";
    assert_eq!(said(&base, &mine, &new), plan);
    // The directory, too. It comes back for what is new in it, and for nothing else.
    let mine = without(&mine, "cron.d");
    let plan = "take        cron.d/\n".to_owned() + plan;
    assert_eq!(said(&base, &mine, &new), plan);
}

#[test]
fn what_the_owner_put_in_the_place_of_something_stays() {
    let base = tree(&[("resolv.conf", "-> ../run/stub"), ("apt/sources.list", "1"), ("motd", "1")]);
    // A file instead of a link, a directory instead of a file, and one with the same content as the image's next.
    let mine = with(without(&base, "resolv.conf"), "resolv.conf", "nameserver 10.0.0.1");
    let mine = with(with(without(&mine, "motd"), "motd/own", "1"), "apt/sources.list", "2");
    let new = with(with(base.clone(), "resolv.conf", "-> ../run/other"), "apt/sources.list", "2");
    let line = "conflict    resolv.conf: the image has something else in this place; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), line);
    let new = without(&new, "motd");
    let more = "conflict    motd: changed on this machine and removed from the image; it stays\n";
    assert_eq!(said(&base, &mine, &new), more.to_owned() + line);
}

#[test]
fn a_directory_that_the_image_removes_stays_for_the_owners_files() {
    let base = tree(&[("ppp/options", "1"), ("ppp/peers/x", "1")]);
    let new = tree(&[("hosts", "1")]);
    assert_eq!(
        said(&base, &base, &new),
        "remove      ppp/peers/x\nremove      ppp/peers\nremove      ppp/options\nremove      ppp\ntake        hosts\n"
    );
    let mine = with(base.clone(), "ppp/peers/mine", "1");
    assert_eq!(
        said(&base, &mine, &new),
        "remove      ppp/peers/x\nremove      ppp/options\ntake        hosts\n"
    );
}

#[test]
fn directories_become_links_and_links_directories() {
    let base = tree(&[("dir/a", "1"), ("link", "-> dir")]);
    // By the image.
    let new = tree(&[("dir", "-> ../usr/share/dir"), ("link/b", "1")]);
    let plan = "remove      link\nremove      dir/a\nremove      dir\ntake        dir\ntake        link/\ntake        link/b\n";
    assert_eq!(said(&base, &base, &new), plan);
    // The owner has a file of his own there.
    let mine = with(base.clone(), "dir/mine", "1");
    let plan = "remove      link\nremove      dir/a\ntake        link/\ntake        link/b\n\
                conflict    dir: the image has something else in this place; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), plan);
    // By the owner: what the image has below is behind the link, and not written where it leads.
    let mine = with(without(&base, "dir"), "dir", "-> /srv/dir");
    let new = with(with(base.clone(), "dir/a", "2"), "dir/new/x", "1");
    let plan = "conflict    dir/a: the image has it, and on this machine dir is not a directory\n\
                conflict    dir/new: the image has it, and on this machine dir is not a directory\n";
    assert_eq!(said(&base, &mine, &new), plan);
}

#[test]
fn attributes_follow_the_side_that_changed_them() {
    let base = owned(
        tree(
            &[("sudoers", "1"), ("ssl/private/", "/")].map(|(name, what)| (name.trim_end_matches('/'), what)),
        ),
        "sudoers",
        0,
        0,
        0o644,
    );
    let mine = owned(base.clone(), "sudoers", 0, 4, 0o644);
    let new = owned(base.clone(), "sudoers", 0, 0, 0o440);
    let plan = first(&base, &mine, &new);
    assert_eq!(plan.to_string(), "attributes  sudoers\n");
    let meta = &plan.result.get(&path("sudoers")).unwrap().meta;
    assert_eq!((meta.group, meta.mode), (4, 0o440));
    // The owner's mode stays with the image's new content.
    let mine = owned(base.clone(), "sudoers", 0, 0, 0o400);
    let new = with(base.clone(), "sudoers", "2");
    let plan = first(&base, &mine, &new);
    assert_eq!(plan.to_string(), "take        sudoers\n");
    assert_eq!(plan.result.get(&path("sudoers")).unwrap().meta.mode, 0o400);
    let new = owned(base.clone(), "sudoers", 0, 0, 0o440);
    let line = "conflict    sudoers: mode: changed on this machine and in the image; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), line);
}

#[test]
fn what_makes_the_machine_the_same_one_is_never_the_images() {
    let base = tree(&[("machine-id", "uninitialized"), ("ssh/sshd_config", "1")]);
    let mine = with(with(base.clone(), "machine-id", "0123"), "ssh/ssh_host_ed25519_key", "mine");
    let mine = with(with(mine, "passwd-", "old"), ".updated", "1");
    let new = with(with(base.clone(), "ssh/ssh_host_ed25519_key", "everybody's"), "passwd-", "image's");
    let new = with(with(new, "machine-id", "another"), "dropbear/dropbear_rsa_host_key", "everybody's");
    assert_eq!(said(&base, &mine, &new), "take        dropbear/\n");
    // Not even together with its directory.
    assert_eq!(said(&base, &mine, &Tree::default()), "remove      ssh/sshd_config\n");
}

#[test]
fn units_are_enabled_by_the_image_until_the_owner_says_otherwise() {
    let link = |name: &str| {
        (
            format!("systemd/system/multi-user.target.wants/{name}"),
            format!("-> /usr/lib/systemd/system/{name}"),
        )
    };
    let enabled = |names: &[&str]| {
        names.iter().map(|name| link(name)).fold(Tree::default(), |tree, (name, to)| with(tree, &name, &to))
    };
    let base = enabled(&["cron.service", "ssh.service", "gone.service"]);
    // The owner disabled one, enabled another and masked a third; systemctl wrote one anew.
    let mine = without(
        &with(base.clone(), &link("mine.service").0, &link("mine.service").1),
        &link("ssh.service").0,
    );
    let mine = with(mine, "systemd/system/cron.service", "-> /dev/null");
    let mine = with(mine, &link("cron.service").0, "-> /lib/systemd/system/cron.service");
    let new = with(enabled(&["cron.service", "new.service"]), &link("ssh.service").0, "-> ../ssh.service");
    let new = with(new, &link("cron.service").0, "-> ../cron.service");
    let wants = "systemd/system/multi-user.target.wants";
    assert_eq!(
        said(&base, &mine, &new),
        format!("remove      {wants}/gone.service\ntake        {wants}/new.service\n")
    );
    // systemctl removes the directory with the last link.
    let mine = without(&base, "systemd");
    let plan = format!(
        "take        systemd/\ntake        systemd/system/\ntake        {wants}/\ntake        {wants}/new.service\n"
    );
    assert_eq!(said(&base, &mine, &new), plan);
}

#[test]
fn alternatives_follow_the_image_until_the_owner_chooses() {
    let base = tree(&[
        ("alternatives/editor", "-> /usr/bin/nano"),
        ("alternatives/nc", "-> /usr/bin/nc.traditional"),
    ]);
    let new =
        tree(&[("alternatives/editor", "-> /usr/bin/vim"), ("alternatives/nc", "-> /usr/bin/nc.openbsd")]);
    let mine = with(base.clone(), "alternatives/editor", "-> /usr/bin/emacs");
    let plan = "take        alternatives/nc\nconflict    alternatives/editor: changed on this machine and in the image; the machine's stays\n";
    assert_eq!(said(&base, &mine, &new), plan);
}

#[test]
fn name_services_and_shells_are_merged_by_entry() {
    let base = tree(&[
        ("nsswitch.conf", "passwd: files\nhosts: files dns\n"),
        ("shells", "/bin/sh\n"),
        ("ld.so.conf.d/x.conf", "/lib/x\n"),
    ]);
    let mine = with(
        with(base.clone(), "nsswitch.conf", "passwd: files\nhosts: files mdns dns\n"),
        "shells",
        "/bin/sh\n/usr/bin/fish\n",
    );
    let new = with(base.clone(), "nsswitch.conf", "passwd: files systemd\nhosts: files dns\n");
    let new = with(with(new, "shells", "/bin/sh\n/bin/dash\n"), "ld.so.conf.d/x.conf", "/lib/y\n");
    let plan = first(&base, &mine, &new);
    assert_eq!(
        plan.to_string(),
        "take        ld.so.conf.d/x.conf\nmerge       nsswitch.conf\nmerge       shells\n"
    );
    assert_eq!(text(&plan.result, "nsswitch.conf"), "passwd: files systemd\nhosts: files mdns dns\n");
    assert_eq!(text(&plan.result, "shells"), "/bin/sh\n/usr/bin/fish\n/bin/dash\n");
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n";

/// The owner goes from version 2 back to version 1: base is then version 2's.
#[test]
fn a_downgrade_is_a_plan_like_any_other() {
    let one = tree(&[("app.conf", "1"), ("passwd", PASSWD), ("old.conf", "1")]);
    let two =
        tree(&[("app.conf", "2"), ("passwd", &format!("{PASSWD}app:x:990:990::/:/sh\n")), ("new.conf", "1")]);
    let mine = with(one.clone(), "mine.conf", "1");
    let up = first(&one, &mine, &two);
    let down = plan(&two, &up.result, &one, &up.numbers);
    assert_eq!(down.to_string(), "remove      new.conf\ntake        app.conf\ntake        old.conf\n");
    // All is as before, but for the user, whose number stays taken.
    assert_eq!(down.result, with(mine, "passwd", text(&two, "passwd")));
}

/// Versions 1, 2 and 3, and an owner who changes something in each.
#[test]
fn three_versions_in_a_row_leave_what_the_owner_did_in_each() {
    let version = |number: &str| {
        tree(&[("a.conf", number), ("b.conf", "1"), ("shells", &format!("/bin/sh\n/bin/{number}\n"))])
    };
    let (one, two, three) = (version("1"), version("2"), version("3"));
    let mine = with(one.clone(), "b.conf", "mine");
    let after = first(&one, &mine, &two);
    assert_eq!(after.result, with(two.clone(), "b.conf", "mine"));
    let mine = with(with(after.result, "shells", "/bin/sh\n/bin/2\n/bin/fish\n"), "own", "1");
    let after = plan(&two, &mine, &three, &Numbers::default());
    assert_eq!(after.to_string(), "take        a.conf\nmerge       shells\n");
    assert_eq!(text(&after.result, "shells"), "/bin/sh\n/bin/fish\n/bin/3\n");
    assert!(
        after.result.get(&path("own")).is_some()
            && after.result.get(&path("b.conf")) == mine.get(&path("b.conf"))
    );
}

/// Version 2 fails, and version 1 starts again. The tree of before is the machine's then, what the update made is
/// the base, and the tree in use is what is new: so the same rules give the old one back.
#[test]
fn a_fallback_has_the_old_tree_and_what_the_owner_did_meanwhile() {
    let one = tree(&[("app.conf", "1"), ("motd", "1"), ("passwd", PASSWD), ("pam.d/login", "1")]);
    let two = with(with(one.clone(), "app.conf", "2"), "new.conf", "1");
    let two = with(two, "pam.d/login", "2");
    let before = with(one.clone(), "motd", "before");
    let made = first(&one, &before, &two).result;
    let used = with(with(made.clone(), "motd", "meanwhile"), "own.conf", "1");
    let used = with(used, "passwd", &format!("{PASSWD}me:x:1000:1000::/home/me:/bin/sh\n"));
    let used = with(used, "pam.d/login", "2, and the owner's");
    let plan = first(&made, &before, &used);
    let steps = "take        motd\ntake        own.conf\ntake        passwd\n";
    let proven = "conflict    pam.d/login: changed on this machine and in the image; the machine's stays\n";
    assert_eq!(plan.to_string(), steps.to_owned() + proven);
    let back = with(with(before, "motd", "meanwhile"), "own.conf", "1");
    assert_eq!(plan.result, with(back, "passwd", text(&used, "passwd")));
}

/// What is derived from the image's own files follows them.
#[test]
fn caches_of_the_image_come_with_it() {
    let base = tree(&[("ld.so.cache", "1")]);
    let mine = with(base.clone(), "ld.so.cache", "mine");
    assert_eq!(said(&base, &mine, &with(base.clone(), "ld.so.cache", "2")), "take        ld.so.cache\n");
    assert_eq!(said(&base, &mine, &base), "");
}

#[test]
fn names_that_are_not_text_are_names() {
    use crate::etc::Path;
    let base = Tree::default();
    let mut new = Tree::default();
    let sample = tree(&[("x", "1")]);
    let node = sample.get(&path("x")).unwrap();
    let long = [b"a".repeat(255), b"b".repeat(255)].concat();
    for bytes in [&b"a\nremove      passwd"[..], b"\xff\xfe", b"-rf", b"\x1b[2J", &long] {
        new.insert(Path::new(bytes).unwrap(), node.clone()).unwrap();
    }
    let plan = first(&base, &base, &new);
    assert_eq!(plan.result, new);
    let text = plan.to_string();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(!text.contains('\u{1b}') && text.contains("take        \\xff\\xfe\n"), "{text}");
}
