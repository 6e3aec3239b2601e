//! Records of a portal.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Object;
use crate::world::{Company, CrmPerson, Workspace};

/// A record with everything it has; what is asked for is taken from it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) modified_ms: i64,
    pub(crate) archived_ms: Option<i64>,
    created_ms: i64,
    modified_name: &'static str,
    properties: Map<String, Value>,
}

impl Record {
    /// The record as the API shows it: the properties that were asked for, and those that always come.
    pub(crate) fn shown(&self, wanted: &[String]) -> Value {
        let mut properties = Map::new();
        for name in wanted {
            if let Some(value) = self.properties.get(name) {
                properties.insert(name.clone(), value.clone());
            }
        }
        let (created, modified) = (time(self.created_ms), time(self.modified_ms));
        properties.insert("hs_object_id".into(), json!(self.id.to_string()));
        properties.insert("createdate".into(), json!(created));
        properties.insert(self.modified_name.into(), json!(modified));
        let mut shown = json!({
            "id": self.id.to_string(), "properties": properties, "createdAt": created, "updatedAt": modified,
            "archived": self.archived_ms.is_some(),
        });
        if let Some(archived_ms) = self.archived_ms {
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

/// Every record of a kind that is in a list, by id; merged ones are in none.
pub(crate) fn all(workspace: &Workspace, object: Object) -> Vec<Record> {
    let crm = workspace.crm();
    let mut records: Vec<Record> = match object {
        Object::Companies => crm
            .companies
            .iter()
            .enumerate()
            .filter(|(_, company)| company.merged_into.is_none())
            .map(|(number, one)| company(workspace, number, one))
            .collect(),
        Object::Contacts => crm.people.iter().map(|one| contact(workspace, one)).collect(),
        Object::Deals => {
            (0..crm.companies.len()).map(|number| deal(workspace, &crm.companies[number], number)).collect()
        }
    };
    records.sort_by_key(|record| record.id);
    records
}

pub(crate) fn company_id(workspace: &Workspace, number: usize) -> u64 {
    workspace.roster.accounts[number].external_id.parse().unwrap_or(number as u64 + 1)
}

pub(crate) fn contact_id(home: (usize, usize)) -> u64 {
    1_000_000 + (home.0 as u64) * 100 + home.1 as u64
}

pub(crate) fn deal_id(number: usize) -> u64 {
    70_000_000 + number as u64
}

fn company(workspace: &Workspace, number: usize, company: &Company) -> Record {
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
        id: company_id(workspace, number),
        modified_ms: company.modified_ms,
        archived_ms: company.deleted_ms,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "hs_lastmodifieddate",
        properties,
    }
}

fn contact(workspace: &Workspace, person: &CrmPerson) -> Record {
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
        id: contact_id(person.home),
        modified_ms: person.modified_ms,
        archived_ms: person.deleted_ms,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "lastmodifieddate",
        properties,
    }
}

fn deal(workspace: &Workspace, company: &Company, number: usize) -> Record {
    let account = &workspace.roster.accounts[number];
    let mut properties = Map::new();
    properties.insert("dealname".into(), json!(format!("{} renewal", account.name)));
    properties.insert("amount".into(), json!(format!("{}.00", 1000 + number)));
    properties.insert("deal_currency_code".into(), json!("EUR"));
    properties.insert("dealstage".into(), json!("appointmentscheduled"));
    properties.insert("hs_is_closed".into(), json!("false"));
    properties.insert("hs_is_closed_won".into(), json!("false"));
    Record {
        id: deal_id(number),
        modified_ms: company.modified_ms.min(account.created_at.as_millisecond()),
        archived_ms: None,
        created_ms: account.created_at.as_millisecond(),
        modified_name: "hs_lastmodifieddate",
        properties,
    }
}
