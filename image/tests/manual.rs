//! The manual page pattern(1) has each command and option of the program, with its value and its
//! default, and no other.

use clap::{Arg, Command};
use pattern_image::args;

const PAGE: &str = include_str!("../../docs/man/pattern.1.md");

/// Each command that does something, with the words it is called by.
fn commands(words: &str, command: &Command) -> Vec<(String, Command)> {
    let within: Vec<&Command> = command.get_subcommands().collect();
    if within.is_empty() {
        return vec![(words.to_owned(), command.clone())];
    }
    within.into_iter().flat_map(|one| commands(&format!("{words} {}", one.get_name()), one)).collect()
}

/// Without the options that all of them take.
fn all() -> Vec<(String, Command)> {
    let all = commands("pattern", &args::command());
    assert!(all.len() > 6, "{all:?}");
    all
}

/// `--keys DIR`, `--json`, or `FILE` for what is no option.
fn shown(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().join(" ");
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
        None => values,
    }
}

fn options(command: &Command) -> Vec<&Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some()).collect()
}

/// A text without Markdown's marks, and without those that say what may be left out or repeated.
fn plain(text: &str) -> String {
    text.replace(['*', '\\', '[', ']', '|', '.'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of the page below a heading that starts like this.
fn section(heading: &str) -> &'static str {
    let start = PAGE.find(&format!("\n{heading}")).unwrap_or_else(|| panic!("no {heading:?}"));
    let text = &PAGE[start + 1..];
    text.split_once("\n#").map_or(text, |(section, _)| section)
}

/// The options that a section defines, each with the paragraph that says what it is for.
fn defined(section: &str) -> Vec<(String, &str)> {
    let entries = section.split("\n*").filter_map(|entry| entry.split_once("*\n: "));
    entries.map(|(name, text)| (plain(name), text)).collect()
}

#[test]
fn the_synopsis_has_each_command_line() {
    let lines = section("# SYNOPSIS").split("\n\n").skip(1).map(plain).filter(|line| !line.is_empty());
    let expected = all().into_iter().map(|(words, command)| {
        let line = command.get_positionals().chain(options(&command)).map(|arg| format!(" {}", shown(arg)));
        words + &line.collect::<String>()
    });
    assert_eq!(lines.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn each_option_is_described_with_its_default() {
    for (words, command) in all() {
        let (options, defined) = (options(&command), defined(section(&format!("## {words}"))));
        let names: Vec<&str> = defined.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, options.iter().map(|arg| shown(arg)).collect::<Vec<_>>(), "{words}");
        for (arg, (name, text)) in options.iter().zip(&defined) {
            for default in arg.get_default_values().iter().filter_map(|default| default.to_str()) {
                assert!(text.contains(default), "{words} {name}: {default}");
            }
        }
    }
}

#[test]
fn what_all_commands_take_is_described_once() {
    let mut command = args::command();
    command.build();
    let shown = |arg: &Arg| format!("-{}, --{}", arg.get_short().unwrap(), arg.get_long().unwrap());
    let options: Vec<String> = options(&command).into_iter().map(shown).collect();
    let defined = defined(section("# OPTIONS"));
    assert_eq!(defined.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), options);
}
