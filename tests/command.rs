//! What `pattern` on the machine takes is what its manual pages and its completion say, and the commands
//! that it refuses as the host's are those of the host's manual page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::command::{parse, topics};

const COMPLETION: &str = "image/mkosi/image/mkosi.extra/usr/share/bash-completion/completions/pattern";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lines of a manual page's synopsis that begin with `pattern`, without their marks.
fn synopsis(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let synopsis = text.split("# SYNOPSIS\n").nth(1).and_then(|rest| rest.split("\n# ").next()).unwrap();
    let paragraphs =
        synopsis.split("\n\n").map(|text| text.replace(['*', '\\'], "").trim().replace('\n', " "));
    paragraphs.filter(|line| line.starts_with("pattern ")).collect()
}

#[test]
fn manual_pages_have_the_usage_of_each_command() {
    let pages = fs::read_dir(path("docs/man")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|page| page.to_str().unwrap().ends_with(".8.md"));
    let described: BTreeSet<_> = pages.flat_map(|page| synopsis(&page)).collect();
    let usage: BTreeSet<_> =
        topics().flat_map(|topic| topic.usage).map(|usage| (*usage).to_owned()).collect();
    assert_eq!(described, usage);
}

#[test]
fn each_command_of_the_host_is_refused_as_one() {
    let lines = synopsis(&path("docs/man/pattern.1.md"));
    assert!(lines.len() > 5, "{lines:?}");
    for line in lines {
        let said = parse(line.split(' ').skip(1).map(Into::into)).unwrap_err().to_string();
        assert!(said.contains("is a command of the host tool, not of the machine"), "{line}: {said}");
    }
}

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let script = r#"compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pattern; printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash"]).arg(path(COMPLETION)).arg("pattern").args(words);
    let output = bash.current_dir(path("units")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn bash_offers_each_command_and_its_options_and_no_other() {
    let commands: Vec<&str> = topics().map(|topic| topic.name).collect();
    assert_eq!(offered(&["help", ""]), commands);
    assert_eq!(offered(&[""]), [&commands[..], &["help", "--help", "--version"]].concat());
    for topic in topics() {
        assert_eq!(offered(&[topic.name, "--"]), [topic.options, &["--help"]].concat(), "{}", topic.name);
    }
}

#[test]
fn bash_offers_what_may_come_next() {
    let cases: [(&[&str], &[&str]); 15] = [
        (&["re"], &["rebind", "recovery", "reset"]),
        (&["help", "status", ""], &[]),
        (&["reset", "--s"], &["--status"]),
        (&["recovery", ""], &["status", "confirm", "new", "wipe-slot", "--json"]),
        (&["recovery", "status", ""], &["--json"]),
        (&["recovery", "--json", ""], &["status"]),
        (&["recovery", "confirm", ""], &[]),
        (&["recovery", "confirm", "-"], &["--help"]),
        (&["etc", ""], &["diff", "--json"]),
        (&["etc", "diff", "--"], &["--json", "--help"]),
        (&["etc", "diff", "/etc/nsswitch"], &["/etc/nsswitch.conf"]),
        (&["rebind", ""], &["--ahead"]),
        (&["rebind", "--ahead", "--ad"], &["--additions"]),
        (&["rebind", "--ahead", "d"], &["dbx=", "db="]),
        // bash divides dbx=FILE.
        (&["rebind", "--ahead", "dbx", "=", "pattern-usr."], &["pattern-usr.service"]),
    ];
    for (words, next) in cases {
        assert_eq!(offered(words), next, "{words:?}");
    }
}
