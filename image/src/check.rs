//! `pattern config check`: all that is wrong with some configuration files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pattern::config::{self, Problem};
use serde_json::{Value, json};

use crate::args;

/// Prints the problems of all files. Whether there are none.
///
/// # Errors
/// When a file can't be read.
pub fn check(options: &args::Check) -> Result<bool> {
    let mut problems = Vec::new();
    for file in &options.files {
        problems.extend(problems_of(file)?);
    }
    if options.json {
        println!("{}", json(&problems));
    } else {
        problems.iter().for_each(|problem| println!("{problem}"));
    }
    Ok(problems.is_empty())
}

fn problems_of(file: &Path) -> Result<Vec<Problem>> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    Ok(config::parse(&name, &text).err().unwrap_or_default())
}

/// An array of objects with `file`, `line`, `key` (empty for the text as a whole) and `message`.
fn json(problems: &[Problem]) -> Value {
    let object = |problem: &Problem| {
        json!({
            "file": problem.file,
            "line": problem.line,
            "key": problem.key,
            "message": problem.message,
        })
    };
    problems.iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_as_json() {
        let problem =
            Problem { file: "a.toml".into(), line: 3, key: "image.id".into(), message: "is missing".into() };
        let expected = r#"[{"file":"a.toml","key":"image.id","line":3,"message":"is missing"}]"#;
        assert_eq!(json(&[problem]).to_string(), expected);
        assert_eq!(json(&[]).to_string(), "[]");
    }
}
