//! What a `pattern.toml` sets, as text to show and to compare.

use toml::de::DeValue;

use super::document::Document;
use super::keys::{Absent, KEYS};

/// Returns the keys that a text sets to another value than their default, with the value in TOML.
/// Unknown keys are left out: an image may be of another version of this tool. A text that is not
/// TOML sets nothing.
#[must_use]
pub fn settings(text: &str) -> Vec<(&'static str, String)> {
    let Ok(document) = Document::parse("", text) else { return Vec::new() };
    let set = KEYS.iter().filter_map(|key| {
        let (_, value) = document.value(key.path)?;
        let value = words(value);
        let is_default = matches!(key.absent, Absent::Default(default) if default == value);
        (!is_default).then_some((key.path, value))
    });
    set.collect()
}

fn words(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| words(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_default_is_set() {
        let text = "debug = false\n[image]\nid = \"x\"\nepoch = 2\nfuture = true\n\
                    [volume]\nfilesystem = \"xfs\"\npcrs = [7, 9]\npin = true\n[boot]\nessential = [\"a.service\"]\n";
        let expected = [
            ("image.id", "\"x\""),
            ("image.epoch", "2"),
            ("volume.pcrs", "[7, 9]"),
            ("volume.pin", "true"),
            ("boot.essential", "[\"a.service\"]"),
        ];
        assert_eq!(settings(text), expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn what_is_not_toml_sets_nothing() {
        assert_eq!(settings("debug ="), []);
    }
}
