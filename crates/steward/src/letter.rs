//! What a dead message and its headers tell.

use model::message::{Nudge, RawDocument, RecordBatch, ResolveBatch, UnfetchedRecord};
use model::{ConnectionId, ContentHash, ResolveBatchId, RunId, TenantId, VendorKey, Version};
use queue::{JobHeaders, fingerprint};
use serde_json::json;
use store::dead_letter::{self, Letter};

/// A message that was returned too often: the broker put it there.
const RETURNED_CLASS: &str = "delivery-limit";
const RETURNED: &str =
    "the broker gave it up after too many deliveries: it may crash the process that takes it";
const UNEXPLAINED: &str =
    "it came to the dead letters without a reason: put there by hand, or by another program";

/// The record a letter is about, so that the intake can say that it is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) connection_id: ConnectionId,
    pub(crate) key: VendorKey,
    pub(crate) version: Version,
    pub(crate) hash: Option<ContentHash>,
}

/// What else the ledger has to know is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Record(Record),
    Batch(ResolveBatchId),
}

/// What the body tells; nothing, if it cannot be read.
#[derive(Debug, Default)]
struct Told {
    tenant: Option<TenantId>,
    vendor: Option<String>,
    connection_id: Option<ConnectionId>,
    run_id: Option<RunId>,
    about: Option<About>,
    stage: Option<&'static str>,
}

/// Makes a letter of a message that came out of `origin_queue`'s dead letters.
pub(crate) fn letter(origin_queue: &str, headers: &JobHeaders, body: &[u8]) -> (Letter, Option<About>) {
    let told = told(origin_queue, body);
    let Cause { error_class, error, fingerprint } = cause(headers);
    let stage = text(headers.stage.as_deref()).or_else(|| told.stage.map(str::to_owned));
    let record = match &told.about {
        Some(About::Record(record)) => Some(record),
        _ => None,
    };
    let letter = Letter {
        id: headers.dead_letter_id(origin_queue, body),
        tenant: told.tenant.or_else(|| TenantId::parse(headers.tenant.as_deref()?).ok()),
        origin_queue: origin_queue.to_owned(),
        stage: stage.unwrap_or_else(|| origin_queue.split('.').next().unwrap_or_default().to_owned()),
        vendor: told.vendor.or_else(|| text(headers.vendor.as_deref())),
        connection_id: told.connection_id,
        run_id: told.run_id.or_else(|| RunId::parse(headers.run_id.as_deref()?).ok()),
        vendor_key: record
            .map(|record| record.key.to_string())
            .or_else(|| text(headers.vendor_key.as_deref())),
        version: record.map(|record| record.version.0),
        fingerprint,
        error_class,
        error,
        body: body.to_vec(),
        headers: json!({ "replayed": headers.replayed, "delivery_count": headers.delivery_count }),
        attempts: i32::try_from(headers.attempt).unwrap_or(i32::MAX),
        worker: text(headers.worker.as_deref()),
        trace_id: text(headers.traceparent.as_deref()),
        first_failed_at: headers.first_failed_at,
        last_failed_at: headers.failed_at,
    };
    (letter, told.about)
}

struct Cause {
    error_class: String,
    error: String,
    fingerprint: String,
}

/// What the broker gave up did not die of the failure that its headers tell of: it had a delivery more after that.
fn cause(headers: &JobHeaders) -> Cause {
    let told = |header: &Option<String>| text(header.as_deref()).filter(|_| !headers.given_up);
    let (class, words) =
        if headers.given_up { (RETURNED_CLASS, RETURNED) } else { (dead_letter::UNEXPLAINED, UNEXPLAINED) };
    let error = told(&headers.error).unwrap_or_else(|| words.to_owned());
    Cause {
        error_class: told(&headers.error_class).unwrap_or_else(|| class.to_owned()),
        fingerprint: told(&headers.fingerprint).unwrap_or_else(|| fingerprint(&error)),
        error,
    }
}

