//! Editing what a vendor sent before it is replayed: a recorder's document, or a CRM's records. Whose record it is may not change. The
//! original stays.

use anyhow::{Context as _, bail};
use model::DeadLetterId;
use model::message::{RawDocument, RawSource, RecordBatch};
use serde_json::{Map, Value};
use similar::TextDiff;
use store::dead_letter::{self, FiledLetter, LetterFilter};
use store::{Speaker, Store, Tx, claim_check, desk_action};

/// What a person may change of a document.
const OF_DOCUMENT: [&str; 3] = ["source", "give_up", "admit_private"];

/// What a person may change of each record of a batch.
const OF_RECORD: [&str; 2] = ["listed", "related"];

const UNREADABLE: &str = "what is edited cannot be read";
const UNMAPPED: &str = "what is edited cannot be mapped";

/// The message of a letter as text to be edited: what was edited last, else the original, with a large document in its place.
pub async fn draft(store: &Store, id: DeadLetterId) -> anyhow::Result<String> {
    let tx = store.begin(Speaker::Everybody).await?;
    let filed = loaded(&tx, id).await?;
    let draft = drafted(&tx, &filed).await?;
    tx.commit().await?;
    Ok(draft)
}

/// Has an edited message sent at the letter's next replay, if it can be mapped and is about the same record; `dry_run` only says what would
/// change. Returns the difference to the original.
pub async fn edit(
    store: &Store,
    operator: &str,
    id: DeadLetterId,
    edited: &[u8],
    dry_run: bool,
) -> anyhow::Result<String> {
    let tx = store.begin(Speaker::Everybody).await?;
    let filed = loaded(&tx, id).await?;
    let original = drafted(&tx, &FiledLetter { edited_body: None, ..filed.clone() }).await?;
    let edited = checked(&original, edited)?;
    let difference = difference(&original, &pretty(&edited)?);
    if difference.is_empty() {
        bail!("nothing is edited: the message is as it was");
    }
    if !dry_run {
        // not the lines: what people said is kept with the letter only, and goes with it
        let lines = difference.lines().filter(|line| line.starts_with(['+', '-'])).count().saturating_sub(2);
        let words = format!("{lines} lines differ from the original");
        set(&tx, operator, "edit", id, Some(&serde_json::to_vec(&edited)?), &words).await?;
    }
    tx.commit().await?;
    Ok(difference)
}

/// Has the original sent at the letter's next replay.
pub async fn undo(store: &Store, operator: &str, id: DeadLetterId) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    if loaded(&tx, id).await?.edited_body.is_none() {
        bail!("dead letter {id} is not edited");
    }
    set(&tx, operator, "undo", id, None, "the original is sent").await?;
    Ok(tx.commit().await?)
}

async fn set(
    tx: &Tx,
    operator: &str,
    action: &str,
    id: DeadLetterId,
    body: Option<&[u8]>,
    words: &str,
) -> anyhow::Result<()> {
    if !dead_letter::edit(tx, id, body).await? {
        bail!("dead letter {id} is closed or forgotten: nothing of it is sent again");
    }
    let chosen = LetterFilter { ids: Some(vec![id]), ..LetterFilter::default() }.as_json();
    Ok(desk_action::record(tx, operator, action, &chosen, 1, Some(words)).await?)
}

async fn loaded(tx: &Tx, id: DeadLetterId) -> anyhow::Result<FiledLetter> {
    dead_letter::load(tx, id).await?.with_context(|| super::no_letter(id))
}

async fn drafted(tx: &Tx, filed: &FiledLetter) -> anyhow::Result<String> {
    let body = filed.edited_body.as_ref().unwrap_or(&filed.letter.body);
    if RecordBatch::decode(body).is_ok() {
        return pretty(&serde_json::from_slice(body)?);
    }
    let document = RawDocument::decode(body).with_context(|| {
        let id = filed.letter.id;
        format!("dead letter {id} holds nothing that a vendor sent: its replay does the work again, and there is nothing to edit")
    })?;
    let mut whole: Value = serde_json::from_slice(body)?;
    if let RawSource::Claim { claim, .. } = &document.source {
        let kept = claim_check::get(tx, &document.tenant, *claim).await?;
        let kept = kept.context("its large document was swept: fetch its day again (`sync --from --to`)")?;
        whole["source"] = serde_json::from_slice(&kept)?;
    }
    pretty(&whole)
}

/// The edited message, if a normalizer can map it and it is about the records that the original is about.
fn checked(original: &str, edited: &[u8]) -> anyhow::Result<Value> {
    let is_batch = RecordBatch::decode(original.as_bytes()).is_ok();
    if is_batch { check_records(edited) } else { check_document(edited) }?;
    let (before, after): (Value, Value) = (serde_json::from_str(original)?, serde_json::from_slice(edited)?);
    if let Some(field) = changed_identity(&before, &after) {
        let words = if is_batch { OF_RECORD.join(", ") } else { OF_DOCUMENT.join(", ") };
        bail!("{field:?} may not be edited, only {words}{}", if is_batch { " of each record" } else { "" });
    }
    Ok(after)
}

