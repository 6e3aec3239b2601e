//! The parties of a call, each person once; who spoke under which id; and the owner.

use std::collections::HashMap;

use model::{Attendee, Owner};
use serde_json::{Map, Value};

use super::call::{Call, Party};
use super::context;
use crate::email::bare_address;
use crate::nul::NulSweeper;

/// Somebody, perhaps out of several parties: invited and dialled in, or by an alias.
struct Member {
    attendee: Attendee,
    speaker_ids: Vec<String>,
    affiliation: Option<String>,
    methods: Vec<Value>,
    /// Records of the CRM.
    crm: Vec<Value>,
}

/// Everybody of a call, with an index by each thing they can be found by, since a hostile list is long.
#[derive(Default)]
pub(super) struct Parties {
    all: Vec<Member>,
    by_party: HashMap<String, usize>,
    by_email: HashMap<String, usize>,
    by_user: HashMap<String, usize>,
    by_speaker: HashMap<String, usize>,
}

impl Parties {
    /// Reads the parties, in the vendor's order. Party, user and speaker ids are three spaces, and are never compared across.
    pub(super) fn of(call: &Call<'_>, owner_id: Option<&str>, nul: &mut NulSweeper) -> Self {
        let mut parties = Self::default();
        for party in call.parties.get().unwrap_or_default() {
            parties.add(member(&party, owner_id, nul));
        }
        parties
    }

    fn add(&mut self, member: Member) {
        let attendee = &member.attendee;
        let named = [&attendee.vendor_person_id, &attendee.name, &attendee.email, &attendee.phone];
        if named.iter().all(|field| field.is_none()) && member.speaker_ids.is_empty() {
            return;
        }
        let email = attendee.email.as_deref().map(str::to_lowercase);
        let by_email = email.as_ref().and_then(|email| self.by_email.get(email));
        let by_user = || attendee.vendor_user_id.as_ref().and_then(|id| self.by_user.get(id));
        let index = by_email.or_else(by_user).copied().unwrap_or(self.all.len());
        if let Some(email) = email {
            self.by_email.entry(email).or_insert(index);
        }
        if let Some(id) = &attendee.vendor_user_id {
            self.by_user.entry(id.clone()).or_insert(index);
        }
        if let Some(id) = &attendee.vendor_person_id {
            self.by_party.entry(id.clone()).or_insert(index);
        }
        for id in &member.speaker_ids {
            self.by_speaker.entry(id.clone()).or_insert(index);
        }
        match self.all.get_mut(index) {
            Some(known) => known.fill(member),
            None => self.all.push(member),
        }
    }

    /// What a speaker is called: as the party is named, else by its address or number, else by the id alone.
    pub(super) fn speaker<'s>(&'s self, speaker_id: &'s str) -> &'s str {
        self.voice(speaker_id).unwrap_or(speaker_id)
    }

    /// What the party is called that spoke under an id, if there is one.
    pub(super) fn voice(&self, speaker_id: &str) -> Option<&str> {
        let found = &self.all[*self.by_speaker.get(speaker_id)?].attendee;
        found.name.as_deref().or(found.email.as_deref()).or(found.phone.as_deref())
    }

    /// What the party of an id is called, if there is one.
    pub(super) fn party(&self, party_id: &str) -> Option<&str> {
        let found = &self.all[*self.by_party.get(party_id)?].attendee;
        found.name.as_deref().or(found.email.as_deref())
    }

    /// What a user is called, if the user was there.
    pub(super) fn user(&self, user_id: &str) -> Option<&str> {
        let found = &self.all[*self.by_user.get(user_id)?].attendee;
        found.name.as_deref().or(found.email.as_deref())
    }

    /// The host.
    pub(super) fn owner(&self, owner_id: Option<&str>, nul: &mut NulSweeper) -> Option<Owner> {
        let id = nul.trimmed(owner_id)?;
        let host = self.by_user.get(&id).map(|index| &self.all[*index].attendee);
        Some(Owner {
            email: host.and_then(|host| host.email.clone()),
            name: host.and_then(|host| host.name.clone()),
            vendor_user_id: Some(id),
        })
    }

    /// What is kept of each party beside the attendee, in the same order.
    pub(super) fn kept(&self) -> Option<Value> {
        let kept = self.all.iter().map(|member| {
            let texts = |texts: &[String]| Value::from(texts.to_vec());
            let fields = [
                ("user_id", member.attendee.vendor_user_id.clone().map(Value::from)),
                ("speaker_ids", (!member.speaker_ids.is_empty()).then(|| texts(&member.speaker_ids))),
                ("affiliation", member.affiliation.clone().map(Value::from)),
                ("methods", (!member.methods.is_empty()).then(|| Value::from(member.methods.clone()))),
                ("crm", (!member.crm.is_empty()).then(|| Value::from(member.crm.clone()))),
            ];
            let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(said.collect::<Map<_, _>>())
        });
        let kept: Vec<Value> = kept.collect();
        (!kept.is_empty()).then_some(Value::from(kept))
    }

    pub(super) fn into_attendees(self) -> Vec<Attendee> {
        self.all.into_iter().map(|member| member.attendee).collect()
    }
}

fn member(party: &Party<'_>, owner_id: Option<&str>, nul: &mut NulSweeper) -> Member {
    let user_id = nul.trimmed(party.user_id.get());
    let methods = party.methods.get().and_then(|methods| methods.as_array().cloned()).unwrap_or_default();
    Member {
        attendee: Attendee {
            vendor_person_id: nul.trimmed(party.id.get()),
            name: nul.trimmed(party.name.get()),
            email: nul.trimmed(party.email.get()).map(bare_address),
            title: nul.trimmed(party.title.get()),
            phone: nul.trimmed(party.phone.get()),
            organizer: user_id.is_some() && user_id.as_deref() == owner_id.map(str::trim),
            vendor_user_id: user_id,
            vendor_contact_id: context::contact(&party.context, nul),
        },
        speaker_ids: nul.trimmed(party.speaker_id.get()).into_iter().collect(),
        affiliation: nul.trimmed(party.affiliation.get()),
        methods,
        crm: context::kept(&party.context).and_then(|kept| kept.as_array().cloned()).unwrap_or_default(),
    }
}

impl Member {
    /// Later sightings fill what is missing; every id that spoke is kept.
    fn fill(&mut self, other: Self) {
        let (known, more) = (&mut self.attendee, other.attendee);
        known.vendor_person_id = known.vendor_person_id.take().or(more.vendor_person_id);
        known.vendor_user_id = known.vendor_user_id.take().or(more.vendor_user_id);
        known.vendor_contact_id = known.vendor_contact_id.take().or(more.vendor_contact_id);
        known.name = known.name.take().or(more.name);
        known.email = known.email.take().or(more.email);
        known.title = known.title.take().or(more.title);
        known.phone = known.phone.take().or(more.phone);
        known.organizer |= more.organizer;
        self.affiliation = self.affiliation.take().or(other.affiliation);
        let fresh_ids = other.speaker_ids.into_iter().filter(|id| !self.speaker_ids.contains(id));
        let fresh_ids: Vec<String> = fresh_ids.collect();
        self.speaker_ids.extend(fresh_ids);
        let fresh_methods: Vec<Value> =
            other.methods.into_iter().filter(|method| !self.methods.contains(method)).collect();
        self.methods.extend(fresh_methods);
        let fresh_records: Vec<Value> =
            other.crm.into_iter().filter(|record| !self.crm.contains(record)).collect();
        self.crm.extend(fresh_records);
    }
}
