//! The fields of an entry: which are numbers, lists and passwords, and how two entries become one.

use std::collections::BTreeSet;

use crate::etc::place::Accounts;
use crate::etc::{Choice, choose};

/// What no password opens, as systemd-sysusers(8) writes it.
const LOCKED: &[u8] = b"!*";

fn count(file: Accounts) -> usize {
    match file {
        Accounts::Passwd => 7,
        Accounts::Group | Accounts::Gshadow => 4,
        Accounts::Shadow => 9,
        Accounts::Subuid | Accounts::Subgid => 3,
    }
}

fn is_list(file: Accounts, field: usize) -> bool {
    matches!((file, field), (Accounts::Group, 3) | (Accounts::Gshadow, 2 | 3))
}

/// When the password was changed last, which is nothing by itself.
fn is_date(file: Accounts, field: usize) -> bool {
    matches!((file, field), (Accounts::Shadow, 2))
}

fn split(line: &[u8]) -> Vec<&[u8]> {
    line.split(|byte| *byte == b':').collect()
}

/// Returns an entry of the base or the image with the machine's numbers: its own is that of the machine's entry.
pub(super) fn renumbered(file: Accounts, line: &[u8], mine: &[u8], group: impl Fn(u32) -> u32) -> Vec<u8> {
    let number = split(mine).get(2).map(|number| number.to_vec());
    match number.filter(|_| matches!(file, Accounts::Passwd | Accounts::Group)) {
        Some(number) => with_numbers(file, line, &number, group),
        None => line.to_vec(),
    }
}

/// Returns an entry of the image with the number that it gets on the machine.
pub(super) fn numbered(file: Accounts, line: &[u8], number: u32, group: impl Fn(u32) -> u32) -> Vec<u8> {
    let fields = split(line);
    let as_it_is = fields.get(2).and_then(|field| value(field)).is_some_and(|value| value == number);
    let number = number.to_string();
    let own = fields.get(2).filter(|_| as_it_is).copied().unwrap_or(number.as_bytes());
    with_numbers(file, line, own, group)
}

fn with_numbers(file: Accounts, line: &[u8], number: &[u8], group: impl Fn(u32) -> u32) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = split(line).into_iter().map(<[u8]>::to_vec).collect();
    if let Some(field) = fields.get_mut(2) {
        *field = number.to_vec();
    }
    if let Some(field) = fields.get_mut(3).filter(|_| file == Accounts::Passwd)
        && let Some(old) = value(field)
        && group(old) != old
    {
        *field = group(old).to_string().into_bytes();
    }
    fields.join(&b':')
}

fn value(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Merges an entry that the machine and the image have. Returns it, and whether both agree.
pub(super) fn merge(file: Accounts, base: Option<&[u8]>, mine: &[u8], new: &[u8]) -> (Vec<u8>, bool) {
    if matches!(file, Accounts::Subuid | Accounts::Subgid) {
        // Files have the numbers of the range.
        return (mine.to_vec(), true);
    }
    let count = count(file);
    let (base, mine_fields, new_fields) = (base.map(split), split(mine), split(new));
    let is_sound = |fields: &Vec<&[u8]>| fields.len() == count;
    if ![&mine_fields, &new_fields].into_iter().chain(&base).all(is_sound) {
        return (mine.to_vec(), mine == new);
    }
    let (mut line, mut agree) = (Vec::new(), true);
    for (field, (mine, new)) in mine_fields.into_iter().zip(new_fields).enumerate() {
        let base = base.as_ref().and_then(|base| base.get(field)).copied();
        let (merged, both) = one(file, field, base, mine, new);
        agree &= both;
        line.push(merged);
    }
    (line.join(&b':'), agree)
}

/// Merges one field.
fn one(file: Accounts, field: usize, base: Option<&[u8]>, mine: &[u8], new: &[u8]) -> (Vec<u8>, bool) {
    match choose(&base, &Some(mine), &Some(new)) {
        Choice::Mine => (mine.to_vec(), true),
        Choice::Image => (new.to_vec(), true),
        Choice::Both if is_list(file, field) => (list(base.unwrap_or_default(), mine, new), true),
        Choice::Both => (mine.to_vec(), is_date(file, field)),
    }
}

/// Merges a list of names that both changed.
fn list(base: &[u8], mine: &[u8], new: &[u8]) -> Vec<u8> {
    let [before, my, image] = [base, mine, new].map(|list| names(list).collect::<BTreeSet<_>>());
    let stays = names(mine).filter(|name| image.contains(name) || !before.contains(name));
    let comes = names(new).filter(|name| !before.contains(name) && !my.contains(name));
    stays.chain(comes).collect::<Vec<_>>().join(&b',')
}

fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').filter(|name| !name.is_empty())
}