fn check_document(edited: &[u8]) -> anyhow::Result<()> {
    let document = RawDocument::decode(edited).context(UNREADABLE)?;
    let RawSource::Inline { listed, detail } = &document.source else {
        bail!("what is edited holds no document: `source` is to be `inline`");
    };
    let mapped =
        mapping::conversation(document.vendor, document.stream, *listed, *detail).context(UNMAPPED)?;
    if mapped.external_id != document.vendor_key {
        bail!("what is edited is about {}, not about {}", mapped.external_id, document.vendor_key);
    }
    Ok(())
}

fn check_records(edited: &[u8]) -> anyhow::Result<()> {
    let batch = RecordBatch::decode(edited).context(UNREADABLE)?;
    for raw in &batch.records {
        let mapped = mapping::crm_record(batch.vendor, batch.stream, raw.listed, raw.related)
            .with_context(|| format!("{UNMAPPED}: record {}", raw.key))?;
        let key = mapping::record_key(batch.stream, &mapped.external_id);
        if key != raw.key {
            bail!("what is edited is about {key}, not about {}", raw.key);
        }
    }
    Ok(())
}

/// A field that differs and may not.
fn changed_identity(before: &Value, after: &Value) -> Option<String> {
    let (before, after) = (identity(before), identity(after));
    let names = before.keys().chain(after.keys());
    names.into_iter().find(|name| before.get(*name) != after.get(*name)).cloned()
}

/// A message without what may change of it.
fn identity(whole: &Value) -> Map<String, Value> {
    let mut fields = whole.as_object().cloned().unwrap_or_default();
    fields.retain(|name, _| !OF_DOCUMENT.contains(&name.as_str()));
    for record in fields.get_mut("records").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(record) = record.as_object_mut() {
            record.retain(|name, _| !OF_RECORD.contains(&name.as_str()));
        }
    }
    fields
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn difference(original: &str, edited: &str) -> String {
    TextDiff::from_lines(original, edited)
        .unified_diff()
        .context_radius(2)
        .header("original", "edited")
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn original() -> Value {
        let body = include_bytes!("../../../model/examples/raw_document.v1.json");
        serde_json::from_slice(body).expect("JSON")
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        let mut edited = original();
        change(&mut edited);
        let edited = serde_json::to_vec(&edited).expect("JSON");
        format!("{:#}", checked(&original().to_string(), &edited).expect_err("refused"))
    }

    #[test]
    fn an_edited_message_is_of_the_same_record_and_can_be_mapped() {
        assert!(refused(|edited| edited["tenant"] = json!("other")).contains("\"tenant\" may not be edited"));
        assert!(refused(|edited| edited["asked_at"] = json!(1)).contains("\"asked_at\" may not be edited"));
        assert!(
            refused(|edited| edited["source"] = json!({ "gone": { "reason": "no" } }))
                .contains("no document")
        );
        assert!(refused(|edited| edited["source"] = json!({ "inline": {} })).contains("cannot be mapped"));
        assert!(refused(|edited| edited["source"] = json!(7)).contains("cannot be read"));
        let other = json!({ "inline": { "detail": { "data": { "id": "other", "attributes": {} } } } });
        assert!(refused(|edited| edited["source"] = other).contains("is about other, not about"));
    }

    #[test]
    fn edited_records_are_the_same_ones_and_can_be_mapped() {
        let original = include_str!("../../../model/examples/record_batch.v1.json");
        let tried = |change: &dyn Fn(&mut Value)| {
            let mut edited: Value = serde_json::from_str(original).expect("JSON");
            change(&mut edited);
            checked(original, edited.to_string().as_bytes()).map_err(|error| format!("{error:#}"))
        };
        let refused = |change: &dyn Fn(&mut Value)| tried(change).expect_err("refused");
        let renamed =
            tried(&|edited| edited["records"][0]["listed"]["properties"]["name"] = json!("Example AG"));
        assert_eq!(renamed.expect("edited")["records"][0]["listed"]["properties"]["name"], "Example AG");
        let told = refused(&|edited| edited["lane"] = json!("backfill"));
        assert_eq!(told, "\"lane\" may not be edited, only listed, related of each record");
        let hash = json!("11".repeat(32));
        assert!(
            refused(&|edited| edited["records"][0]["hash"] = hash.clone()).contains("\"records\" may not")
        );
        assert!(refused(&|edited| edited["records"] = json!([])).contains("\"records\" may not be edited"));
        assert!(refused(&|edited| edited["records"][0]["listed"] = json!({})).contains("cannot be mapped"));
        let told = refused(&|edited| edited["records"][0]["listed"]["id"] = json!("7"));
        assert_eq!(told, "what is edited is about accounts/7, not about accounts/406260751575");
    }

    #[test]
    fn a_difference_shows_the_lines_that_changed() {
        let told = difference("{\n  \"title\": 7\n}\n", "{\n  \"title\": \"Seven\"\n}\n");
        assert!(told.contains("-  \"title\": 7\n+  \"title\": \"Seven\"\n"), "{told}");
        assert_eq!(difference("{}\n", "{}\n"), "");
    }
}
