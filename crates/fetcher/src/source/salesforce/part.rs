//! Parts of a time, for queries that take too long over all of it.

use jiff::{SignedDuration, Timestamp};
use model::Window;
use serde::{Deserialize, Serialize};

/// A part of the time in which a run asks for what was touched; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Part {
    pub(super) const fn window(self) -> Window {
        Window { from: self.from, to: self.to }
    }

    fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// Its first half; none of one that is too short for whole seconds.
    pub(super) fn half(self) -> Option<Self> {
        let half = SignedDuration::from_secs(self.length().as_secs() / 2);
        let to = self.from.checked_add(half).ok()?;
        half.is_positive().then_some(Self { to, ..self })
    }

    /// What comes after it in all the time, twice as long as it was: a crowded time is over some day.
    pub(super) fn next(self, all: Self) -> Self {
        let to = self.to.checked_add(self.length() * 2).unwrap_or(all.to);
        Self { from: self.to, to: to.min(all.to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from_s: i64, to_s: i64) -> Part {
        let at = |second| Timestamp::from_second(second).expect("a time");
        Part { from: at(from_s), to: at(to_s) }
    }

    #[test]
    fn parts_follow_one_another_without_a_gap_however_often_they_are_halved() {
        let all = part(0, 1_000_000);
        // a minute is all that can be answered between here and there
        let crowded = |part: Part| part.to.as_second() > 400_000 && part.from.as_second() < 400_900;
        let (mut at, mut asked, mut seen_to) = (all, 0, 0);
        while seen_to < 1_000_000 {
            asked += 1;
            if crowded(at) && at.length() > SignedDuration::from_mins(1) {
                at = at.half().expect("longer than a second");
                continue;
            }
            assert_eq!(at.from.as_second(), seen_to, "where the one before has ended");
            seen_to = at.to.as_second();
            at = at.next(all);
        }
        assert!(asked < 150, "{asked} queries");
    }

    #[test]
    fn what_is_shorter_than_two_seconds_is_not_halved() {
        assert_eq!(part(0, 2).half(), Some(part(0, 1)));
        assert_eq!(part(0, 1).half(), None);
        assert_eq!(part(5, 5).half(), None);
    }
}
