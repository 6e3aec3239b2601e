//! Records of the CRM that the vendor linked to a call and to its parties.

use std::collections::HashSet;

use model::{LinkedRecord, VendorKey};
use serde_json::{Value, json};

use super::call::{Call, Context, CrmObject};
use crate::json::{Field, List};
use crate::nul::NulSweeper;

/// Every linked record once: first those of the call, then those of its parties. Types stay as the vendor writes them, new ones too.
pub(super) fn linked_records(call: &Call<'_>, nul: &mut NulSweeper) -> Vec<LinkedRecord> {
    let mut known = HashSet::new();
    let mut records = Vec::new();
    let parties = call.parties.get().unwrap_or_default();
    let contexts = std::iter::once(&call.context).chain(parties.iter().map(|party| &party.context));
    for (_, object) in contexts.flat_map(objects) {
        let Some(id) = nul.trimmed(object.id.get()) else { continue };
        let code = nul.trimmed(object.kind.get()).unwrap_or_default();
        // an id too long for an index becomes its hash
        let external_id = VendorKey::of(&id).as_str().to_owned();
        if known.insert((external_id.clone(), code.to_lowercase())) {
            records.push(LinkedRecord { external_id, code });
        }
    }
    records
}

/// The contact that a party is, else the lead.
pub(super) fn contact<'a>(context: &Field<'a, List<Context<'a>>>, nul: &mut NulSweeper) -> Option<String> {
    let objects = objects(context);
    ["contact", "lead"].into_iter().find_map(|kind| {
        let is_one = |object: &CrmObject<'_>| {
            object.kind.get().is_some_and(|named| named.trim().eq_ignore_ascii_case(kind))
        };
        let mut named = objects.iter().filter(|(_, object)| is_one(object));
        named.find_map(|(_, object)| nul.trimmed(object.id.get()))
    })
}

/// The records of a call or a party with their fields, as evidence.
pub(super) fn kept<'a>(context: &Field<'a, List<Context<'a>>>) -> Option<Value> {
    let kept: Vec<Value> = objects(context)
        .into_iter()
        .map(|(system, object)| {
            json!({
                "system": system, "type": object.kind.get(), "id": object.id.get(), "timing": object.timing.get(),
                "fields": object.fields.get(),
            })
        })
        .collect();
    (!kept.is_empty()).then_some(Value::from(kept))
}

fn objects<'a>(context: &Field<'a, List<Context<'a>>>) -> Vec<(Option<String>, CrmObject<'a>)> {
    let mut all = Vec::new();
    for one in context.get().unwrap_or_default() {
        let system = one.system.get().map(str::to_owned);
        let objects = one.objects.get().unwrap_or_default();
        all.extend(objects.into_iter().map(|object| (system.clone(), object)));
    }
    all
}
