//! The shells' completions know every command and option that the help names.

use std::fs;
use std::path::Path;
use std::process::Command;

use pattern_image::args;

fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

/// The commands and long options of a help text.
fn named(help: &str) -> Vec<&str> {
    let separators = |c: char| !c.is_ascii_lowercase() && c != '-';
    let options = help.split(separators).filter(|word| word.len() > 3 && word.starts_with("--"));
    let commands =
        help.lines().filter_map(|line| line.strip_prefix("  ")).filter_map(|line| line.split(' ').next());
    let commands = commands.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    options.chain(commands).collect()
}

#[test]
fn completions_know_what_the_help_names() {
    let words = named(args::HELP);
    assert!(words.contains(&"--load-credential") && words.contains(&"sign-release"), "{words:?}");
    for name in ["completions/pattern.bash", "completions/_pattern"] {
        let text = fs::read_to_string(path(name)).unwrap();
        for word in &words {
            assert!(text.contains(word), "{name} has no {word}");
        }
    }
}

/// What bash offers after these words.
fn offered(file: &str, words: &[&str]) -> Vec<String> {
    let script = r#"compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pattern; echo "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["-c", script, "bash", &path(file)]).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_offers_what_may_come_next() {
    let host = "completions/pattern.bash";
    assert_eq!(offered(host, &["pattern", "re"]), ["recovery"]);
    assert_eq!(offered(host, &["pattern", "run", "--d"]), ["--disk", "--display"]);
    assert_eq!(offered(host, &["pattern", "sign-release", "--compress", ""]), ["xz", "gz", "none"]);
}
