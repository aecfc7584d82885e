//! Words of a command that a person is to type.

use std::path::Path;

use super::tools::operand;

/// Returns a path as one word for a shell, which no program takes for an option.
pub(crate) fn word(path: &Path) -> String {
    quoted(&operand(path).display().to_string())
}

/// Returns a word that a shell takes as it is.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    let stands = !word.is_empty() && word.chars().all(is_plain);
    if stands { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        for (path, wanted) in [
            ("a/b_1.raw", "a/b_1.raw"),
            ("ab c", "'ab c'"),
            ("it's", r"'it'\''s'"),
            ("-x", "./-x"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(word(Path::new(path)), wanted);
        }
    }

    #[test]
    fn a_shell_takes_it_as_it_is() {
        for path in ["ab c", "a'b\"c", "$(id)`id`;#*?", "~"] {
            let script = format!("printf %s {}", word(Path::new(path)));
            let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
            assert_eq!(String::from_utf8(said).unwrap(), path);
        }
    }
}
