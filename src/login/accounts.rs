//! Users: whether their names can be looked up, and whether a shell is there.

use super::Files;

const PASSWD: &str = "/etc/passwd";
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

/// Returns why no user has a shell. Users who are not in the file, such as those of homed, bring their own.
pub(super) fn shells(files: &Files<'_>) -> Option<String> {
    let text = (files.read)(PASSWD)?;
    let shells: Vec<&str> = text.lines().filter_map(shell).collect();
    if shells.is_empty() || shells.iter().any(|shell| (files.exists)(shell)) {
        return None;
    }
    Some(format!("no user of {PASSWD} has a shell that this version has: {}", shells.join(", ")))
}

/// Returns the shell of an entry, if it is one to log in with.
fn shell(line: &str) -> Option<&str> {
    let shell = line.split(':').nth(6)?.trim();
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    let name = shell.rsplit('/').next().unwrap_or(shell);
    (!NONE.contains(&name)).then_some(shell)
}
