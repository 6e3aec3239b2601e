//! The accounts that a contact has to do with beside its own, where an organization lets contacts have several.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::record::id;
use super::row::TOUCHED;
use crate::crm::hash_of_fields;
use crate::json::{Flag, Id, OfText, mended, tolerant};

tolerant!(
    /// What connects a contact with an account.
    struct Relation<'a> {
        deleted "IsDeleted": Flag,
        contact "ContactId": Id<'a>,
        account "AccountId": Id<'a>,
        direct "IsDirect": Flag,
        active "IsActive": Flag,
    }
);

impl OfText<'_> for Relation<'_> {}

/// The id of the contact that a relation is of.
pub fn related_contact(relation: &RawValue) -> Option<String> {
    let (readable, _) = mended(relation);
    let relation: Relation<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    relation.contact.get().map(id)
}

/// The accounts that a contact is related to. The direct one is its own, which its row tells; one that is not active is history.
pub(super) fn accounts(related: Option<&RawValue>) -> BTreeSet<String> {
    let account = |relation: &RawValue| {
        let (readable, _) = mended(relation);
        let relation: Relation<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
        let counts = relation.deleted.0 != Some(true)
            && relation.direct.0 != Some(true)
            && relation.active.0 != Some(false);
        relation.account.get().filter(|_| counts).map(id)
    };
    items(related).into_iter().filter_map(account).collect()
}

/// Adds to a hash what can change of them, whatever their order: Salesforce promises none.
pub(super) fn hash(related: Option<&RawValue>, bytes: &mut Vec<u8>) {
    let hashed = |relation: &RawValue| {
        let mut bytes = Vec::with_capacity(relation.get().len());
        hash_of_fields(Some(relation), TOUCHED, &mut bytes);
        bytes
    };
    let mut all: Vec<Vec<u8>> = items(related).into_iter().map(hashed).collect();
    all.sort();
    for relation in all {
        bytes.extend_from_slice(&(relation.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&relation);
    }
}

/// What is no list has none.
fn items(related: Option<&RawValue>) -> Vec<&RawValue> {
    related.and_then(|related| serde_json::from_str(related.get()).ok()).unwrap_or_default()
}
