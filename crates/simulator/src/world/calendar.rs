//! When the conversations of the start ended: a closed form, newest first, so that any of them is found by a
//! binary search and none is kept.

use std::ops::Range;

use crate::dice::mix;

const DAY_MS: i128 = 86_400_000;
/// The newest conversation ended a little before `now`.
const NEWEST_AGE_MS: i128 = 60_000;

/// The ends of conversations `0..count`; a higher index is never newer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    pub(crate) salt: u64,
    pub(crate) now_ms: i64,
    pub(crate) days: u32,
    pub(crate) count: u64,
}

impl Calendar {
    /// When a conversation ended, in whole seconds, as milliseconds since 1970.
    pub(crate) fn finished_ms(&self, index: u64) -> i64 {
        let span = i128::from(self.days) * DAY_MS;
        let thousandths = i128::from(index) * 1000 + i128::from(mix(self.salt ^ index) % 1000);
        let age = NEWEST_AGE_MS + span * thousandths / (i128::from(self.count.max(1)) * 1000);
        let finished = i128::from(self.now_ms) - age;
        i64::try_from(finished.div_euclid(1000) * 1000).expect("a few thousand days before now fit in an i64")
    }

    /// How many conversations of the start are newer than `time_ms`.
    pub(crate) fn newer_than(&self, time_ms: i64) -> u64 {
        self.first_index(|finished| finished <= time_ms)
    }

    /// Indices of the conversations that ended within a closed window.
    pub(crate) fn within(&self, from_ms: i64, to_ms: i64) -> Range<u64> {
        let start = self.newer_than(to_ms);
        start..self.first_index(|finished| finished < from_ms).max(start)
    }

    /// The first index whose end fulfils a condition that, once true, stays true.
    fn first_index(&self, is_old: impl Fn(i64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_old(self.finished_ms(middle)) { high = middle } else { low = middle + 1 }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALENDAR: Calendar = Calendar { salt: 9, now_ms: 1_700_000_000_000, days: 3, count: 5_000 };

    #[test]
    fn ends_are_newest_first_and_within_the_days() {
        let ends: Vec<i64> = (0..CALENDAR.count).map(|index| CALENDAR.finished_ms(index)).collect();
        assert!(ends.is_sorted_by(|a, b| a >= b));
        assert!(ends[0] < CALENDAR.now_ms && ends[4_999] > CALENDAR.now_ms - 4 * 86_400_000);
    }

    #[test]
    fn a_window_holds_exactly_what_ended_in_it() {
        let (from, to) = (CALENDAR.finished_ms(3_000), CALENDAR.finished_ms(1_000));
        let found = CALENDAR.within(from, to);
        for index in 0..CALENDAR.count {
            let inside = (from..=to).contains(&CALENDAR.finished_ms(index));
            assert_eq!(found.contains(&index), inside, "conversation {index}");
        }
    }
}
