//! How long ago something was, in words.

/// Returns how long ago something was, in the largest unit of which there is a whole one.
#[must_use]
pub fn ago(seconds: u64) -> String {
    let units = [(86400, "day"), (3600, "hour"), (60, "minute")];
    let largest = units.into_iter().find(|(length, _)| seconds >= *length);
    largest.map_or_else(
        || "just now".to_owned(),
        |(length, unit)| match seconds / length {
            1 => format!("1 {unit} ago"),
            many => format!("{many} {unit}s ago"),
        },
    )
}
