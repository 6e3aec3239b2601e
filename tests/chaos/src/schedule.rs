//! Which faults come when: drawn from the seed, and from nothing else.

use std::time::Duration;

use serde::Serialize;
use simulator::Dice;

use crate::fault::{Kind, Lane};

/// The roles have started, and queues that were just declared are safe, before the first fault.
const QUIET_MS: u64 = 6_000;

/// A fault to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Planned {
    pub(crate) at_ms: u64,
    pub(crate) lasts_ms: u64,
    pub(crate) kind: Kind,
    /// What decides whom it strikes, and how.
    pub(crate) dice: u64,
}

impl Planned {
    pub(crate) fn dice(&self) -> Dice {
        Dice::of(&[self.dice])
    }
}

/// The faults of one lane. Its kinds are dealt like cards, so that each comes before one comes again.
pub(crate) fn of_lane(seed: u64, lane: Lane, kinds: &[Kind], length: Duration) -> Vec<Planned> {
    let mut dice = Dice::of(&[seed, lane as u64]);
    let of_it: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.lane() == lane).collect();
    let (mut planned, mut deck) = (Vec::new(), Vec::new());
    let mut at_ms = QUIET_MS;
    while u128::from(at_ms) < length.as_millis() && !of_it.is_empty() {
        if deck.is_empty() {
            deck.clone_from(&of_it);
        }
        let kind = deck.swap_remove(dice.below(deck.len()));
        let (least, most) = kind.lasts_ms();
        let lasts_ms = dice.between(least, most) as u64;
        planned.push(Planned { at_ms, lasts_ms, kind, dice: dice.throw() });
        at_ms += lasts_ms + dice.between(500, 3_500) as u64;
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Vec<Planned> {
        let length = Duration::from_mins(3);
        Lane::ALL.iter().flat_map(|lane| of_lane(seed, *lane, &Kind::all(1), length)).collect()
    }

    #[test]
    fn a_seed_is_a_schedule_and_another_seed_another() {
        assert_eq!(schedule(7), schedule(7));
        assert_ne!(schedule(7), schedule(8));
    }

    #[test]
    fn three_minutes_hold_every_kind_and_no_lane_holds_two_at_once() {
        for seed in 0..50 {
            let all = schedule(seed);
            let missing = Kind::all(1).into_iter().find(|kind| all.iter().all(|one| one.kind != *kind));
            assert_eq!(missing, None, "seed {seed}");
            for pair in all.windows(2).filter(|pair| pair[0].kind.lane() == pair[1].kind.lane()) {
                assert!(pair[0].at_ms + pair[0].lasts_ms < pair[1].at_ms, "{pair:?}");
            }
        }
    }
}
