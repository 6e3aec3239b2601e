//! Who was there, as Gong tells it.

use model::Side;
use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::world::{Person, Plan, User, Workspace};

const PARTIES: u64 = 0xF2;

/// Somebody of a call.
pub(crate) struct Party<'a> {
    pub(crate) person: &'a Person,
    pub(crate) user: Option<&'a User>,
    /// Two of somebody who dialled in as well.
    pub(crate) speaker_ids: Vec<String>,
    pub(crate) speaks: bool,
    /// One for each sighting.
    ids: Vec<String>,
}

/// Everybody of a call.
pub(crate) fn parties<'a>(workspace: &'a Workspace, plan: &'a Plan) -> Vec<Party<'a>> {
    let mut dice = Dice::of(&[workspace.salt, PARTIES, plan.index]);
    let mut parties = Vec::new();
    for person in &plan.people {
        let twice = person.email.is_some() && dice.one_in(9);
        let mut numbers = |count: usize| -> Vec<String> { (0..count).map(|_| number(&mut dice)).collect() };
        let count = if twice { 2 } else { 1 };
        parties.push(Party {
            person,
            user: user_of(workspace, person),
            speaker_ids: numbers(count),
            speaks: person.speaks(),
            ids: numbers(count),
        });
    }
    parties
}

/// Ids are decimal texts of up to 20 digits.
fn number(dice: &mut Dice) -> String {
    (dice.throw() | 1 << 62).to_string()
}

fn user_of<'a>(workspace: &'a Workspace, person: &Person) -> Option<&'a User> {
    let email = person.email.as_ref()?.to_lowercase();
    workspace.roster.users.iter().find(|user| email.contains(&user.email.to_lowercase()))
}

/// The parties as JSON: whoever dialled in as well comes twice.
pub(crate) fn written(workspace: &Workspace, plan: &Plan, with_context: bool) -> Value {
    let parties = parties(workspace, plan);
    let mut all: Vec<Value> = parties.iter().map(|party| sighting(party, plan, 0, with_context)).collect();
    let twice = parties.iter().filter(|party| party.ids.len() > 1);
    all.extend(twice.map(|party| sighting(party, plan, 1, with_context)));
    Value::from(all)
}

fn sighting(party: &Party<'_>, plan: &Plan, nth: usize, with_context: bool) -> Value {
    let (person, mut map) = (party.person, Map::new());
    let mut dice = Dice::of(&[plan.style, PARTIES, nth as u64, crate::dice::of_text(&party.ids[nth])]);
    map.insert("id".into(), json!(party.ids[nth]));
    match &person.email {
        Some(email) => drop(map.insert(
            "emailAddress".into(),
            json!(if nth == 1 { email.to_lowercase() } else { email.clone() }),
        )),
        None if dice.one_in(2) => drop(map.insert("emailAddress".into(), Value::Null)),
        None => {}
    }
    if nth == 0 {
        map.insert("name".into(), json!(person.name));
        map.insert("title".into(), if dice.one_in(3) { json!("Head of Things") } else { Value::Null });
    }
    if let Some(user) = party.user {
        map.insert("userId".into(), json!(user.gong_id()));
    }
    if party.speaks {
        map.insert("speakerId".into(), json!(party.speaker_ids[nth]));
    }
    if nth == 1 || person.name.as_ref().is_some_and(|name| name.starts_with('+')) {
        map.insert("phoneNumber".into(), json!("+15550100"));
    }
    map.insert("affiliation".into(), json!(affiliation(person.side, &mut dice)));
    map.insert("methods".into(), if nth == 1 { json!(["Attendee"]) } else { json!(["Invitee", "Attendee"]) });
    let contact = person.votes_for.filter(|_| with_context).map(|account| {
        json!([{ "system": "Salesforce", "objects": [{ "objectType": "Contact", "objectId": format!("003AA{account:07}AAA"), "timing": "Now", "fields": [] }] }])
    });
    map.insert("context".into(), contact.unwrap_or_else(|| json!([])));
    Value::Object(map)
}

/// The vendor's own idea of sides, which is often unknown and now and then wrong; ours must not rest on it.
fn affiliation(side: Option<Side>, dice: &mut Dice) -> &'static str {
    match (side, dice.below(10)) {
        (_, 0..=2) | (None, _) => "Unknown",
        (Some(Side::Internal), 3) | (Some(_), 9) => "external",
        (Some(Side::Internal), _) => "Internal",
        (Some(_), _) => "External",
    }
}
