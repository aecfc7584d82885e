//! What `pattern update` and `pattern-fetch` say to each other: a line with a JSON object each.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::size::Size;

/// What `pattern update` asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The address of the release.
    pub url: String,
    /// `ID_VERSION` of the version that is wanted.
    pub new: String,
    /// The same of the one that runs.
    pub running: String,
    /// The root hash of the running `/usr`, in hexadecimal digits.
    pub root: String,
    /// How many blocks of 4096 bytes it has.
    pub blocks: u64,
    /// The keyrings of the image; the first that is there counts.
    pub keyrings: Vec<PathBuf>,
    /// The device with the running `/usr`. It is not read through dm-verity: a damaged block must not end the system.
    pub usr: PathBuf,
    /// The device that is about to be written, if there is one.
    pub target: Option<PathBuf>,
    /// The kernel image that runs.
    pub kernel: Option<PathBuf>,
}

/// What `pattern-fetch` answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It offers the version.
    Ready(Ready),
    /// The whole has to be fetched, and why.
    Whole(String),
}

/// What is offered. Sizes are in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// The port on the loopback.
    pub port: u16,
    /// What was fetched for the answer, and what is to be fetched.
    pub fetched: u64,
    /// What of `/usr` and of the kernel image is still to be fetched.
    pub left: u64,
    /// How many requests were made, and are to be made.
    pub requests: u64,
    /// All of `/usr`.
    pub usr: u64,
    /// What of it the running version has.
    pub running: u64,
    /// What of it lies in the slot that is written, after a download that was cut.
    pub target: u64,
    /// Whether the server has a patch from the running version.
    pub patched: bool,
    /// Whether the kernel image is fetched as a whole. It is not counted in `left`.
    pub whole_kernel: bool,
}

impl Ready {
    /// Returns how much is fetched, without a kernel image that is fetched as a whole.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.fetched.saturating_add(self.left)
    }

    /// Returns the last words, by all bytes that were fetched: also what is left of the plan if the version was not installed.
    #[must_use]
    pub fn end(&self, fetched: u64, installed: bool) -> String {
        let left = megabytes(self.bytes().saturating_sub(fetched));
        let fetched = megabytes(fetched);
        if installed {
            return fetched + " MB were fetched.";
        }
        format!(
            "{fetched} MB were fetched, {left} MB are left; the next pattern update goes on with what was written."
        )
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.patched { "by a patch" } else { "by blocks" };
        let kernel = if self.whole_kernel { ", and the kernel image" } else { "" };
        write!(
            f,
            "{} MB are fetched {way}, in {} requests{kernel}; of {} MB of /usr, {} MB are in the running version and {} MB in the \
             other slot",
            megabytes(self.bytes()),
            self.requests,
            megabytes(self.usr),
            megabytes(self.running),
            megabytes(self.target)
        )
    }
}

fn megabytes(bytes: u64) -> String {
    Size::from_bytes(bytes).megabytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_line_that_is_read_again_and_said() {
        let ready = Ready {
            port: 1,
            fetched: 189_787,
            left: 7_561_761,
            requests: 7,
            usr: 184_328_192,
            running: 160_000_000,
            target: 4096,
            patched: true,
            whole_kernel: false,
        };
        let line = serde_json::to_string(&Answer::Ready(ready)).unwrap();
        assert!(line.starts_with(r#"{"ready":{"port":1,"#), "{line}");
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), Answer::Ready(ready));
        let there = "; of 184.4 MB of /usr, 160.0 MB are in the running version and 0.1 MB in the other slot";
        assert_eq!(ready.to_string(), format!("7.8 MB are fetched by a patch, in 7 requests{there}"));
        let blocks = Ready { patched: false, whole_kernel: true, ..ready };
        assert_eq!(
            blocks.to_string(),
            format!("7.8 MB are fetched by blocks, in 7 requests, and the kernel image{there}")
        );
        assert_eq!(
            serde_json::from_str::<Answer>(r#"{"whole":"why"}"#).unwrap(),
            Answer::Whole("why".to_owned())
        );
        assert_eq!(ready.end(5_000_000, true), "5.0 MB were fetched.");
        let cut =
            "5.0 MB were fetched, 2.8 MB are left; the next pattern update goes on with what was written.";
        assert_eq!(ready.end(5_000_000, false), cut);
    }
}
