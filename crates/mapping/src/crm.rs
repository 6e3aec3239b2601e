//! What the CRMs have in common: keys, hashes, and lists that are written as one text.

use std::collections::BTreeMap;

use model::{ContentHash, CrmRecord, Stream, VendorKey};
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
