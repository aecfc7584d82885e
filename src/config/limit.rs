//! How much an update may fetch by itself, and when that does not count: `image.updates.limit` and `image.updates.window`.

use std::fmt;

use super::size::Size;

/// The most that is fetched of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The bytes of one version.
    pub size: Size,
    /// When more may be fetched.
    pub window: Option<Window>,
}

impl fmt::Display for Limit {
    /// Writes it as options of `pattern update`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--limit {}", self.size)?;
        self.window.iter().try_for_each(|window| write!(f, " --window {window}"))
    }
}

/// A part of each day, which may pass midnight. Its end is not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// In minutes since midnight, local time.
    start: u16,
    end: u16,
}

impl Window {
    /// Reads `HH:MM-HH:MM`.
    ///
    /// # Errors
    /// When the text has another form, or the two times are the same.
    pub fn parse(text: &str) -> Result<Self, String> {
        let times = text.split_once('-').and_then(|(start, end)| Some((minute(start)?, minute(end)?)));
        let Some((start, end)) = times else {
            return Err(format!("must be two times of the day such as \"01:00-05:00\", not {text:?}"));
        };
        if start == end {
            return Err(format!("must have two different times such as \"01:00-05:00\", not {text:?}"));
        }
        Ok(Self { start, end })
    }

    /// Returns whether a minute of the day is in it.
    #[must_use]
    pub fn has(self, minute: u16) -> bool {
        let (begun, ended) = (self.start <= minute, self.end <= minute);
        if self.start < self.end { begun && !ended } else { begun || !ended }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

/// Reads `HH:MM`, and returns the minutes since midnight.
#[must_use]
pub fn minute(text: &str) -> Option<u16> {
    let number = |digits: &str, most: u16| {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|number| two && *number <= most)
    };
    let (hour, minute) = text.split_once(':')?;
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(window: &str, time: &str) -> bool {
        Window::parse(window).unwrap().has(minute(time).unwrap())
    }

    #[test]
    fn a_window_may_pass_midnight_and_ends_before_its_end() {
        for (window, within, without) in [
            ("01:00-05:00", ["01:00", "04:59"], ["00:59", "05:00"]),
            ("22:30-06:00", ["22:30", "05:59"], ["22:29", "06:00"]),
            ("00:00-23:59", ["00:00", "23:58"], ["23:59", "23:59"]),
            ("12:00-00:00", ["12:00", "23:59"], ["00:00", "11:59"]),
        ] {
            assert_eq!(within.map(|time| at(window, time)), [true, true], "{window}");
            assert_eq!(without.map(|time| at(window, time)), [false, false], "{window}");
            assert_eq!(Window::parse(window).unwrap().to_string(), window);
        }
    }

    #[test]
    fn what_is_not_a_window_is_refused_with_an_example() {
        for text in
            ["", "1-5", "01:00", "1:00-5:00", "01:00-24:00", "01:60-02:00", "+1:00-05:00", "01:00–05:00"]
        {
            let said = format!("must be two times of the day such as \"01:00-05:00\", not {text:?}");
            assert_eq!(Window::parse(text), Err(said));
        }
        let said = Window::parse("05:00-05:00").unwrap_err();
        assert_eq!(said, "must have two different times such as \"01:00-05:00\", not \"05:00-05:00\"");
    }

    #[test]
    fn a_limit_is_written_as_it_is_typed() {
        let limit = Limit { size: Size::from_bytes(50 << 20), window: None };
        assert_eq!(limit.to_string(), "--limit 50M");
        let window = Window::parse("01:00-05:00").ok();
        assert_eq!(Limit { window, ..limit }.to_string(), "--limit 50M --window 01:00-05:00");
    }
}
