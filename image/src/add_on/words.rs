//! The words of an add-on: each is one for Linux and for systemd, and the image allows it.

use std::path::Path;

use anyhow::{Result, bail};
use pattern::config::add_on::{item, unlisted};

/// Bytes that Linux takes of a command line on x86-64, without the zero at its end (`COMMAND_LINE_SIZE`).
const LONGEST: usize = 2047;

/// Returns the line of these words.
///
/// # Errors
/// When one would not be the same word on the machine, or Linux would cut the line off.
pub(super) fn line(words: &[String]) -> Result<String> {
    if let Some((word, fault)) = words.iter().find_map(|word| Some((word, fault(word)?))) {
        bail!("making an add-on with the word {word:?}: {fault}");
    }
    let line = words.join(" ");
    if line.len() > LONGEST {
        bail!(
            "making an add-on: its words have {} bytes, and Linux takes {LONGEST} of a command line, with the words of the image: \
             leave some out",
            line.len()
        );
    }
    Ok(line)
}

fn fault(word: &str) -> Option<&'static str> {
    if word.is_empty() {
        return Some("it is empty: leave it out");
    }
    if word.contains(' ') {
        return Some("it has a blank: give each word by itself");
    }
    // systemd reads the command line, too, and goes by all three.
    if word.contains(['"', '\'', '\\']) {
        return Some(
            "it has a quotation mark or a backslash, by which words are joined: give a word without",
        );
    }
    if !word.chars().all(|c| c.is_ascii_graphic()) {
        return Some("it has something else than ASCII letters, digits and marks: give a word without");
    }
    word.ends_with("=*").then_some("the * stands for any value in boot.add_on_words only: give the value")
}

/// Fails if the image's list does not name a word of a line.
///
/// # Errors
/// With the line for the file, or the reason why it can't have such a line.
pub(super) fn refuse_unlisted(line: &str, listed: &[String], file: &Path) -> Result<()> {
    let mut words: Vec<String> = Vec::new();
    for word in unlisted(line, listed) {
        if !words.iter().any(|other| other == word) {
            words.push(word.to_owned());
        }
    }
    let shown = words.join(" and ");
    let lacks = format!("making an add-on: boot.add_on_words of {} does not list {shown}", file.display());
    if let Some(reason) = words.iter().find_map(|word| item(word).err()) {
        bail!("{lacks}, and can't: it {reason}");
    }
    if words.is_empty() {
        return Ok(());
    }
    let items: Vec<_> = listed.iter().chain(&words).map(|item| format!("{item:?}")).collect();
    bail!(
        "{lacks}: write below [boot]: add_on_words = [{}]; a machine accepts these words once it runs a version that was built with \
         this line",
        items.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        line(&words).map_or_else(|error| error.to_string(), |line| format!("[{line}]"))
    }

    #[test]
    fn words_are_joined_by_one_blank_each() {
        assert_eq!(
            said(&["console=ttyS1,115200n8", "quiet", "a.b=/x:y%z"]),
            "[console=ttyS1,115200n8 quiet a.b=/x:y%z]"
        );
        assert_eq!(said(&["a"; 1024]).len(), 2047 + 2);
        let wanted = "making an add-on: its words have 2049 bytes, and Linux takes 2047 of a command line, with the words of the \
                      image: leave some out";
        assert_eq!(said(&["a"; 1025]), wanted);
    }

    #[test]
    fn what_linux_or_systemd_takes_for_another_word_is_refused() {
        for (word, fault) in [
            ("", "it is empty"),
            ("a b", "it has a blank"),
            ("a=\"b\"", "it has a quotation mark"),
            ("a='", "it has a quotation mark"),
            ("a\\", "it has a quotation mark or a backslash"),
            ("a\n", "it has something else than ASCII"),
            ("a\tb", "it has something else than ASCII"),
            ("a\0", "it has something else than ASCII"),
            ("a=\u{e4}", "it has something else than ASCII"),
            ("console=*", "the * stands for any value in boot.add_on_words only: give the value"),
        ] {
            let said = said(&["quiet", word]);
            assert!(said.starts_with(&format!("making an add-on with the word {word:?}: {fault}")), "{said}");
        }
    }

    fn refused(line: &str) -> String {
        let listed = ["console=*", "quiet"].map(str::to_owned);
        refuse_unlisted(line, &listed, Path::new("x/pattern.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_line_to_write_keeps_what_is_listed() {
        let listed = ["console=*", "quiet"].map(str::to_owned);
        refuse_unlisted("console=ttyS1 quiet", &listed, Path::new("x")).unwrap();
        let wanted = "making an add-on: boot.add_on_words of x/pattern.toml does not list mitigations=off and splash: write below \
                      [boot]: add_on_words = [\"console=*\", \"quiet\", \"mitigations=off\", \"splash\"]; a machine accepts these \
                      words once it runs a version that was built with this line";
        assert_eq!(refused("mitigations=off quiet splash mitigations=off"), wanted);
    }

    #[test]
    fn a_word_that_no_image_lists_is_not_advised() {
        let said = refused("splash init=/x");
        let wanted = "does not list splash and init=/x, and can't: it must not hold \"init=/x\": the word decides what is started";
        assert!(said.contains(wanted) && !said.contains("write below"), "{said}");
    }
}
