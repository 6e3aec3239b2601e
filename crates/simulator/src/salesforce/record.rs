//! Records of an organization.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Object;
use super::id::{account_id, contact_id, lead_id, opportunity_id, organization_id, relation_id, user_id};
use crate::world::{Company, CrmPerson, Workspace};

/// A record with everything it has; what is asked for is taken from it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    /// When anything touched it, in whole seconds.
    pub(super) touched_ms: i64,
    /// Since when it is in the recycle bin, or was.
    pub(super) deleted_ms: Option<i64>,
    /// It has left the recycle bin: no query shows it.
    pub(super) purged: bool,
    fields: Map<String, Value>,
}

impl Record {
    /// A field; those that are empty come as null.
    pub(super) fn field(&self, name: &str) -> Value {
        self.fields.get(name).cloned().unwrap_or(Value::Null)
    }
}

/// The fields an object has in this organization: one currency, no person accounts.
pub(super) fn fields(workspace: &Workspace, object: Object) -> Vec<&'static str> {
    let own = (object == Object::Account && workspace.settings().crm_own_domain_field).then_some(OWN_DOMAINS);
    standard_fields(object).split(' ').chain(own).collect()
}

fn standard_fields(object: Object) -> &'static str {
    match object {
        Object::Account => {
            "Id IsDeleted MasterRecordId Name Type ParentId Phone Website Industry OwnerId CreatedDate LastModifiedDate \
             SystemModstamp"
        }
        Object::Contact => {
            "Id IsDeleted MasterRecordId AccountId LastName FirstName Name Phone MobilePhone Email Title OwnerId CreatedDate \
             LastModifiedDate SystemModstamp"
        }
        Object::Lead => {
            "Id IsDeleted MasterRecordId LastName FirstName Name Title Company Phone MobilePhone Email Website Status OwnerId \
             IsConverted ConvertedDate ConvertedAccountId ConvertedContactId ConvertedOpportunityId CreatedDate \
             LastModifiedDate SystemModstamp"
        }
        Object::Opportunity => {
            "Id IsDeleted AccountId Name StageName Amount CloseDate IsClosed IsWon OwnerId CreatedDate LastModifiedDate \
             SystemModstamp"
        }
        Object::Relation => {
            "Id IsDeleted AccountId ContactId Roles IsDirect IsActive StartDate EndDate CreatedDate LastModifiedDate \
             SystemModstamp"
        }
        Object::User => "Id Username Email Name IsActive UserType SystemModstamp",
        Object::Organization => "Id Name IsSandbox",
    }
}

/// Every record of a kind, wherever it is.
pub(super) fn all(workspace: &Workspace, object: Object) -> Vec<Record> {
    let crm = workspace.crm();
    match object {
        Object::Account => {
            crm.companies.iter().enumerate().map(|(number, one)| account(workspace, number, one)).collect()
        }
        Object::Contact => {
            crm.people.iter().filter(|one| !is_lead(one)).map(|one| contact(workspace, one)).collect()
        }
        Object::Lead => {
            let converted = crm.people.iter().filter(|one| is_lead(one)).map(|one| converted(workspace, one));
            let open = (0..crm.companies.len()).step_by(3).map(|number| open_lead(workspace, number));
            converted.chain(open).collect()
        }
        Object::Opportunity => {
            (0..crm.companies.len()).map(|number| opportunity(workspace, number)).collect()
        }
        Object::Relation => {
            crm.people.iter().filter(|one| !is_lead(one)).flat_map(|one| relations(workspace, one)).collect()
        }
        Object::User => users(workspace),
        Object::Organization => vec![Record::of(
            organization_id(workspace.salt),
            0,
            json!({ "Name": workspace.spec.name, "IsSandbox": false }),
        )],
    }
}

/// The last of an account's people is known as a lead that was converted: whose call it was, only the conversion tells.
fn is_lead(person: &CrmPerson) -> bool {
    person.home.1 == 4
}

impl Record {
    fn of(id: String, touched_ms: i64, fields: Value) -> Self {
        let Value::Object(mut fields) = fields else { unreachable!("made as an object") };
        let touched_ms = touched_ms.div_euclid(1000) * 1000;
        fields.insert("Id".into(), json!(id));
        for name in ["SystemModstamp", "LastModifiedDate"] {
            fields.insert(name.into(), json!(time(touched_ms)));
        }
        fields.entry("IsDeleted").or_insert(json!(false));
        Self { id, touched_ms, deleted_ms: None, purged: false, fields }
    }

    fn deleted(mut self, deleted_ms: Option<i64>, purged: bool) -> Self {
        (self.deleted_ms, self.purged) = (deleted_ms, purged);
        self.fields.insert("IsDeleted".into(), json!(deleted_ms.is_some()));
        self
    }
}

