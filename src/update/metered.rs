//! Decides whether a version is fetched now, for connections that cost by what they carry.

use std::fmt;

use crate::config::limit::Limit;
use crate::config::size::Size;

/// Whether the connection costs by what it carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metered {
    /// NetworkManager says so, or guesses it.
    Yes,
    /// NetworkManager says that it does not, or guesses it.
    No,
    /// Nobody knows.
    Unknown,
}

impl Metered {
    /// Reads what busctl(1) prints of NetworkManager's property `Metered` (its D-Bus API, "NMMetered").
    #[must_use]
    pub fn parse(answer: &str) -> Self {
        match answer.trim() {
            "u 1" | "u 3" => Self::Yes,
            "u 2" | "u 4" => Self::No,
            _ => Self::Unknown,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Yes => "NetworkManager says that the connection is metered",
            Self::No => "NetworkManager says that the connection is not metered",
            Self::Unknown => "nobody says whether the connection is metered",
        }
    }
}

/// How much would be fetched of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// Bytes.
    pub bytes: u64,
    /// Whether these bytes were counted. If not, it may be less: the list of a release has no sizes of packed files.
    pub exact: bool,
}

impl Amount {
    /// Returns it for so many bytes without the kernel image, and for a kernel image that is fetched as a whole. Its size is not
    /// known before, so that of the running one counts.
    #[must_use]
    pub fn new(bytes: u64, kernel: Option<u64>) -> Self {
        Self { bytes: bytes.saturating_add(kernel.unwrap_or(0)), exact: kernel.is_none() }
    }
}

/// What was found on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Minutes since midnight, local time, if it could be read.
    pub minute: Option<u16>,
    /// What NetworkManager says.
    pub metered: Metered,
}

/// Why more than the limit is fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifted {
    limit: Limit,
    in_window: bool,
}

impl fmt::Display for Lifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The limit of {} does not count: ", self.limit.size)?;
        match self.limit.window.filter(|_| self.in_window) {
            Some(window) => write!(f, "the window {window} is open."),
            None => write!(f, "{}.", Metered::No.words()),
        }
    }
}

/// More would be fetched than the limit is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TooMuch {
    version: String,
    amount: Amount,
    limit: Limit,
    metered: Metered,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, amount, limit, metered } = self;
        let about = if amount.exact { "" } else { "up to about " };
        write!(
            f,
            "version {version} is not fetched now: it would be {about}{} MB, and the limit is {} ({} MB)",
            Size::from_bytes(amount.bytes).megabytes(),
            limit.size,
            limit.size.megabytes(),
        )?;
        if let Some(window) = limit.window {
            write!(f, " outside of {window}")?;
        }
        write!(f, "; {}; to fetch it all the same: pattern update {version}", metered.words())
    }
}

/// Decides. Returns why the limit does not count if more than it is fetched. `look` is asked only then.
///
/// # Errors
/// When the version has to wait.
pub fn decide(
    version: &str,
    amount: Amount,
    limit: Limit,
    look: impl FnOnce() -> Facts,
) -> Result<Option<Lifted>, TooMuch> {
    if amount.bytes <= limit.size.bytes() {
        return Ok(None);
    }
    let Facts { minute, metered } = look();
    let in_window = limit.window.zip(minute).is_some_and(|(window, minute)| window.has(minute));
    if in_window || metered == Metered::No {
        return Ok(Some(Lifted { limit, in_window }));
    }
    Err(TooMuch { version: version.to_owned(), amount, limit, metered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limit::{Window, minute};

    fn decided(bytes: u64, window: Option<&str>, time: Option<&str>, metered: Metered) -> String {
        let window = window.map(|text| Window::parse(text).unwrap());
        let limit = Limit { size: Size::from_bytes(50 << 20), window };
        let facts = Facts { minute: time.and_then(minute), metered };
        match decide("2", Amount::new(bytes, None), limit, || facts) {
            Ok(None) => "fetched".to_owned(),
            Ok(Some(lifted)) => lifted.to_string(),
            Err(much) => much.to_string(),
        }
    }

    #[test]
    fn what_is_within_the_limit_is_fetched_at_any_time() {
        for bytes in [0, 50 << 20] {
            assert_eq!(decided(bytes, None, None, Metered::Yes), "fetched");
        }
        let limit = Limit { size: Size::from_bytes(1), window: None };
        let amount = Amount::new(1, None);
        // Nobody is asked for what does not matter.
        assert_eq!(decide("2", amount, limit, || unreachable!()), Ok(None));
    }

    #[test]
    fn the_window_and_an_unmetered_connection_lift_the_limit_and_doubt_does_not() {
        let more = (50 << 20) + 1;
        let night = "The limit of 50M does not count: the window 23:00-05:00 is open.";
        let free = "The limit of 50M does not count: NetworkManager says that the connection is not metered.";
        let first = "version 2 is not fetched now: it would be 52.5 MB, and the limit is 50M (52.5 MB); ";
        let end = "; to fetch it all the same: pattern update 2";
        let doubt = format!("{first}nobody says whether the connection is metered{end}");
        let yes = format!("{first}NetworkManager says that the connection is metered{end}");
        let day = doubt.replace("(52.5 MB)", "(52.5 MB) outside of 23:00-05:00");
        let window = Some("23:00-05:00");
        for (window, time, metered, said) in [
            (None, Some("04:00"), Metered::Unknown, doubt.as_str()),
            (None, Some("04:00"), Metered::Yes, &yes),
            (None, Some("04:00"), Metered::No, free),
            (window, Some("04:00"), Metered::Yes, night),
            (window, Some("04:00"), Metered::No, night),
            (window, Some("05:00"), Metered::No, free),
            (window, Some("05:00"), Metered::Unknown, &day),
            // The time could not be read.
            (window, None, Metered::Unknown, &day),
        ] {
            assert_eq!(decided(more, window, time, metered), said);
        }
    }

    #[test]
    fn an_amount_that_is_not_known_exactly_is_said_so() {
        let limit = Limit { size: Size::from_bytes(0), window: None };
        let facts = Facts { minute: None, metered: Metered::Unknown };
        let much = decide("2", Amount::new(184_328_192, Some(25_000_000)), limit, || facts).unwrap_err();
        let said =
            "version 2 is not fetched now: it would be up to about 209.4 MB, and the limit is 0 (0.0 MB); ";
        assert!(much.to_string().starts_with(said), "{much}");
    }

    #[test]
    fn only_a_number_of_networkmanager_says_anything() {
        for (answer, metered) in [
            ("u 1\n", Metered::Yes),
            ("u 3\n", Metered::Yes),
            ("u 2\n", Metered::No),
            ("u 4\n", Metered::No),
            ("u 0\n", Metered::Unknown),
            ("u 22\n", Metered::Unknown),
            ("", Metered::Unknown),
        ] {
            assert_eq!(Metered::parse(answer), metered, "{answer:?}");
        }
    }
}
