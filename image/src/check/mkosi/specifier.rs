//! What stands for something else in a path of mkosi's configuration (mkosi(1), "Specifiers").

use std::path::Path;

/// The folders that some specifiers stand for.
pub(super) struct Folders<'a> {
    /// Of the image.
    pub(super) image: &'a Path,
    /// Of the configuration file.
    pub(super) file: &'a Path,
    /// Where relative paths start.
    pub(super) base: &'a Path,
}

/// A path, or what else an item of a list is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) text: String,
    /// What in it only mkosi can resolve, such as `%i` or `$HOME`.
    pub(super) unknown: Option<String>,
}

impl Folders<'_> {
    /// Resolves the specifiers in an item.
    pub(super) fn resolve(&self, item: &str) -> Resolved {
        let (mut text, mut unknown, mut rest) = (String::new(), shell(item), item.chars());
        while let Some(char) = rest.next() {
            if char != '%' {
                text.push(char);
                continue;
            }
            match rest.next() {
                Some('D') => text.push_str(&self.image.to_string_lossy()),
                Some('C') => text.push_str(&self.file.to_string_lossy()),
                Some('P') => text.push_str(&self.base.to_string_lossy()),
                Some('%') | None => text.push('%'),
                Some(other) => {
                    unknown.get_or_insert_with(|| format!("%{other}"));
                    text.extend(['%', other]);
                }
            }
        }
        Resolved { text, unknown }
    }
}

/// Returns what mkosi takes from its environment.
fn shell(item: &str) -> Option<String> {
    if item.starts_with('~') {
        return Some("~".to_owned());
    }
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    item.match_indices('$').find_map(|(at, _)| {
        let rest = item.get(at + 1..)?;
        let braced = rest.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0));
        let name = braced.or_else(|| rest.split(|char| !is_name(char)).next())?;
        (!name.is_empty() && name.chars().all(is_name)).then(|| format!("${name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_put_in_and_what_only_mkosi_knows_is_named() {
        let folders = Folders { image: Path::new("/i"), file: Path::new("/f"), base: Path::new("/b") };
        for (item, text, unknown) in [
            ("%D/x", "/i/x", None),
            ("%C/%P", "/f//b", None),
            ("a%%D%", "a%D%", None),
            ("keys/%i/%v", "keys/%i/%v", Some("%i")),
            ("~/keys", "~/keys", Some("~")),
            ("$HOME/keys", "$HOME/keys", Some("$HOME")),
            ("a/${K}x", "a/${K}x", Some("$K")),
            ("a$/b$$", "a$/b$$", None),
            ("plain", "plain", None),
        ] {
            let wanted = Resolved { text: text.to_owned(), unknown: unknown.map(str::to_owned) };
            assert_eq!(folders.resolve(item), wanted, "{item}");
        }
    }
}
