//! What a CRM's document becomes, and a recorder's user: one shape for every vendor.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A record of a CRM, or a user of any vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmRecord {
    /// Its id at the vendor, in its longest form.
    pub external_id: String,
    /// Whether it is still there.
    pub presence: Presence,
    /// Ids of records that were merged into this one, as the winner tells them.
    pub merged_ids: BTreeSet<String>,
    /// When it came to be in the CRM.
    pub created_at: Option<Timestamp>,
    /// Who owns it, by the CRM's id of the owner.
    pub owner_external_id: Option<String>,
    /// What it says.
    pub body: CrmBody,
}

/// Whether a record is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    Live,
    /// Deleted or archived.
    Gone,
    /// Merged into the record with this id.
    MergedInto(String),
}

/// What a record of a CRM says, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrmBody {
    /// A company.
    Account(CrmAccount),
    /// A person at a company.
    Contact(CrmContact),
    /// Something that may be sold.
    Deal(CrmDeal),
    /// One of the tenant's own people.
    User(CrmUser),
}

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmAccount {
    /// Its name; its id where it has none.
    pub name: String,
    /// The domains it owns, in normal form; none for a person's account.
    pub domains: BTreeSet<String>,
    /// The company it belongs to.
    pub parent_external_id: Option<String>,
}

/// A person, or somebody who may become one (a lead).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmContact {
    /// Not a contact yet.
    pub lead: bool,
    /// Full name.
    pub name: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Telephone number as given.
    pub phone: Option<String>,
    /// Addresses as given, the first one first.
    pub emails: Vec<String>,
    /// Addresses in normal form, each once, in the same order.
    pub email_keys: Vec<String>,
    /// The company it belongs to; of several the primary one.
    pub account_external_id: Option<String>,
    /// The other companies it is connected with.
    pub other_account_external_ids: BTreeSet<String>,
}

/// Something that may be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmDeal {
    /// Its name; its id where it has none.
    pub name: String,
    /// Whose it is; of several companies the primary one.
    pub account_external_id: Option<String>,
    /// Its stage, as the CRM names it.
    pub stage: Option<String>,
    /// Its amount, as the CRM writes it.
    pub amount: Option<String>,
    /// The currency of the amount.
    pub currency: Option<String>,
    /// When it is to be closed, or was.
    pub close_date: Option<String>,
    /// It is over.
    pub closed: bool,
    /// It was won.
    pub won: bool,
}

/// One of the tenant's own people: who works with the CRM, or whose calls are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUser {
    /// Full name.
    pub name: Option<String>,
    /// The main address as given; a queue or a machine has none.
    pub email: Option<String>,
    /// Addresses in normal form, each once, the main one first.
    pub email_keys: Vec<String>,
}
