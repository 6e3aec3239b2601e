//! The order of the list: conversations of the start and added ones, newest first, without the vanished.

use std::collections::HashSet;
use std::ops::Range;

use super::calendar::Calendar;
use super::changes::{Changes, Inserted};

/// Indices of a closed window of ends, as they are now; later changes do not touch it.
#[derive(Debug)]
pub(crate) struct Listing {
    base: Range<u64>,
    inserted: std::vec::IntoIter<Inserted>,
    next_inserted: Option<Inserted>,
    vanished: HashSet<u64>,
}

impl Listing {
    pub(crate) fn of(calendar: &Calendar, changes: &Changes, from_ms: i64, to_ms: i64) -> Self {
        let within = |inserted: &&Inserted| (from_ms..=to_ms).contains(&inserted.finished_ms);
        let kept: Vec<Inserted> = changes.inserted.iter().filter(within).copied().collect();
        let mut inserted = kept.into_iter();
        Self {
            base: calendar.within(from_ms, to_ms),
            next_inserted: inserted.next(),
            inserted,
            vanished: changes.vanished.clone(),
        }
    }

    fn next_of_all(&mut self) -> Option<u64> {
        let due = |inserted: &Inserted| self.base.is_empty() || inserted.rank <= self.base.start;
        if let Some(inserted) = self.next_inserted.filter(due) {
            self.next_inserted = self.inserted.next();
            return Some(inserted.index);
        }
        self.base.next()
    }
}

impl Iterator for Listing {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let index = self.next_of_all()?;
            if !self.vanished.contains(&index) {
                return Some(index);
            }
        }
    }
}
