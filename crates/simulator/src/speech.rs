//! What was said, before any vendor writes it down.

use crate::dice::Dice;
use crate::world::{Plan, WORDS};

/// Keeps the throws of speech apart from others.
pub(crate) const SPEECH: u64 = 0xC1;

/// What one speaker said without a break.
pub(crate) struct Spoken {
    pub(crate) speaker: usize,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) words: Vec<&'static str>,
}

/// Neighbouring segments have different speakers, so that merging them changes no count.
pub(crate) fn spoken(plan: &Plan) -> Vec<Spoken> {
    let mut dice = Dice::of(&[plan.style, SPEECH]);
    let count = plan.people.iter().filter(|person| person.speaks()).count().max(2);
    let each_ms = plan.duration_ms / i64::try_from(plan.segments.max(1)).unwrap_or(1);
    let mut speaker = 0;
    let mut start_ms = 480;
    (0..plan.segments)
        .map(|_| {
            speaker = (speaker + 1 + dice.below(count - 1)) % count;
            let words = (0..dice.between(9, 16)).map(|_| *dice.pick(WORDS)).collect();
            let segment = Spoken { speaker, start_ms, end_ms: start_ms + each_ms * 9 / 10, words };
            start_ms += each_ms;
            segment
        })
        .collect()
}
