//! Makes texts of others, such as names on a disk, safe for a line of a log or a terminal.

/// Returns the text on one line, without anything that a terminal obeys. Line ends and tabs become
/// spaces. Other control characters, invisible ones, and those that change the text's direction are
/// escaped.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => line.push(' '),
            c if c.is_control() || is_hidden(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// Returns whether a character is invisible (Unicode's category Cf, separators of lines and
/// paragraphs, tags).
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_text_stays_on_its_line_and_commands_no_terminal() {
        let cases = [
            ("usr-0.0.1", "usr-0.0.1"),
            ("two\nlines\tand\r\nmore", "two lines and  more"),
            ("\u{1b}[2Jhidden\u{7}", "\\u{1b}[2Jhidden\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}\0", "\\u{7f}\\u{0}"),
            ("gpj.\u{202e}efi", "gpj.\\u{202e}efi"),
            ("a\u{200b}b\u{2066}c\u{feff}", "a\\u{200b}b\\u{2066}c\\u{feff}"),
            ("Grüße, 世界", "Grüße, 世界"),
        ];
        for (text, line) in cases {
            assert_eq!(plain(text), line);
        }
    }
}
