//! What a command answers on a system that is not a pattern system.

use serde_json::json;

use super::{Command, Recovery, Reset};
use crate::plan::CONFIG_PATH;

/// An answer for people, and one for programs if the command was asked for JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elsewhere {
    /// A sentence.
    pub message: String,
    /// A JSON object.
    pub json: Option<String>,
}

impl Command {
    /// Returns what to say where [`CONFIG_PATH`] does not exist, or nothing if the command works there, too.
    #[must_use]
    pub fn elsewhere(&self) -> Option<Elsewhere> {
        let as_json = match self {
            Self::Help(_) | Self::Version => return None,
            Self::Status { as_json, .. }
            | Self::CheckUpdate { as_json }
            | Self::Recovery(Recovery::Status { as_json })
            | Self::Reset(Reset::Status { as_json }) => *as_json,
            Self::Etc(etc) => etc.as_json(),
            _ => false,
        };
        let message = format!(
            "this is not a pattern system: {CONFIG_PATH}, which each image has, does not exist; run the command on a \
             machine that runs an image made by `pattern build`"
        );
        let json = as_json.then(|| json!({ "error": message }).to_string());
        Some(Elsewhere { message, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;

    fn said(line: &str) -> Option<Elsewhere> {
        parse(line.split(' ').map(Into::into)).unwrap().elsewhere()
    }

    #[test]
    fn each_command_of_a_machine_says_that_this_is_not_one() {
        for line in [
            "status",
            "update",
            "rollback",
            "check-update",
            "etc diff ssh",
            "etc take ssh",
            "rebind",
            "recovery",
            "recovery new",
            "reset --yes",
        ] {
            let said = said(line).unwrap();
            assert!(
                said.message.starts_with("this is not a pattern system: /usr/lib/pattern/pattern.toml"),
                "{line}"
            );
            assert_eq!(said.json, None, "{line}");
        }
    }

    #[test]
    fn programs_get_json() {
        for line in [
            "status --json",
            "check-update --json",
            "etc diff --json",
            "etc conflicts --json",
            "etc history --json",
            "recovery --json",
            "reset --status --json",
        ] {
            let said = said(line).unwrap();
            let json: serde_json::Value = serde_json::from_str(&said.json.unwrap()).unwrap();
            assert_eq!(json, json!({ "error": said.message }), "{line}");
        }
    }

    #[test]
    fn help_is_the_same_everywhere() {
        for line in ["help", "--version", "status --help"] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
