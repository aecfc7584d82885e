//! Keeps what the server of the updates said, for `pattern status`.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use pattern::update::news::News;
use pattern_machine::{output, replace};

/// Where nothing of `/var` is persisted, this is of the present boot.
const FOLDER: &str = "/var/lib/pattern";
const FILE: &str = "updates.json";

/// Returns what the server said last.
pub(super) fn kept() -> News {
    fs::read_to_string(Path::new(FOLDER).join(FILE))
        .map_or_else(|_| News::default(), |text| News::parse(&text))
}

/// Keeps an answer. The update goes on without.
pub(super) fn keep(answer: &Result<Option<String>>) {
    let text = kept().after(now(), answer.as_ref().ok().cloned());
    let folder = Path::new(FOLDER);
    let kept = fs::create_dir_all(folder).and_then(|()| replace::file(folder, FILE, text.as_bytes(), 0o644));
    if let Err(error) = kept {
        output::message(&format!("pattern: writing {FOLDER}/{FILE}: {error}"));
    }
}

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
