//! Records of a portal, as its API shows them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::Line;
use crate::world::{Company, CrmPerson, Workspace};

/// A record with everything it has; what is asked for is taken from it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    line: Line,
    created_ms: i64,
    modified_name: &'static str,
    properties: Map<String, Value>,
}

impl Record {
    /// The record as the API shows it: the properties that were asked for, and those that always come.
    pub(super) fn shown(&self, wanted: &[String]) -> Value {
        let mut properties = Map::new();
        for name in wanted {
            if let Some(value) = self.properties.get(name) {
                properties.insert(name.clone(), value.clone());
            }
        }
        let (created, modified) = (time(self.created_ms), time(self.line.modified_ms));
        properties.insert("hs_object_id".into(), json!(self.line.id.to_string()));
        properties.insert("createdate".into(), json!(created));
        properties.insert(self.modified_name.into(), json!(modified));
        let mut shown = json!({
            "id": self.line.id.to_string(), "properties": properties, "createdAt": created, "updatedAt": modified,
            "archived": self.line.archived_ms.is_some(),
        });
        if let Some(archived_ms) = self.line.archived_ms {
            shown["archivedAt"] = json!(time(archived_ms));
        }
        shown
    }
}

fn time(ms: i64) -> String {
    // always with milliseconds
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

pub(super) fn company_id(workspace: &Workspace, number: usize) -> u64 {
    workspace.roster.accounts[number].external_id.parse().unwrap_or(number as u64 + 1)
}

/// Ids of contacts begin here: the number of the account it was made at, and two digits for its own there.
const CONTACTS: u64 = 1_000_000;

/// Ids of deals begin here.
const DEALS: u64 = 70_000_000;

pub(crate) fn contact_id(home: (usize, usize)) -> u64 {
    CONTACTS + (home.0 as u64) * 100 + home.1 as u64
}

pub(super) fn home_of_contact(id: u64) -> Option<(usize, usize)> {
    let number = usize::try_from(id.checked_sub(CONTACTS)?).ok()?;
    Some((number / 100, number % 100))
}

pub(crate) fn deal_id(number: usize) -> u64 {
    DEALS + number as u64
}

pub(super) fn number_of_deal(id: u64) -> Option<usize> {
    usize::try_from(id.checked_sub(DEALS)?).ok()
}

pub(super) fn company(workspace: &Workspace, line: Line, company: &Company) -> Record {
    let number = line.place;
    let account = &workspace.roster.accounts[number];
    let mut properties = Map::new();
    properties.insert("name".into(), json!(account.name));
    // what HubSpot calls the domain is the first; a user may have typed the website instead
    let typed = number % 5 == 3;
    let first = company.domains.first();
    properties.insert("domain".into(), if typed { Value::Null } else { json!(first) });
    properties.insert("website".into(), json!(first.map(|domain| format!("https://www.{domain}/about"))));
    let more: Vec<String> = company.domains.iter().skip(1).cloned().collect();
    let more = if number.is_multiple_of(2) { more.join(";") } else { more.join("; ") };
    properties
        .insert("hs_additional_domains".into(), if more.is_empty() { Value::Null } else { json!(more) });
    let merged: Vec<String> =
        company.merged.iter().map(|loser| company_id(workspace, *loser).to_string()).collect();
    let merged = if merged.is_empty() { Value::Null } else { json!(merged.join(";")) };
    properties.insert("hs_merged_object_ids".into(), merged);
    properties
        .insert("hubspot_owner_id".into(), json!((number % workspace.roster.users.len() + 1).to_string()));
    Record {
        line,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "hs_lastmodifieddate",
        properties,
    }
}

pub(super) fn contact(workspace: &Workspace, line: Line, person: &CrmPerson) -> Record {
    let account = &workspace.roster.accounts[person.home.0];
    let contact = &account.contacts[person.home.1];
    let (given, family) = contact.name.split_once(' ').unwrap_or((&contact.name, ""));
    let mut properties = Map::new();
    properties.insert("firstname".into(), json!(given));
    properties.insert("lastname".into(), json!(family));
    // every sixth is known by another address first, as after a merge
    let number = person.home.0 + person.home.1;
    let (first, more) = if number % 6 == 5 {
        (format!("{}.old@example.net", contact_id(person.home)), Some(contact.email.to_lowercase()))
    } else {
        (contact.email.to_lowercase(), None)
    };
    properties.insert("email".into(), json!(first));
    properties.insert("hs_additional_emails".into(), json!(more));
    properties.insert("jobtitle".into(), json!("Head of Something"));
    properties.insert("associatedcompanyid".into(), json!(company_id(workspace, person.account).to_string()));
    Record {
        line,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "lastmodifieddate",
        properties,
    }
}

pub(super) fn deal(workspace: &Workspace, line: Line) -> Record {
    let number = line.place;
    let account = &workspace.roster.accounts[number];
    let mut properties = Map::new();
    properties.insert("dealname".into(), json!(format!("{} renewal", account.name)));
    properties.insert("amount".into(), json!(format!("{}.00", 1000 + number)));
    properties.insert("deal_currency_code".into(), json!("EUR"));
    properties.insert("dealstage".into(), json!("appointmentscheduled"));
    properties.insert("hs_is_closed".into(), json!("false"));
    properties.insert("hs_is_closed_won".into(), json!("false"));
    Record {
        line,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "hs_lastmodifieddate",
        properties,
    }
}
