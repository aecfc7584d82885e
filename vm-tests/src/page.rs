//! A page of `docs/` whose commands a scenario types.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

/// The blocks of commands that stand below a line `<!-- type: PLACE -->`, in the order of the page.
#[derive(Debug)]
pub struct Page(VecDeque<(String, Vec<String>)>);

impl Page {
    /// Reads a page of `docs/`.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        Self::parse(&fs::read_to_string(path).expect("reading a page"))
    }

    fn parse(text: &str) -> Self {
        let blocks = text.split("<!-- type: ").skip(1).map(|block| {
            let (place, rest) = block.split_once(" -->\n").expect("a whole comment");
            let lines = rest.trim_start_matches('\n').lines().take_while(|line| line.starts_with("    "));
            // Behind two blanks and a # stands what the reader, not the shell, has to know.
            let commands = lines.map(|line| line.split("  # ").next().unwrap_or(line).trim().to_owned());
            (place.to_owned(), commands.collect())
        });
        Self(blocks.collect())
    }

    /// Returns the next block, which must be for this place.
    pub fn next(&mut self, place: &str) -> Vec<String> {
        let (next, commands) = self.0.pop_front().expect("one more block of commands on the page");
        assert_eq!(next, place, "the page is in another order: {commands:?}");
        assert!(!commands.is_empty(), "a block without commands");
        commands
    }

    /// Requires that every block was typed.
    pub fn is_at_its_end(&self) {
        assert!(self.0.is_empty(), "nobody typed {:?}", self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_is_indented_below_a_mark() {
        let mut page = Page::parse(
            "text\n\n    not typed\n\n<!-- type: host -->\n\n    one --with 'a # b'\n    two      # why\n\ntext\n\
             <!-- type: machine -->\n\n    three\n",
        );
        assert_eq!(page.next("host"), ["one --with 'a # b'", "two"]);
        assert_eq!(page.next("machine"), ["three"]);
        page.is_at_its_end();
    }

    #[test]
    #[should_panic(expected = "nobody typed")]
    fn a_block_that_nobody_types_is_noticed() {
        Page::parse("<!-- type: host -->\n\n    one\n").is_at_its_end();
    }
}