/// Returns the entry with a locked password, if the password is that of an earlier image and opens something.
pub(super) fn locked(file: Accounts, base: &[u8], mine: &[u8]) -> Option<Vec<u8>> {
    if !matches!(file, Accounts::Passwd | Accounts::Shadow) {
        return None;
    }
    let (before, mut fields) = (split(base), split(mine));
    let password = fields.get_mut(1)?;
    let elsewhere = file == Accounts::Passwd && *password == b"x";
    if before.get(1) != Some(password)
        || elsewhere
        || password.starts_with(b"!")
        || password.starts_with(b"*")
    {
        return None;
    }
    *password = LOCKED;
    Some(fields.join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: Accounts, base: &str, mine: &str, new: &str) -> (String, bool) {
        let base = (!base.is_empty()).then_some(base.as_bytes());
        let (line, agree) = merge(file, base, mine.as_bytes(), new.as_bytes());
        (String::from_utf8(line).unwrap(), agree)
    }

    #[test]
    fn fields_are_taken_from_the_side_that_changed_them() {
        let cases = [
            // The owner chose a shell, and the image another home.
            (
                Accounts::Passwd,
                "a:x:5:5:A:/a:/bin/sh",
                "a:x:5:5:A:/a:/bin/zsh",
                "a:x:5:5:A:/home/a:/bin/sh",
                "a:x:5:5:A:/home/a:/bin/zsh",
                true,
            ),
            // Both chose a shell.
            (
                Accounts::Passwd,
                "a:x:5:5::/:/bin/sh",
                "a:x:5:5::/:/zsh",
                "a:x:5:5::/:/fish",
                "a:x:5:5::/:/zsh",
                false,
            ),
            // The owner set a password. Each build has another date.
            (Accounts::Shadow, "a:!:1::::::", "a:$6$x:9:0:::::", "a:!:2::::::", "a:$6$x:9:0:::::", true),
            // The image locks an account that the owner left alone.
            (Accounts::Shadow, "a:$6$x:1::::::", "a:$6$x:1::::::7", "a:!:2::::::", "a:!:2::::::7", true),
            // The owner is in the group; the image adds a service and removes another.
            (
                Accounts::Group,
                "g:x:7:old,other",
                "g:x:7:old,other,me",
                "g:x:7:other,new",
                "g:x:7:other,me,new",
                true,
            ),
            (Accounts::Gshadow, "g:!::a", "g:!:me:a", "g:!::a,b", "g:!:me:a,b", true),
            // No base: the owner's user is not the image's.
            (Accounts::Passwd, "", "me:x:5:5::/:/a", "me:x:5:5::/:/b", "me:x:5:5::/:/a", false),
            // Not an entry that one could divide.
            (Accounts::Group, "g:x:7:", "g:x:7", "g:x:7:a", "g:x:7", false),
            (Accounts::Subuid, "a:1:2", "a:3:2", "a:5:2", "a:3:2", true),
        ];
        for (file, base, mine, new, line, agree) in cases {
            assert_eq!(merged(file, base, mine, new), (line.to_owned(), agree), "{mine}");
        }
    }

    #[test]
    fn only_a_password_of_an_earlier_image_is_locked() {
        let cases = [
            (Accounts::Shadow, "a:$6$x:1::::::", "a:$6$x:1::::::", Some("a:!*:1::::::")),
            (Accounts::Shadow, "a::1::::::", "a::1::::::", Some("a:!*:1::::::")),
            (Accounts::Shadow, "a:$6$x:1::::::", "a:$6$mine:9::::::", None),
            (Accounts::Shadow, "a:!:1::::::", "a:!:1::::::", None),
            (Accounts::Passwd, "a:x:5:5::/:/sh", "a:x:5:5::/:/sh", None),
            (Accounts::Passwd, "a::5:5::/:/sh", "a::5:5::/:/sh", Some("a:!*:5:5::/:/sh")),
            (Accounts::Group, "a:p:5:", "a:p:5:", None),
        ];
        for (file, base, mine, line) in cases {
            let locked = locked(file, base.as_bytes(), mine.as_bytes());
            assert_eq!(locked.as_deref(), line.map(str::as_bytes), "{base} {mine}");
        }
    }
}