fn told(origin_queue: &str, body: &[u8]) -> Told {
    if let Ok(document) = RawDocument::decode(body) {
        return of_document(&document);
    }
    if let Ok(record) = UnfetchedRecord::decode(body) {
        return of_record(record);
    }
    if let Ok(nudge) = Nudge::decode(body) {
        return Told {
            tenant: Some(nudge.tenant),
            vendor: Some(nudge.vendor.to_string()),
            connection_id: Some(nudge.connection_id),
            run_id: Some(nudge.run_id),
            about: None,
            stage: Some("fetch"),
        };
    }
    if let Ok(batch) = RecordBatch::decode(body) {
        return Told {
            tenant: Some(batch.tenant),
            vendor: Some(batch.vendor.to_string()),
            connection_id: Some(batch.connection_id),
            run_id: Some(batch.run_id),
            stage: Some("normalize"),
            ..Told::default()
        };
    }
    if let Ok(batch) = ResolveBatch::decode(body) {
        let about = batch.batch_id.map(About::Batch);
        return Told { tenant: Some(batch.tenant), about, stage: Some("resolve"), ..Told::default() };
    }
    tracing::warn!(
        queue = origin_queue,
        size_bytes = body.len(),
        "a dead letter cannot be read, filed as bytes"
    );
    Told::default()
}

fn of_document(document: &RawDocument<'_>) -> Told {
    Told {
        tenant: Some(document.tenant.clone()),
        vendor: Some(document.vendor.to_string()),
        connection_id: Some(document.connection_id),
        run_id: Some(document.run_id),
        about: Some(About::Record(Record {
            connection_id: document.connection_id,
            key: document.vendor_key.clone(),
            version: document.asked_at,
            hash: Some(document.listed_hash),
        })),
        stage: Some("normalize"),
    }
}

fn of_record(record: UnfetchedRecord) -> Told {
    Told {
        tenant: Some(record.tenant),
        vendor: Some(record.vendor.to_string()),
        connection_id: Some(record.connection_id),
        run_id: Some(record.run_id),
        about: Some(About::Record(Record {
            connection_id: record.connection_id,
            key: record.vendor_key,
            version: record.asked_at,
            hash: record.listed_hash,
        })),
        stage: Some("detail"),
    }
}

/// Headers come from outside: what Postgres cannot hold is shown as a replacement character.
fn text(header: Option<&str>) -> Option<String> {
    header.filter(|text| !text.is_empty()).map(|text| text.replace('\0', "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] = include_bytes!("../../model/examples/raw_document.v1.json");
    const RECORD: &[u8] = include_bytes!("../../model/examples/unfetched_record.v1.json");
    const BATCH: &[u8] = include_bytes!("../../model/examples/record_batch.v1.json");
    const NUDGE: &[u8] = include_bytes!("../../model/examples/nudge.v1.json");

    #[test]
    fn every_message_tells_whose_it_is_and_what_it_is_about() {
        for (queue, body, stage, about_record) in [
            ("normalize.live", DOCUMENT, "normalize", true),
            ("fetch.live", RECORD, "detail", true),
            ("normalize.backfill", BATCH, "normalize", false),
            ("fetch.backfill", NUDGE, "fetch", false),
        ] {
            let (letter, about) = letter(queue, &JobHeaders::default(), body);
            assert_eq!(letter.stage, stage);
            assert_eq!(letter.tenant.as_ref().map(TenantId::as_str), Some("acme"));
            assert_eq!(matches!(about, Some(About::Record(_))), about_record, "{stage}");
            assert_eq!(letter.error_class, "unexplained", "no header names a reason");
        }
    }

    #[test]
    fn what_the_broker_gave_up_died_of_that_and_not_of_an_older_failure() {
        let headers = JobHeaders {
            error_class: Some("retry".to_owned()),
            error: Some("the database is away".to_owned()),
            fingerprint: Some("the database is away".to_owned()),
            ..JobHeaders::default()
        };
        let cause_of = |given_up| {
            let (letter, _) = letter("normalize.live", &JobHeaders { given_up, ..headers.clone() }, DOCUMENT);
            (letter.error_class, letter.error, letter.fingerprint)
        };
        let of = |class: &str, words: &str| (class.to_owned(), words.to_owned(), words.to_owned());
        assert_eq!(cause_of(true), of("delivery-limit", RETURNED));
        assert_eq!(cause_of(false), of("retry", "the database is away"));
    }

    #[test]
    fn garbage_is_a_letter_too_and_nul_characters_do_not_stop_it() {
        let headers = JobHeaders {
            error: Some("bro\0ken".to_owned()),
            error_class: Some("undecodable".to_owned()),
            tenant: Some("Not A Tenant".to_owned()),
            ..JobHeaders::default()
        };
        let (letter, about) = letter("normalize.live", &headers, b"\xff\0");
        assert_eq!((letter.error.as_str(), letter.stage.as_str()), ("bro\u{fffd}ken", "normalize"));
        assert_eq!((letter.tenant, about), (None, None));
        assert_eq!(letter.body, b"\xff\0");
    }
}
