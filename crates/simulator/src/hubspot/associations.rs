//! Which companies contacts and deals belong to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::record::{company_id, home_of_contact, number_of_deal};
use super::{Object, refusal};
use crate::reply::Reply;
use crate::world::Workspace;

/// Ids of a batch at most.
const INPUTS_MAX: usize = 1000;

/// Answers a batch; records without companies are errors in it.
pub(super) fn read(workspace: &Workspace, from: Object, to: Object, sent: &Value) -> Reply {
    let Some(inputs) = sent["inputs"].as_array().filter(|inputs| inputs.len() <= INPUTS_MAX) else {
        return refusal(400, "VALIDATION_ERROR", "inputs must be a list of at most 1000");
    };
    if to != Object::Companies || from == Object::Companies {
        return Reply {
            status: 501,
            ..refusal(501, "VALIDATION_ERROR", "these associations are not simulated")
        };
    }
    let results: Vec<Value> = inputs.iter().filter_map(|input| one(workspace, from, input)).collect();
    let missing = inputs.len() - results.len();
    let body = json!({
        "status": "COMPLETE", "results": results, "numErrors": missing,
        "errors": if missing > 0 { json!([{ "status": "error", "category": "OBJECT_NOT_FOUND" }]) } else { json!([]) },
    });
    Reply { status: if missing > 0 { 207 } else { 200 }, ..Reply::json(body.to_string()) }
}

fn one(workspace: &Workspace, from: Object, input: &Value) -> Option<Value> {
    let id: u64 = input["id"].as_str()?.parse().ok()?;
    let crm = workspace.crm();
    let (company, others, primary, plain) = match from {
        Object::Contacts => {
            let person = crm.person(home_of_contact(id)?)?;
            (person.account, person.others(), 1, 279)
        }
        Object::Deals => {
            let number = number_of_deal(id).filter(|number| *number < crm.companies.len())?;
            (number, BTreeSet::new(), 5, 341)
        }
        Object::Companies => return None,
    };
    let end = |number: usize, types: Value| {
        // ids come as numbers and as texts
        let id = company_id(workspace, number);
        let id = if number.is_multiple_of(2) { json!(id) } else { json!(id.to_string()) };
        json!({ "toObjectId": id, "associationTypes": types })
    };
    let plain_type = json!({ "category": "HUBSPOT_DEFINED", "typeId": plain, "label": null });
    let primary_type = json!({ "category": "HUBSPOT_DEFINED", "typeId": primary, "label": "Primary" });
    // HubSpot may well name the primary one last
    let mut ends: Vec<Value> =
        others.into_iter().map(|other| end(other, json!([plain_type.clone()]))).collect();
    let shown = crm.companies[company].deleted_ms.is_none();
    if shown {
        ends.push(end(company, json!([primary_type, plain_type])));
    }
    (!ends.is_empty()).then(|| json!({ "from": { "id": id.to_string() }, "to": ends }))
}
