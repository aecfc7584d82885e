//! Keeps what the server of the updates said, for `pattern status`.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use pattern::update::news::News;

/// Where nothing of `/var` is persisted, this is of the present boot.
const FILE: &str = "/var/lib/pattern/updates.json";

/// Returns what the server said last.
pub(super) fn kept() -> News {
    fs::read_to_string(FILE).map_or_else(|_| News::default(), |text| News::parse(&text))
}

/// Keeps an answer. The update goes on without.
pub(super) fn keep(answer: &Result<Option<String>>) {
    let text = kept().after(now(), answer.as_ref().ok().cloned());
    if let Err(error) = write(Path::new(FILE), &text) {
        eprintln!("pattern: {error:#}");
    }
}

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A power cut leaves the text of before, or this one.
fn write(file: &Path, text: &str) -> Result<()> {
    let draft = file.with_extension("new");
    let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&draft, text));
    let written = written.and_then(|()| fs::rename(&draft, file));
    written.with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_whole_and_a_failure_names_the_file() {
        let folder = std::env::temp_dir().join(format!("pattern-news-{}", std::process::id()));
        let file = folder.join("pattern/updates.json");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.join("pattern")).unwrap().count(), 1);
        let error = write(&file.join("below"), "three").unwrap_err();
        assert!(error.to_string().starts_with("writing "), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
