//! The kernel command line, whose words may come from outside.

use pattern::boot::cmdline::Cmdline;
use pattern::plan::{decide, usr_hash};
use pattern::program::Manager;

const PRODUCTION: &str = include_str!("../../tests/golden/07-production-ignores-flags/pattern.toml");
const DEBUG: &str = include_str!("../../tests/golden/04-debug/pattern.toml");

/// Takes the text of `/proc/cmdline`.
///
/// # Panics
/// When a word changes what an image with `debug = false` does, or leaves the folder of the units.
pub fn cmdline(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let read = Cmdline::parse(&text);
    let needed = usr_hash(&read)
        .map_or_else(|_| String::new(), |_| format!("usrhash={}", read.values("usrhash").concat()));
    for manager in [Manager::Initrd, Manager::Host] {
        let plan = decide(Ok(PRODUCTION), &text, manager).plan;
        let plain = decide(Ok(PRODUCTION), &needed, manager).plan;
        assert!(same_but_for_the_complaint(&plan.to_string(), &plain.to_string()), "{plan}\n{plain}");
        let debug = decide(Ok(DEBUG), &text, manager);
        for (path, _) in plan.entries().chain(debug.plan.entries()) {
            let parts = || path.split('/');
            assert!(parts().all(|part| !["", ".", ".."].contains(&part)) && !path.contains('\0'), "{path}");
        }
        assert!(debug.problems.iter().all(|problem| !problem.contains('\n')), "{:?}", debug.problems);
    }
}

/// The unit that complains is the one thing that words may add.
fn same_but_for_the_complaint(plan: &str, plain: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("pattern-config.service")).map(str::to_owned).collect()
    };
    lines(plan) == lines(plain)
}
