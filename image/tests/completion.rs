//! A shell completes what the command line takes: commands, options, values, files. What it offers
//! comes from the program's own definition. Each test types into a real bash on a terminal of its
//! own, with TAB.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn pattern(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pattern")).args(arguments).output().unwrap()
}

fn script(shell: &str) -> String {
    let output = pattern(&["completion", shell]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with one image and one folder to choose from.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("work/folder")).unwrap();
    fs::write(place.path().join("work/folder/x.raw"), "").unwrap();
    place
}

/// What bash shows after these keys, with a `pattern` that repeats its arguments.
fn typed(completion: &Path, keys: &str) -> String {
    let place = place();
    let settings = format!(
        "PS1='> '\nbind 'set show-all-if-ambiguous on'\nbind 'set bell-style none'\n\
         bind 'set enable-bracketed-paste off'\n. '{}'\npattern() {{ echo \"ran: $*.\"; }}\n",
        completion.display()
    );
    fs::write(place.path().join("settings"), settings).unwrap();
    let mut command = Command::new("script");
    command.args(["-qec", "stty cols 200; bash --noprofile --rcfile ../settings -i", "/dev/null"]);
    command.current_dir(place.path().join("work")).env("TERM", "dumb");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    write!(child.stdin.take().unwrap(), "{keys}\nexit\n").unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().replace('\r', "")
}

fn typed_on_host(keys: &str) -> String {
    let place = place();
    let file = place.path().join("pattern");
    fs::write(&file, script("bash")).unwrap();
    typed(&file, keys)
}

/// The words of the line that has this one.
fn offered<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find(|words| words.contains(&word)).unwrap_or_else(|| panic!("no {word:?}: {text}"))
}

#[test]
fn files_and_folders_are_offered_where_they_belong() {
    for before in [
        "config check",
        "build",
        "run",
        "sign-image",
        "sign-image folder",
        "sign-release",
        "sign-release folder",
        "gen-keyring",
        "addon",
        "addon folder quiet --keys",
        "recovery decrypt",
        "--quiet build",
        "build --keys",
        "run --persist",
    ] {
        let text = typed_on_host(&format!("pattern {before} \t"));
        assert!(text.contains(&format!("ran: {before} folder/.")), "{before}: {text}");
    }
    let text = typed_on_host("pattern run folder/\t");
    assert!(text.contains("ran: run folder/x.raw."), "{text}");
    let text = typed_on_host("pattern build --output=f\t");
    assert!(text.contains("ran: build --output=folder/."), "{text}");
}

#[test]
fn commands_options_and_values_are_offered() {
    let text = typed_on_host("pattern \t");
    let commands = [
        "addon",
        "build",
        "burn",
        "completion",
        "config",
        "gen-keyring",
        "help",
        "init",
        "recovery",
        "run",
        "serve",
        "show",
        "sign-image",
        "sign-release",
    ];
    assert_eq!(offered(&text, "build"), commands, "{text}");
    assert_eq!(offered(&typed_on_host("pattern run --d\t"), "--disk"), ["--disk", "--display"]);
    for option in ["--compress ", "--compress="] {
        let text = typed_on_host(&format!("pattern sign-release {option}\t"));
        assert_eq!(offered(&text, "xz"), ["gz", "none", "xz"], "{text}");
    }
    let text = typed_on_host("pattern sign-r\t");
    assert!(text.contains("ran: sign-release."), "{text}");
}

#[test]
fn nothing_is_offered_for_what_is_not_there() {
    for line in ["build --frob", "run nowhere/", "run i --memory"] {
        let text = typed_on_host(&format!("pattern {line}\t"));
        assert!(text.contains(&format!("ran: {line}.")), "{line}: {text}");
    }
    let output = pattern(&["completion", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("[possible values: bash, zsh, fish]"), "{error}");
}

/// Only where the shell is there: no other test needs it.
#[test]
fn zsh_and_fish_read_their_scripts() {
    for (shell, starts) in [("zsh", "#compdef pattern\n"), ("fish", "# Print an optspec")] {
        let text = script(shell);
        assert!(text.starts_with(starts) && text.contains("sign-release"), "{text}");
        let place = place();
        let file = place.path().join("script");
        fs::write(&file, text).unwrap();
        let Ok(output) = Command::new(shell).arg("-n").arg(&file).output() else { continue };
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
