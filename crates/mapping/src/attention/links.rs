//! CRM records that the vendor linked.

use std::collections::HashSet;

use model::{LinkedRecord, VendorKey};

use super::attributes::Linked;
use super::sources::Sources;
use crate::nul::NulSweeper;

/// Every linked record once, in order of appearance; codes stay as the vendor writes them.
pub(super) fn linked_records(sources: Sources<'_, '_>, nul: &mut NulSweeper) -> Vec<LinkedRecord> {
    let mut known = HashSet::new();
    let mut records = Vec::new();
    for one in sources.iter() {
        let lists = [
            (&one.linked_crm_records, ""),
            (&one.external_accounts, "account"),
            (&one.external_contacts, "contact"),
        ];
        for (list, code_if_none) in lists {
            for linked in list.get().unwrap_or_default() {
                let Some(record) = record(&linked, code_if_none, nul) else { continue };
                if known.insert((record.external_id.clone(), record.code.to_lowercase())) {
                    records.push(record);
                }
            }
        }
    }
    records
}

fn record(linked: &Linked<'_>, code_if_none: &str, nul: &mut NulSweeper) -> Option<LinkedRecord> {
    let id = nul.trimmed(linked.id.get())?;
    let code = nul.trimmed(linked.code.get()).unwrap_or_else(|| code_if_none.to_owned());
    // an id too long for an index becomes its hash
    Some(LinkedRecord { external_id: VendorKey::of(&id).as_str().to_owned(), code })
}
