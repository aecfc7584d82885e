//! Finds the name that was meant by one that is mistyped.

/// Returns the known name that differs least, if at most two letters differ. In a path with dots the last
/// part must have more letters than that: else anything short would be near.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = written.rsplit('.').next().unwrap_or(written).chars().count();
    let (steps, near) = known.map(|known| (distance(written, known), known)).min()?;
    (steps <= 2 && steps < letters).then_some(near)
}

/// Returns Levenshtein's distance: letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (done, letter) in a.chars().enumerate() {
        let mut left = done + 1;
        let mut next = vec![left];
        for ((diagonal, above), other) in row.iter().zip(row.iter().skip(1)).zip(b.chars()) {
            left = (diagonal + usize::from(letter != other)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        let cases = [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("etc", "ect", 2), ("é", "e", 1)];
        for (a, b, steps) in cases {
            assert_eq!((distance(a, b), distance(b, a)), (steps, steps), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_name_is_meant_by_one_that_is_near() {
        let meant = |written| nearest(written, ["reset", "rebind", "a.db"].into_iter());
        assert_eq!(meant("rest"), Some("reset"));
        assert_eq!(meant("a.bd"), None);
        assert_eq!(meant("restart"), None);
        assert_eq!(meant(""), None);
    }
}
