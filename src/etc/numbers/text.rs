//! Numbers as a text: a line for each name that has or had a number.

use super::{Names, Numbers};

impl Numbers {
    /// Returns the text. [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (word, names) in [("user", &self.users), ("group", &self.groups)] {
            for (number, name) in
                names.iter().flat_map(|(number, all)| all.iter().map(move |name| (number, name)))
            {
                text.extend(format!("{word} {number} ").into_bytes());
                text.extend(name);
                text.push(b'\n');
            }
        }
        text
    }

    /// Reads what [`text`](Self::text) wrote, and nothing else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = Self::default();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            numbers.add(line.strip_suffix(b"\n")?)?;
        }
        // Each content has one text. Another one was written by somebody else, or is damaged.
        (numbers.text() == text).then_some(numbers)
    }

    fn add(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let names: &mut Names = match words.next()? {
            b"user" => &mut self.users,
            b"group" => &mut self.groups,
            _ => return None,
        };
        let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        names.entry(number).or_default().insert(words.next()?.to_vec());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etc::{Content, Kind, Meta, Node, Path, Tree};

    fn numbers(passwd: &[u8], group: &[u8]) -> Numbers {
        let mut tree = Tree::default();
        for (name, text) in [("passwd", passwd), ("group", group)] {
            let meta = Meta { owner: 0, group: 0, mode: 0o644, attributes: [].into() };
            let node = Node { kind: Kind::File(Content::of_text(text)), meta };
            tree.insert(Path::new(name).unwrap(), node).unwrap();
        }
        let mut numbers = Numbers::default();
        numbers.record(&tree);
        numbers
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let all = numbers(
            b"root:x:0:0::/:/sh\ntwo words:x:7:7::/:/sh\n\xff:x:7:7::/:/sh\nlast:x:4294967295:0::/:/sh\n",
            b"root:x:0:\n",
        );
        let text = b"user 0 root\nuser 7 two words\nuser 7 \xff\nuser 4294967295 last\ngroup 0 root\n";
        assert_eq!(all.text(), text);
        assert_eq!(Numbers::parse(text), Some(all));
        assert_eq!(Numbers::parse(b""), Some(Numbers::default()));
    }

    #[test]
    fn a_text_that_was_not_written_by_us_is_refused() {
        for text in [
            "user 0 root",
            "user 0\n",
            "user  root\n",
            "user -1 root\n",
            "user +1 root\n",
            "user 01 root\n",
            "user 4294967296 root\n",
            "users 0 root\n",
            "\n",
            "user 0 root\n\n",
            "user 0 root\nuser 0 root\n",
            "user 1 a\nuser 0 root\n",
            "group 0 root\nuser 0 root\n",
        ] {
            assert_eq!(Numbers::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
