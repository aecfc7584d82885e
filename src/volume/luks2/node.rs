//! A place in the JSON metadata that knows its own name, so that each error can name it.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::Flaw;

/// A value, or the place where one should be.
pub(super) struct Node<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Node<'a> {
    pub(super) fn root(name: &str, metadata: &'a Value) -> Self {
        Self { path: name.to_owned(), value: metadata.get(name) }
    }

    pub(super) fn at(&self, name: &str) -> Self {
        Self { path: format!("{}.{name}", self.path), value: self.value.and_then(|value| value.get(name)) }
    }

    pub(super) fn flaw(&self, expected: impl Into<String>) -> Flaw {
        Flaw::of(&self.path, self.value, expected)
    }

    /// Returns a flaw like [`Node::flaw`], for a wrong count.
    pub(super) fn miscounted(&self, count: usize, expected: impl Into<String>) -> Flaw {
        Flaw::new(&self.path, format!("an object of {count}"), expected)
    }

    pub(super) fn absent(&self) -> bool {
        self.value.is_none()
    }

    /// Returns the members of an object whose names are numbers below `limit`, as libcryptsetup
    /// writes them.
    pub(super) fn numbered(&self, limit: u32) -> Result<Vec<(String, Node<'a>)>, Flaw> {
        let members = self.value.and_then(Value::as_object).ok_or_else(|| self.flaw("an object"))?;
        if members.len() > limit as usize {
            return Err(self.miscounted(members.len(), format!("at most {limit}")));
        }
        let numbered =
            |name: &str| (0..limit).any(|number| number.to_string() == *name).then(|| name.to_owned());
        let member = |name: &String| match numbered(name) {
            Some(name) => Ok((name.clone(), self.at(&name))),
            None => Err(Flaw::new(
                &self.path,
                format!("an object with {:?}", name.chars().take(40).collect::<String>()),
                format!("the names 0 to {} only", limit - 1),
            )),
        };
        members.keys().map(member).collect()
    }

    /// Returns the only member of an object.
    pub(super) fn only(&self, limit: u32) -> Result<(String, Node<'a>), Flaw> {
        let mut members = self.numbered(limit)?;
        match (members.pop(), members.len()) {
            (Some(member), 0) => Ok(member),
            (last, rest) => Err(self.miscounted(rest + usize::from(last.is_some()), "exactly one")),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, Flaw> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.flaw("a text"))
    }

    pub(super) fn one_of(&self, allowed: &[&str]) -> Result<&'a str, Flaw> {
        let text = self.value.and_then(Value::as_str).filter(|text| allowed.contains(text));
        text.ok_or_else(|| self.flaw(allowed.join(" or ")))
    }

    /// Returns a JSON number.
    pub(super) fn number(&self, allowed: RangeInclusive<u64>) -> Result<u64, Flaw> {
        let number = self.value.and_then(Value::as_u64).filter(|number| allowed.contains(number));
        number.ok_or_else(|| match (allowed.start(), allowed.end()) {
            (least, most) if least == most => self.flaw(least.to_string()),
            (least, most) => self.flaw(format!("a number from {least} to {most}")),
        })
    }

    /// Returns a number that is written as text, as all numbers of up to 64 bits are.
    pub(super) fn bytes(&self) -> Result<u64, Flaw> {
        let text = self.value.and_then(Value::as_str);
        let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.flaw("bytes, as decimal digits in quotes"))
    }

    /// Returns an array of texts.
    pub(super) fn texts(&self) -> Result<Vec<&'a str>, Flaw> {
        let texts = self.value.and_then(Value::as_array);
        let texts = texts.and_then(|values| values.iter().map(Value::as_str).collect());
        texts.ok_or_else(|| self.flaw("an array of texts"))
    }
}
