//! What the CRMs have in common: keys, hashes, users, and lists that are written as one text.

use std::collections::{BTreeMap, BTreeSet};

use model::{ContentHash, CrmBody, CrmRecord, CrmUser, Presence, Stream, VendorKey};
use serde_json::value::RawValue;

use crate::canonical::canonical_bytes;
use crate::email::EmailKey;
use crate::json::Entries;
use crate::nul::NulSweeper;

/// What a row of a CRM's list says about its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRecord {
    /// The record's key in the ledger: its kind and its id, or the hash of its bytes when it has none.
    pub key: VendorKey,
    /// The id, as the vendor is asked with it.
    pub id: Option<String>,
    /// Hash of what can change of it; when it was last touched does not count.
    pub hash: ContentHash,
}

impl ListedRecord {
    pub(crate) fn of(stream: Stream, id: Option<String>, hash: ContentHash) -> Self {
        let key = match &id {
            Some(id) => record_key(stream, id),
            None => VendorKey::of(&format!("sha256:{hash}")),
        };
        Self { key, id, hash }
    }
}

/// The key of a record in the ledger. CRMs count each kind of record apart, so its kind is part of it.
pub fn record_key(stream: Stream, external_id: &str) -> VendorKey {
    VendorKey::of(&format!("{stream}/{}", stored_id(external_id)))
}

/// The hash of everything that is stored of a record; equal hashes need no writing.
pub fn record_hash(record: &CrmRecord) -> ContentHash {
    let bytes = serde_json::to_vec(record).expect("a record has only text keys");
    ContentHash::of(&bytes)
}

/// Hashes the fields of an object that are not in `but`, whatever their order.
pub(crate) fn hash_of_fields(object: Option<&RawValue>, but: &[&str], bytes: &mut Vec<u8>) {
    let Some(object) = object else { return };
    let Ok(Entries(fields)) = serde_json::from_str::<Entries<'_>>(object.get()) else {
        return bytes.extend_from_slice(object.get().as_bytes());
    };
    // of a repeated field the last counts, as when it is read
    let fields: BTreeMap<_, _> = fields.into_iter().filter(|(name, _)| !but.contains(&&**name)).collect();
    for (name, field) in fields {
        bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&canonical_bytes(field));
        bytes.push(0);
    }
}

/// An id as it is stored: opaque, and never longer than an index takes.
pub(crate) fn stored_id(id: &str) -> String {
    VendorKey::of(id.trim()).as_str().to_owned()
}

/// What users of every vendor have.
#[derive(Debug, Default)]
pub(crate) struct User<'a> {
    /// The whole of it, where the vendor has it so.
    pub(crate) name: Option<&'a str>,
    pub(crate) given_name: Option<&'a str>,
    pub(crate) family_name: Option<&'a str>,
}

impl User<'_> {
    /// The user as a record; the first address is the main one.
    pub(crate) fn record<'e>(
        &self,
        external_id: String,
        emails: impl IntoIterator<Item = &'e str>,
    ) -> CrmRecord {
        let mut nul = NulSweeper::default();
        let (given, email_keys) = addresses(emails.into_iter(), &mut nul);
        let name = nul.trimmed(self.name).or_else(|| full_name(self.given_name, self.family_name, &mut nul));
        CrmRecord {
            external_id,
            // who has left is one of the tenant's own people all the same
            presence: Presence::Live,
            merged_ids: BTreeSet::new(),
            created_at: None,
            owner_external_id: None,
            body: CrmBody::User(CrmUser { name, email: given.into_iter().next(), email_keys }),
        }
    }
}

/// The items of a list written as one text: `a;b; c`.
pub(crate) fn items(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(';').map(str::trim).filter(|item| !item.is_empty())
}

/// Addresses as given and in normal form, each once; what is no address is left out.
pub(crate) fn addresses<'a>(
    given: impl Iterator<Item = &'a str>,
    nul: &mut NulSweeper,
) -> (Vec<String>, Vec<String>) {
    let (mut emails, mut keys): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for email in given {
        let Some(key) = EmailKey::parse(email) else { continue };
        if !keys.iter().any(|known| known == key.as_str()) {
            emails.push(nul.text(email.trim()));
            keys.push(key.as_str().to_owned());
        }
    }
    (emails, keys)
}

/// First and last name as one.
pub(crate) fn full_name(given: Option<&str>, family: Option<&str>, nul: &mut NulSweeper) -> Option<String> {
    let parts: Vec<String> = [given, family].into_iter().filter_map(|part| nul.trimmed(part)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::MappingError;

    /// What is read of a user: id, name, main address and every key, as far as there are any.
    pub(crate) fn told(read: fn(&RawValue) -> Result<CrmRecord, MappingError>, row: &str) -> String {
        let record = match read(&serde_json::from_str::<Box<RawValue>>(row).expect("JSON")) {
            Ok(record) => record,
            Err(error) => return error.to_string(),
        };
        let CrmBody::User(user) = record.body else { panic!("no user: {record:?}") };
        let parts = [Some(record.external_id), user.name, user.email].into_iter().flatten();
        parts.chain(user.email_keys).collect::<Vec<_>>().join(" ")
    }
}
