//! Users and groups of thousands of generated trees: none is lost, and no number is given to two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::etc::tests::apply::apply;
use crate::etc::tests::generate::Random;
use crate::etc::tests::population::{Account, Accounts, NAMES, changed, tree};
use crate::etc::tests::sample::{first, path, text, with};
use crate::etc::{Plan, Reason, Tree, plan};

const COUNT: u64 = 2000;

struct Case {
    seed: u64,
    base: Accounts,
    mine: Accounts,
    new: Accounts,
    trees: [Tree; 3],
    plan: Plan,
}

impl Case {
    fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let base = changed(&changed(&Accounts::new(), &mut random), &mut random);
        let (mine, new) = (changed(&base, &mut random), changed(&base, &mut random));
        let trees = [&base, &mine, &new].map(tree);
        let [before, my, image] = &trees;
        let plan = first(before, my, image);
        Self { seed, base, mine, new, trees, plan }
    }
}

/// All of them, made once for all tests.
static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| (0..COUNT).map(Case::of).collect());

fn each(check: impl Fn(&Case, &Plan)) {
    ALL.iter().for_each(|case| check(case, &case.plan));
}

/// The fields of each line of a file, by name.
fn fields<'a>(tree: &'a Tree, file: &str) -> BTreeMap<&'a str, Vec<&'a str>> {
    let lines = text(tree, file).lines();
    let pairs = lines.map(|line| line.split(':').collect::<Vec<_>>()).map(|fields| (fields[0], fields));
    pairs.collect()
}

fn numbers(tree: &Tree, file: &str) -> BTreeMap<String, u32> {
    fields(tree, file)
        .into_iter()
        .map(|(name, fields)| (name.to_owned(), fields[2].parse().unwrap()))
        .collect()
}

#[test]
fn nobody_of_the_machine_is_lost_and_nobody_comes_who_should_not() {
    each(|case, plan| {
        for file in ["passwd", "group", "shadow", "gshadow", "subuid"] {
            let there: BTreeSet<&str> = fields(&plan.result, file).into_keys().collect();
            for name in NAMES {
                let expected = case.mine.contains_key(name)
                    || !case.base.contains_key(name) && case.new.contains_key(name);
                let is_left_out = plan.conflicts.iter().any(|conflict| {
                    conflict.path == path(file) && conflict.reason == Reason::Range(name.into())
                });
                assert_eq!(
                    there.contains(name),
                    expected && !is_left_out,
                    "{} {file} {name}\n{plan}",
                    case.seed
                );
            }
        }
    });
}

#[test]
fn no_number_changes_and_none_is_given_to_two() {
    each(|case, plan| {
        for file in ["passwd", "group"] {
            let after = numbers(&plan.result, file);
            for (name, account) in &case.mine {
                assert_eq!(after[*name], account.number, "{} {name}\n{plan}", case.seed);
            }
            for (name, number) in after.iter().filter(|(name, _)| !case.mine.contains_key(name.as_str())) {
                let others = after.iter().filter(|(other, theirs)| *other != name && *theirs == number);
                assert_eq!(others.count(), 0, "{} {name} {number}\n{plan}", case.seed);
                // Nor one of somebody whom the owner removed.
                let had = case.base.iter().any(|(other, account)| other != name && account.number == *number);
                assert!(!had, "{} {name} {number}\n{plan}", case.seed);
                // It is the image's, if that is nobody else's.
                let image = case.new[name.as_str()].number;
                let all = case.base.iter().chain(&case.mine).chain(&case.new);
                let is_taken = all.into_iter().any(|(other, one)| other != name && one.number == image);
                assert!(is_taken || *number == image, "{} {name} {number}\n{plan}", case.seed);
            }
        }
    });
}

#[test]
fn files_belong_to_the_same_names_as_in_the_image() {
    each(|case, plan| {
        let users = numbers(&plan.result, "passwd");
        for (name, account) in &case.new {
            let is_alone = case.new.values().filter(|other| other.number == account.number).count() == 1;
            if !is_alone || case.base.contains_key(name) || case.mine.contains_key(name) {
                continue;
            }
            let file = plan.result.get(&path(&format!("files/{name}"))).unwrap();
            assert_eq!(file.meta.owner, users[*name], "{} {name}\n{plan}", case.seed);
            assert_eq!(
                file.meta.group,
                numbers(&plan.result, "group")[*name],
                "{} {name}\n{plan}",
                case.seed
            );
        }
    });
}

/// What a field becomes. `None` if only one side has it.
fn field<T: PartialEq + Copy>(base: Option<T>, mine: T, new: Option<T>) -> T {
    match (base, new) {
        (Some(base), Some(new)) if base == mine => new,
        _ => mine,
    }
}

