//! Pieces of one file of the server, read in the order in which they lie there. What was planned as one range is one request; a
//! connection that breaks off goes on where it ended.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use anyhow::{Context as _, Result};

use crate::again;
use crate::web::Web;

pub(crate) struct Pieces<'a> {
    web: &'a Web,
    name: &'a str,
    ranges: VecDeque<Range<u64>>,
    open: Option<Open<'a>>,
}

/// An answer that is being read.
struct Open<'a> {
    left: Range<u64>,
    from: Box<dyn Read + 'a>,
}

impl<'a> Pieces<'a> {
    /// `ranges` are planned, and ascend.
    pub(crate) fn new(web: &'a Web, name: &'a str, ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self { web, name, ranges: ranges.into_iter().collect(), open: None }
    }

    /// Fetches what lies at a place. What was not planned is a request of its own.
    ///
    /// # Errors
    /// When the server does not answer several times, or does not have it.
    pub(crate) fn get(&mut self, place: &Range<u64>) -> Result<Vec<u8>> {
        again::until_done(|| {
            let got = self.try_get(place);
            if got.is_err() {
                self.open = None;
            }
            got
        })
    }

    fn try_get(&mut self, place: &Range<u64>) -> Result<Vec<u8>> {
        let is_ahead = |open: &mut Open| open.left.start <= place.start && place.end <= open.left.end;
        let open = match self.open.take_if(is_ahead) {
            Some(open) => self.open.insert(open),
            None => {
                let range = place.start..self.end_of_request(place);
                let from = Box::new(self.web.part(self.name, &range)?);
                self.open.insert(Open { left: range, from })
            }
        };
        open.read(place).with_context(|| format!("fetching {}, from byte {} on", self.name, place.start))
    }

    /// Returns where the planned range ends that a place is in.
    fn end_of_request(&mut self, place: &Range<u64>) -> u64 {
        while self.ranges.pop_front_if(|range| range.end <= place.start).is_some() {}
        let planned = self.ranges.front().filter(|range| range.start <= place.start);
        planned.map_or(place.end, |range| range.end.max(place.end))
    }
}

impl Open<'_> {
    fn read(&mut self, place: &Range<u64>) -> io::Result<Vec<u8>> {
        let gap = place.start - self.left.start;
        let skipped = io::copy(&mut (&mut self.from).take(gap), &mut io::sink())?;
        self.left.start += skipped;
        let mut bytes = vec![0; usize::try_from(place.end - place.start).map_err(io::Error::other)?];
        self.from.read_exact(&mut bytes)?;
        self.left.start = place.end;
        Ok(bytes)
    }
}
