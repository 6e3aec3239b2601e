//! Participants and attendees, each person once; and the owner.

use std::collections::HashMap;

use model::{Attendee, Owner};

use super::attributes::Person;
use super::sources::Sources;
use crate::email::bare_address;
use crate::nul::NulSweeper;

/// Who owns the recording.
pub(super) fn owner(sources: Sources<'_, '_>, nul: &mut NulSweeper) -> Option<Owner> {
    let users: Vec<_> = sources.iter().filter_map(|one| one.user.get()).collect();
    let id = users.iter().find_map(|user| user.uuid.get().map(str::to_owned));
    let id = id.or_else(|| sources.first(|one| one.user_uuid.get()));
    let email = users.iter().find_map(|user| user.email.get());
    let name = users.iter().find_map(|user| {
        let names: Vec<&str> =
            [user.first_name.get(), user.last_name.get()].into_iter().flatten().map(str::trim).collect();
        (!names.is_empty()).then(|| names.join(" "))
    });
    let owner = Owner {
        vendor_user_id: nul.trimmed(id.as_deref()),
        email: nul.trimmed(email).map(bare_address),
        name: nul.trimmed(name.as_deref()),
    };
    (owner.vendor_user_id.is_some() || owner.email.is_some() || owner.name.is_some()).then_some(owner)
}

/// Everybody, each once, in order of appearance. Later sightings fill what is missing.
pub(super) fn attendees(sources: Sources<'_, '_>, nul: &mut NulSweeper) -> Vec<Attendee> {
    let mut people = People::default();
    for one in sources.iter() {
        for list in [&one.participants, &one.attendees] {
            for person in list.get().unwrap_or_default() {
                people.add(attendee(&person, nul));
            }
        }
    }
    people.all
}

fn attendee(person: &Person<'_>, nul: &mut NulSweeper) -> Attendee {
    Attendee {
        vendor_person_id: nul.trimmed(person.id.get()),
        vendor_user_id: None,
        vendor_contact_id: None,
        name: nul.trimmed(person.name.get()),
        email: nul.trimmed(person.email.get()).map(bare_address),
        title: nul.trimmed(person.title.get()),
        phone: nul.trimmed(person.phone.get()),
        organizer: person.organizer.0.unwrap_or(false),
    }
}

/// People with an index by each thing they can be the same by, since a hostile list is long.
#[derive(Default)]
struct People {
    all: Vec<Attendee>,
    by_email: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

impl People {
    fn add(&mut self, person: Attendee) {
        let named = [&person.vendor_person_id, &person.name, &person.email, &person.phone];
        if named.iter().all(|field| field.is_none()) {
            return;
        }
        let index = self.find(&person).unwrap_or(self.all.len());
        match self.all.get_mut(index) {
            Some(known) => fill(known, person),
            None => self.all.push(person),
        }
        let known = &self.all[index];
        let note = |names: &mut HashMap<String, usize>, name: Option<String>| {
            if let Some(name) = name {
                names.entry(name).or_insert(index);
            }
        };
        note(&mut self.by_email, known.email.as_deref().map(str::to_lowercase));
        note(&mut self.by_id, known.vendor_person_id.clone());
        note(&mut self.by_name, known.name.clone());
    }

    /// The same person: by address, else by id, else by name; a stronger thing that differs speaks against it.
    fn find(&self, person: &Attendee) -> Option<usize> {
        let by_email = person.email.as_ref().and_then(|email| self.by_email.get(&email.to_lowercase()));
        let by_id = || person.vendor_person_id.as_ref().and_then(|id| self.by_id.get(id));
        let by_name = || person.name.as_ref().and_then(|name| self.by_name.get(name));
        let no_email = |index: &&usize| self.all[**index].email.is_none() || person.email.is_none();
        let no_id = |index: &&usize| {
            self.all[**index].vendor_person_id.is_none() || person.vendor_person_id.is_none()
        };
        by_email
            .or_else(|| by_id().filter(no_email))
            .or_else(|| by_name().filter(no_email).filter(no_id))
            .copied()
    }
}

fn fill(known: &mut Attendee, other: Attendee) {
    known.vendor_person_id = known.vendor_person_id.take().or(other.vendor_person_id);
    known.name = known.name.take().or(other.name);
    known.email = known.email.take().or(other.email);
    known.title = known.title.take().or(other.title);
    known.phone = known.phone.take().or(other.phone);
    known.organizer |= other.organizer;
}