#[test]
fn fields_are_merged_one_by_one() {
    each(|case, plan| {
        let (passwd, shadow) = (fields(&plan.result, "passwd"), fields(&plan.result, "shadow"));
        let group = fields(&plan.result, "group");
        for (name, my) in &case.mine {
            let (before, image) = (case.base.get(name), case.new.get(name));
            let shell = field(before.map(|one| one.shell), my.shell, image.map(|one| one.shell));
            assert_eq!(passwd[name][6], shell, "{} {name}\n{plan}", case.seed);
            let password = field(before.map(|one| one.password), my.password, image.map(|one| one.password));
            let is_withdrawn = image.is_none() && before.is_some_and(|one| one.password == my.password);
            let opens = ["$6$x", ""].contains(&my.password);
            let password = if is_withdrawn && opens { "!*" } else { password };
            assert_eq!(shadow[name][1], password, "{} {name}\n{plan}", case.seed);
            let members = members(before, my, image);
            assert_eq!(
                group[name][3].split(',').filter(|name| !name.is_empty()).collect::<BTreeSet<_>>(),
                members
            );
        }
    });
}

fn members(base: Option<&Account>, mine: &Account, new: Option<&Account>) -> BTreeSet<&'static str> {
    let names =
        |one: &Account| one.members.split(',').filter(|name| !name.is_empty()).collect::<BTreeSet<_>>();
    let Some(new) = new else { return names(mine) };
    let (before, my, image) = (base.map(names).unwrap_or_default(), names(mine), names(new));
    let stays = |name: &&str| my.contains(*name) && (image.contains(*name) || !before.contains(*name));
    let comes = |name: &&str| image.contains(*name) && !my.contains(*name) && !before.contains(*name);
    my.union(&image).copied().filter(|name| stays(name) || comes(name)).collect()
}

#[test]
fn an_owners_user_gets_no_password_of_the_image() {
    each(|case, plan| {
        let [base, mine, new] = &case.trees;
        let shadow = fields(&plan.result, "shadow");
        for (name, my) in case.mine.iter().filter(|(name, _)| !case.base.contains_key(*name)) {
            assert_eq!(shadow[name][1], my.password, "{} {name}\n{plan}", case.seed);
        }
        // Even without a line of its own there.
        let bare = with(mine.clone(), "shadow", "");
        let shadow = first(base, &bare, new).result;
        let shadow = fields(&shadow, "shadow");
        assert!(case.mine.keys().all(|name| case.base.contains_key(name) || !shadow.contains_key(name)));
    });
}

#[test]
fn ranges_of_two_do_not_overlap_unless_they_did() {
    each(|case, plan| {
        let ranges: Vec<(&str, u32)> = fields(&plan.result, "subuid")
            .into_iter()
            .map(|(name, fields)| (name, fields[1].parse().unwrap()))
            .collect();
        for (name, start) in &ranges {
            let shared = ranges.iter().any(|(other, theirs)| other != name && theirs == start);
            assert!(!shared || case.mine.contains_key(name), "{} {name}\n{plan}", case.seed);
        }
    });
}

#[test]
fn steps_make_the_result_and_a_second_plan_has_nothing_to_do() {
    each(|case, plan| {
        let [base, mine, new] = &case.trees;
        assert_eq!(apply(plan, mine), plan.result, "{}\n{plan}", case.seed);
        assert_eq!(first(new, &plan.result, new).to_string(), "", "{}\n{plan}", case.seed);
        assert_eq!(first(base, mine, base).to_string(), "", "{}", case.seed);
        // A machine that changed nothing becomes the image, if that took nobody and no number away.
        let renumbers = case.base.iter().any(|(name, one)| {
            case.new.get(name).is_none_or(|new| new.number != one.number || new.range != one.range)
        });
        let follows = first(base, base, new);
        let collides = follows
            .conflicts
            .iter()
            .any(|conflict| matches!(conflict.reason, Reason::Number { .. } | Reason::Range(_)));
        assert!(renumbers || collides || follows.result == *new, "{}\n{follows}", case.seed);
    });
}

#[test]
fn a_number_is_not_given_again_in_a_later_version() {
    each(|case, two| {
        let [_, _, new] = &case.trees;
        // The owner removes everybody; the next image has them all under other names.
        let gone = ["passwd", "group", "shadow", "gshadow", "subuid"]
            .into_iter()
            .fold(two.result.clone(), |tree, file| with(tree, file, ""));
        let renamed: Accounts = case
            .new
            .values()
            .zip(["v", "w", "x", "y", "z", "s", "t"])
            .map(|(one, name)| (name, one.clone()))
            .collect();
        let three = plan(new, &gone, &tree(&renamed), &two.numbers);
        let (before, after) = (numbers(&two.result, "passwd"), numbers(&three.result, "passwd"));
        assert!(
            after.values().all(|number| before.values().all(|had| had != number)),
            "{}\n{three}",
            case.seed
        );
    });
}
