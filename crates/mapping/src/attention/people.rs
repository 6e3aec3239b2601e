//! Participants and attendees, each person once.

use model::Attendee;

use super::attributes::{Attributes, Person};
use crate::json::Lenient;
use crate::nul::NulSweeper;

/// Everybody in the given resources, each once, in order of appearance. Later sightings fill what is missing.
pub(super) fn attendees(resources: &[&Attributes<'_>], nul: &mut NulSweeper) -> Vec<Attendee> {
    let mut people: Vec<Attendee> = Vec::new();
    for attributes in resources {
        for list in [&attributes.participants, &attributes.attendees] {
            for person in list.get().iter().flatten().filter_map(Lenient::as_ref) {
                add(&mut people, &attendee(person, nul));
            }
        }
    }
    people
}

fn attendee(person: &Person<'_>, nul: &mut NulSweeper) -> Attendee {
    let mut text = |field: Option<&str>| nul.optional(field).map(|text| text.trim().to_owned());
    Attendee {
        vendor_person_id: text(person.id.get()),
        name: text(person.name.get()),
        email: text(person.email.get()),
        title: text(person.title.get()),
        phone: text(person.phone.get()),
        organizer: person.organizer.as_ref().copied().unwrap_or(false),
    }
}

/// The same person: by address, else by id, else by name.
fn is_same(left: &Attendee, right: &Attendee) -> bool {
    if let (Some(left), Some(right)) = (&left.email, &right.email) {
        return left.to_lowercase() == right.to_lowercase();
    }
    if let (Some(left), Some(right)) = (&left.vendor_person_id, &right.vendor_person_id) {
        return left == right;
    }
    left.name.is_some() && left.name == right.name
}

fn add(people: &mut Vec<Attendee>, person: &Attendee) {
    let nameless = [&person.vendor_person_id, &person.name, &person.email, &person.phone];
    if nameless.iter().all(|field| field.is_none()) {
        return;
    }
    let Some(known) = people.iter_mut().find(|known| is_same(known, person)) else {
        people.push(person.clone());
        return;
    };
    let fill = |field: &mut Option<String>, other: &Option<String>| {
        if field.is_none() {
            field.clone_from(other);
        }
    };
    fill(&mut known.vendor_person_id, &person.vendor_person_id);
    fill(&mut known.name, &person.name);
    fill(&mut known.email, &person.email);
    fill(&mut known.title, &person.title);
    fill(&mut known.phone, &person.phone);
    known.organizer |= person.organizer;
}
