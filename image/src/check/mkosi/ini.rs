//! The form of mkosi's configuration files.

/// Returns names and values, whatever their section. Lines of a value that is continued stay lines.
pub(super) fn settings(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let plain = line.trim();
        if plain.is_empty() {
            continue;
        }
        match found.last_mut().filter(|_| open && line.starts_with(char::is_whitespace)) {
            Some((_, value)) => *value = format!("{value}\n{plain}"),
            None => {
                let setting = plain.split_once('=').filter(|_| !plain.starts_with('['));
                open = setting.is_some();
                found.extend(setting.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
            }
        }
    }
    found
}

/// Returns the items of a list.
pub(super) fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_on_in_indented_lines() {
        let text = "# head\n[Content]\nPackages=a\n        b  # why\n\n        # not this\n        c,d\nBootable = yes\n[Other]\n  x\n";
        let found = settings(text);
        let plain: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(plain, [("Packages", "a\nb\nc,d"), ("Bootable", "yes")]);
        assert_eq!(items(&found[0].1).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
