//! Splits a kernel command line into words.
//!
//! The rule is the kernel's own (`next_arg` in lib/cmdline.c): words end at white space outside
//! double quotes, and the quotes around a word or around its value are dropped. Keys compare as in
//! systemd: `-` and `_` are the same. Nothing else is unescaped.

/// A kernel command line, split into keys and values in the order given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cmdline(Vec<(String, Option<String>)>);

impl Cmdline {
    /// Splits a command line. Every text is valid.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(words(text).iter().map(|word| key_and_value(word)).collect())
    }

    /// Returns all different values of a key, in the order given.
    #[must_use]
    pub fn values(&self, key: &str) -> Vec<&str> {
        let given = self.0.iter().filter(|(name, _)| same_key(name, key));
        let mut values: Vec<_> = given.filter_map(|(_, value)| value.as_deref()).collect();
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(*value));
        values
    }

    /// Returns all keys that start with a prefix, with their values, in the order given.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let named = self.0.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        named.filter(move |(key, _)| key.starts_with(prefix))
    }
}

/// Returns whether two keys name the same parameter.
#[must_use]
pub fn same_key(a: &str, b: &str) -> bool {
    let plain = |c: char| if c == '-' { '_' } else { c };
    a.chars().map(plain).eq(b.chars().map(plain))
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        if c.is_ascii_whitespace() && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn key_and_value(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((key, value)) if key.starts_with('"') => {
            (key.trim_start_matches('"').to_owned(), Some(value.trim_end_matches('"').to_owned()))
        }
        Some((key, value)) => (key.to_owned(), Some(value.trim_matches('"').to_owned())),
        None => (word.trim_matches('"').to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quoted_white_space_and_lose_the_quotes() {
        let cmdline = Cmdline::parse("quiet  a=\"x y\" \"b=z w\" c=\"\" usr-hash=00\n");
        assert_eq!(cmdline.values("a"), ["x y"]);
        assert_eq!(cmdline.values("b"), ["z w"]);
        assert_eq!(cmdline.values("c"), [""]);
        assert_eq!(cmdline.values("usr_hash"), ["00"]);
        assert!(cmdline.values("quiet").is_empty());
        assert!(cmdline.values("absent").is_empty());
    }

    #[test]
    fn different_values_are_kept_in_order() {
        let cmdline = Cmdline::parse("k=1 k k=2 k");
        assert_eq!(cmdline.values("k"), ["1", "2"]);
        assert_eq!(Cmdline::parse("k=1 k=1 -k=2").values("k"), ["1"]);
    }

    #[test]
    fn a_prefix_finds_keys_in_order_with_and_without_value() {
        let cmdline = Cmdline::parse("pattern.b=1 other pattern.a");
        let found: Vec<_> = cmdline.starting_with("pattern.").collect();
        assert_eq!(found, [("pattern.b", Some("1")), ("pattern.a", None)]);
    }
}
