//! What was said, with times in milliseconds and speakers by name.

use std::collections::HashMap;

use model::{Attendee, Segment};

use super::{Speaker, Spoken};
use crate::attention::attributes::Person;
use crate::nul::NulSweeper;
use crate::time::milliseconds;

/// Timestamps beyond the recording's length by this factor are milliseconds.
const MILLISECONDS_FACTOR: f64 = 100.0;

pub(super) fn segments(
    spoken: Vec<Spoken<'_>>,
    duration_s: Option<f64>,
    people: &[Attendee],
    nul: &mut NulSweeper,
) -> Vec<Segment> {
    let factor = if is_in_milliseconds(&spoken, duration_s) { 1.0 } else { 1000.0 };
    let names = Names::of(people);
    // a missing time is the end of what was said before, once there is one
    let mut before: Option<i32> = None;
    let segments = spoken.into_iter().map(|one| {
        let start_ms = one.start.map(|time| milliseconds(time * factor)).or(before);
        let end_ms = one.end.map(|time| milliseconds(time * factor)).max(start_ms);
        before = end_ms.or(before);
        let speaker = nul.trimmed(names.speaker(&one.speaker));
        Segment { speaker, start_ms, end_ms, text: nul.text(&one.text) }
    });
    segments.collect()
}

fn is_in_milliseconds(spoken: &[Spoken<'_>], duration_s: Option<f64>) -> bool {
    let latest = spoken.iter().flat_map(|one| [one.start, one.end]).flatten().fold(0.0, f64::max);
    duration_s.is_some_and(|duration| duration > 0.0 && latest > duration * MILLISECONDS_FACTOR)
}

/// What attendees are called, by id and by address.
struct Names<'p> {
    by_id: HashMap<&'p str, &'p str>,
    by_email: HashMap<String, &'p str>,
}

impl<'p> Names<'p> {
    fn of(people: &'p [Attendee]) -> Self {
        let mut names = Self { by_id: HashMap::new(), by_email: HashMap::new() };
        for one in people {
            let Some(name) = one.name.as_deref().or(one.email.as_deref()) else { continue };
            if let Some(id) = &one.vendor_person_id {
                names.by_id.entry(id).or_insert(name);
            }
            if let Some(email) = &one.email {
                names.by_email.entry(email.to_lowercase()).or_insert(name);
            }
        }
        names
    }

    /// A label as it is; a person by what the attendee is called, else by what it calls itself.
    fn speaker<'s>(&'s self, speaker: &'s Speaker<'_>) -> Option<&'s str> {
        match speaker {
            Speaker::Nobody => None,
            Speaker::Label(label) => Some(label),
            Speaker::Person(person) => self.person(person),
        }
    }

    fn person<'s>(&'s self, person: &'s Person<'_>) -> Option<&'s str> {
        let by_id = person.id.get().and_then(|id| self.by_id.get(id.trim()));
        let by_email = || self.by_email.get(&person.email.get()?.trim().to_lowercase());
        let known = by_id.or_else(by_email).copied();
        known.or(person.name.get()).or(person.email.get()).or(person.id.get())
    }
}