/// No colon in the offset, and the milliseconds are never told.
fn time(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

fn created(workspace: &Workspace, number: usize) -> String {
    time(workspace.roster.accounts[number].created_at.as_millisecond())
}

fn account(workspace: &Workspace, number: usize, company: &Company) -> Record {
    let account = &workspace.roster.accounts[number];
    // deleting it, or merging it away, is a write like any other
    let deleted_ms = company.deleted_ms.or(company.merged_into.map(|_| company.modified_ms));
    let touched_ms = company.modified_ms.max(deleted_ms.unwrap_or(0));
    let (websites, own) = match company.domains.split_first() {
        Some((_, others)) if workspace.settings().crm_own_domain_field => {
            (&company.domains[..1], Some(others.join("\r\n")))
        }
        _ => (&company.domains[..], None),
    };
    let fields = json!({
        "Name": account.name, "Type": "Customer", "Website": website(number, websites), OWN_DOMAINS: own,
        "MasterRecordId": company.merged_into.map(account_id), "CreatedDate": created(workspace, number),
        "OwnerId": user_id(number % workspace.roster.users.len()),
    });
    Record::of(account_id(number), touched_ms, fields).deleted(deleted_ms, company.purged)
}

/// A field that an administrator has made.
const OWN_DOMAINS: &str = "Domains__c";

/// One field for all of them, into which people type what they like.
fn website(number: usize, domains: &[String]) -> Option<String> {
    let first = domains.first()?;
    let first = match number % 4 {
        0 => format!("http://www.{first}/"),
        1 => first.to_uppercase(),
        2 => format!("https://{first}:443/about?ref=crm"),
        _ => format!("www.{first}"),
    };
    let between = ["; ", ", ", " ", ";"][number % 4];
    let all: Vec<&str> =
        std::iter::once(first.as_str()).chain(domains.iter().skip(1).map(String::as_str)).collect();
    Some(all.join(between))
}

fn contact(workspace: &Workspace, person: &CrmPerson) -> Record {
    let contact = &workspace.roster.accounts[person.home.0].contacts[person.home.1];
    let (given, family) = contact.name.split_once(' ').unwrap_or(("", &contact.name));
    let fields = json!({
        "FirstName": given, "LastName": family, "Name": contact.name, "Email": contact.email,
        "AccountId": account_id(person.account), "Title": "Head of Something",
        "CreatedDate": created(workspace, person.home.0), "OwnerId": user_id(0),
    });
    // whether deleting moves the date is nobody's promise: of contacts it does not, so only the list of what was deleted tells
    Record::of(contact_id(person.home), person.modified_ms, fields).deleted(person.deleted_ms, person.purged)
}

/// What connects a contact with accounts: one with its own, and those with others.
fn relations(workspace: &Workspace, person: &CrmPerson) -> Vec<Record> {
    let relation = |nth: usize, account: usize, active: bool, touched_ms: i64| {
        let fields = json!({
            "ContactId": contact_id(person.home), "AccountId": account_id(account), "IsDirect": account == person.account,
            "IsActive": active, "Roles": "Influencer;Decision Maker", "CreatedDate": created(workspace, person.home.0),
        });
        Record::of(relation_id(person.home, nth), touched_ms, fields)
    };
    let own = relation(0, person.account, true, person.modified_ms).deleted(person.deleted_ms, person.purged);
    let others = person.relations.iter().enumerate().map(|(nth, one)| {
        let deleted_ms = one.deleted_ms.or(person.deleted_ms);
        // deleting one moves its date at every second account
        let moved_ms = deleted_ms.filter(|_| person.home.0.is_multiple_of(2)).unwrap_or(0);
        let touched_ms = one.modified_ms.max(moved_ms);
        relation(nth + 1, one.account, one.active, touched_ms)
            .deleted(deleted_ms, one.purged || person.purged)
    });
    std::iter::once(own).chain(others).collect()
}

fn converted(workspace: &Workspace, person: &CrmPerson) -> Record {
    let account = &workspace.roster.accounts[person.home.0];
    let contact = &account.contacts[person.home.1];
    let (given, family) = contact.name.split_once(' ').unwrap_or(("", &contact.name));
    let fields = json!({
        "FirstName": given, "LastName": family, "Name": contact.name, "Email": contact.email, "Company": account.name,
        "Status": "Closed - Converted", "IsConverted": true, "ConvertedDate": "2026-01-05",
        "ConvertedAccountId": account_id(person.account), "ConvertedContactId": contact_id(person.home),
        "CreatedDate": created(workspace, person.home.0), "OwnerId": user_id(0),
    });
    let id = lead_id(person.home.0 * 2);
    Record::of(id, person.modified_ms, fields).deleted(person.deleted_ms, person.purged)
}

/// Somebody who is nobody's yet, at a host that is somebody's: the lead says nothing against the host.
fn open_lead(workspace: &Workspace, number: usize) -> Record {
    let account = &workspace.roster.accounts[number];
    let fields = json!({
        "LastName": "Prospect", "Name": "Prospect", "Email": format!("prospect@{}", account.mail_domain),
        "Company": account.name, "Status": "Open - Not Contacted", "IsConverted": false,
        "CreatedDate": created(workspace, number), "OwnerId": user_id(0),
    });
    Record::of(lead_id(number * 2 + 1), account.created_at.as_millisecond(), fields)
}

fn opportunity(workspace: &Workspace, number: usize) -> Record {
    let account = &workspace.roster.accounts[number];
    let amount = f64::from(u32::try_from(number).unwrap_or(0)) + 1000.5;
    let fields = json!({
        "Name": format!("{} renewal", account.name), "AccountId": account_id(number), "StageName": "Prospecting",
        "Amount": amount, "CloseDate": "2027-01-31", "IsClosed": false, "IsWon": false,
        "CreatedDate": created(workspace, number), "OwnerId": user_id(0),
    });
    Record::of(opportunity_id(number), account.created_at.as_millisecond(), fields)
}

/// The workspace's own people, and a customer with a log-in, who is a user too.
fn users(workspace: &Workspace) -> Vec<Record> {
    let user = |number: usize, name: String, email: &str, kind: &str| {
        let fields = json!({
            "Name": name, "Email": email, "Username": format!("{number}.{email}"), "IsActive": number % 7 != 6,
            "UserType": kind,
        });
        Record::of(user_id(number), 0, fields)
    };
    let own = workspace.roster.users.iter().enumerate();
    let mut users: Vec<Record> =
        own.map(|(number, one)| user(number, one.name(), &one.email, "Standard")).collect();
    let customer = &workspace.roster.accounts[0].contacts[1];
    users.push(user(users.len(), customer.name.clone(), &customer.email, "CspLitePortal"));
    users
}
