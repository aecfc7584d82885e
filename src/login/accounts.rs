//! Users: whether their names can be looked up, and whether a shell is there.

use std::ops::RangeInclusive;

use super::Files;

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
/// Numbers of people: login.defs(5), `UID_MIN` and `UID_MAX`.
const PEOPLE: RangeInclusive<u32> = 1000..=60000;
const NSSWITCH: &str = "/etc/nsswitch.conf";
/// The C library has this one itself.
const BUILT_IN: &str = "files";
/// Shells that nobody logs in with. The last three are those of users that Debian and Fedora always have.
const NONE: [&str; 5] = ["nologin", "false", "sync", "shutdown", "halt"];

/// Returns why no user can be looked up: nsswitch.conf(5).
pub(super) fn names(files: &Files<'_>) -> Option<String> {
    let text = (files.read)(NSSWITCH)?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("passwd:"))?;
    let line = line.split('#').next().unwrap_or_default();
    // `[NOTFOUND=return]` and its like are not sources.
    let sources: Vec<&str> = line.split_whitespace().filter(|word| !word.contains(['[', ']', '='])).collect();
    let has = |source: &&str| {
        *source == BUILT_IN
            || files.libraries.iter().any(|folder| (files.exists)(&format!("{folder}/libnss_{source}.so.2")))
    };
    if sources.is_empty() || sources.iter().any(has) {
        return None;
    }
    Some(format!("no user is known: {NSSWITCH} has {}, and this version has none of it", sources.join(", ")))
}

/// Returns why nobody has a shell. Where there are people, one of them needs one, or root, if root is not locked. Users who are
/// not in the file, such as those of homed, bring their own.
pub(super) fn shells(files: &Files<'_>) -> Option<String> {
    let text = (files.read)(PASSWD)?;
    let all: Vec<Entry> = text.lines().filter_map(entry).collect();
    let is_locked =
        (files.read)(SHADOW).is_some_and(|shadow| shadow.lines().any(|line| line.starts_with("root:!")));
    let has_people = all.iter().any(|entry| PEOPLE.contains(&entry.number));
    let counts =
        |entry: &&Entry| !has_people || PEOPLE.contains(&entry.number) || entry.number == 0 && !is_locked;
    let shells: Vec<&str> = all.iter().filter(counts).map(|entry| entry.shell).collect();
    if shells.is_empty() || shells.iter().any(|shell| (files.exists)(shell)) {
        return None;
    }
    Some(format!("no user of {PASSWD} has a shell that this version has: {}", shells.join(", ")))
}

/// A user who can log in with a shell.
struct Entry<'a> {
    number: u32,
    shell: &'a str,
}

/// Returns a user of passwd(5), if the shell is one to log in with.
fn entry(line: &str) -> Option<Entry<'_>> {
    let mut fields = line.split(':').skip(2);
    let number = fields.next()?.parse().ok()?;
    let shell = fields.nth(3)?.trim();
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    let name = shell.rsplit('/').next().unwrap_or(shell);
    (!NONE.contains(&name)).then_some(Entry { number, shell })
}
