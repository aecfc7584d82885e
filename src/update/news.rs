//! What the server of the updates said last, as `pattern update` keeps it for `pattern status`.

use serde::{Deserialize, Serialize};

use crate::ago::ago;

/// Answers of the server. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct News {
    /// When it last answered.
    pub answered: Option<u64>,
    /// The version that was newer than all installed ones then.
    pub offered: Option<String>,
    /// When it last could not be asked, if that was after the last answer.
    pub failed: Option<u64>,
}

impl News {
    /// Reads what was kept. Anything else is as if nobody had asked.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Returns the text to keep after another question: `None` if there was no answer.
    #[must_use]
    pub fn after(self, now: u64, answer: Option<Option<String>>) -> String {
        let news = match answer {
            Some(offered) => Self { answered: Some(now), offered, failed: None },
            None => Self { failed: Some(now), ..self },
        };
        serde_json::to_string(&news).unwrap_or_default()
    }

    /// Returns what is so, for the line that begins with the server's address.
    #[must_use]
    pub fn words(&self, now: u64) -> String {
        let ago = |then: u64| ago(now.saturating_sub(then));
        let answer = match (self.answered, &self.offered) {
            (Some(then), Some(version)) => format!("{version} was offered {}", ago(then)),
            (Some(then), None) => format!("nothing newer {}", ago(then)),
            (None, _) => "no answer yet".to_owned(),
        };
        match self.failed {
            Some(then) => format!("could not be asked {}; {answer}", ago(then)),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_said_last_is_said() {
        let none = News::parse("");
        assert_eq!(none.words(100), "no answer yet");
        let refused = News::parse(&none.after(100, None));
        assert_eq!(refused.words(130), "could not be asked just now; no answer yet");
        let nothing = News::parse(&refused.after(1000, Some(None)));
        assert_eq!(nothing.words(1060), "nothing newer 1 minute ago");
        let refused = News::parse(&nothing.after(1000 + 86400, None));
        assert_eq!(
            refused.words(1000 + 3 * 86400),
            "could not be asked 2 days ago; nothing newer 3 days ago"
        );
        let offered = News::parse(&refused.after(5000, Some(Some("2".to_owned()))));
        assert_eq!(offered.words(5000 + 7199), "2 was offered 1 hour ago");
        // The clock was set back.
        assert_eq!(offered.words(0), "2 was offered just now");
        assert_eq!(News::parse("{\"answered\": \"yes\"}"), News::default());
    }
}
