//! How a patch makes a unified kernel image: by its sections, because most of them stay as they are, and what follows a section
//! that grew would else be found nowhere.

use std::collections::HashMap;
use std::ops::Range;

use super::patch::Copied;
use crate::uki;

/// The most bytes of new material in one segment, and of older material for it.
const NEW: u32 = 2 << 20;
const OLD: u32 = 6 << 20;

/// What is packed into one piece.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Job {
    /// The older material.
    pub old: Vec<Range<u32>>,
    /// What is packed.
    pub new: Vec<Range<u32>>,
}

/// How a kernel image is made of an older one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recipe {
    /// What is the same.
    pub copied: Vec<Copied>,
    /// The rest.
    pub jobs: Vec<Job>,
}

/// A section, or what is between two. The number counts those of one name.
type Name = (String, usize);

/// Compares two kernel images.
///
/// # Errors
/// When one of them is not a kernel image. The error says which.
pub fn recipe(old: &[u8], new: &[u8]) -> Result<Recipe, String> {
    let not_one = |which| move || format!("the {which} kernel image has no sections");
    let places: HashMap<Name, Range<u32>> = spans(old).ok_or_else(not_one("old"))?.into_iter().collect();
    let mut recipe = Recipe::default();
    for (name, place) in spans(new).ok_or_else(not_one("new"))? {
        let before = places.get(&name).cloned().unwrap_or(0..0);
        if content(old, &before) == content(new, &place) {
            recipe.copied.push(Copied {
                new: place.start,
                old: before.start,
                count: place.end - place.start,
            });
        } else {
            cut(&place, &before).for_each(|(new, old)| add(&mut recipe.jobs, new, old));
        }
    }
    Ok(recipe)
}

fn content<'a>(file: &'a [u8], place: &Range<u32>) -> Option<&'a [u8]> {
    file.get(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?)
}

/// Divides a file into its sections and what is between them. Sections that lie over each other are none.
fn spans(file: &[u8]) -> Option<Vec<(Name, Range<u32>)>> {
    let mut sections = uki::table(file)?;
    sections.retain(|(_, place)| !place.is_empty());
    sections.sort_by_key(|(_, place)| place.start);
    let (mut at, mut spans) = (0, Vec::new());
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut add = |name: String, place: Range<usize>| -> Option<()> {
        let place = u32::try_from(place.start).ok()?..u32::try_from(place.end).ok()?;
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        if !place.is_empty() {
            spans.push(((name, *count), place));
        }
        Some(())
    };
    for (name, place) in sections {
        if place.start < at || place.end > file.len() {
            return None;
        }
        add(String::new(), at..place.start)?;
        at = place.end;
        add(name, place)?;
    }
    add(String::new(), at..file.len())?;
    Some(spans)
}

/// Cuts a span into what one segment takes, each with what lies around the same place of the older one.
fn cut(new: &Range<u32>, old: &Range<u32>) -> impl Iterator<Item = (Range<u32>, Range<u32>)> {
    let (new, old) = (new.clone(), old.clone());
    let around = OLD / 2 - NEW / 2;
    (new.start..new.end).step_by(usize::try_from(NEW).unwrap_or(usize::MAX)).map(move |start| {
        let end = new.end.min(start.saturating_add(NEW));
        let at = |place: u32| old.start.saturating_add(place - new.start).min(old.end);
        let first = at(start).saturating_sub(around).max(old.start);
        (start..end, first..at(end).saturating_add(around).min(old.end))
    })
}

/// Adds a part to the last job if that has room, otherwise to another one.
fn add(jobs: &mut Vec<Job>, new: Range<u32>, old: Range<u32>) {
    let sum = |ranges: &[Range<u32>]| ranges.iter().map(|range| range.end - range.start).sum::<u32>();
    let (more_new, more_old) = (new.end - new.start, old.end - old.start);
    let has_room = |job: &&mut Job| sum(&job.new) + more_new <= NEW && sum(&job.old) + more_old <= OLD;
    let old = (!old.is_empty()).then_some(old);
    match jobs.last_mut().filter(has_room) {
        Some(job) => {
            job.old.extend(old);
            job.new.push(new);
        }
        None => jobs.push(Job { old: old.into_iter().collect(), new: vec![new] }),
    }
}

#[cfg(test)]
mod tests;
