//! Where one record is, stage by stage, by whatever a person has of it.

use jiff::Timestamp;
use model::{ConnectionId, TenantId, VendorKey};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Where one record stands, stage by stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Whereabouts {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Its vendor.
    pub vendor: String,
    /// Its id at the vendor.
    pub vendor_key: String,
    /// stored, pending, skipped, dead, or listed: on its way.
    pub standing: String,
    /// First seen in the vendor's list.
    pub first_listed_at: Option<Timestamp>,
    /// Last seen in the vendor's list.
    pub listed_at: Option<Timestamp>,
    /// Stored last.
    pub stored_at: Option<Timestamp>,
    /// When the vendor said what it was skipped for.
    pub skipped_at: Option<Timestamp>,
    /// Why it was skipped.
    pub skipped_reason: Option<String>,
    /// It waits for its transcript.
    pub awaits_transcript: bool,
    /// When it is looked at next, and why.
    pub look_at: Option<Timestamp>,
    /// Why it is looked at next.
    pub look_reason: Option<String>,
    /// Failed requests for its details.
    pub failed_attempts: i32,
    /// What the vendor answered.
    pub failed_reason: Option<String>,
    /// When it died.
    pub dead_at: Option<Timestamp>,
    /// Its dead letter.
    pub dead_letter_id: Option<String>,
    /// The conversation it became.
    pub conversation_id: Option<String>,
    /// Its title there.
    pub title: Option<String>,
    /// Withdrawn, since when.
    pub withdrawn_at: Option<Timestamp>,
    /// Withdrawn, and why.
    pub withdrawn_reason: Option<String>,
    /// Put on its account, or looked at for one.
    pub linked_at: Option<Timestamp>,
    /// The account it is on.
    pub account: Option<String>,
    /// The run that has it in hand; one that failed only where no other has.
    pub run: Option<RunOfRecord>,
    /// What blocks its connection now.
    pub blocked: Option<String>,
}

/// A run that has a record in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunOfRecord {
    /// Its id.
    pub run_id: Uuid,
    /// Its state.
    pub state: String,
    /// Why it is parked.
    pub parked_cause: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What a person may have given: the vendor's id itself, or a URL that holds it.
pub(super) struct Named {
    names: Vec<String>,
    keys: Vec<String>,
    pub(super) ids: Vec<Uuid>,
    urls: Vec<String>,
}

impl Named {
    pub(super) fn by(text: &str) -> Self {
        let text = text.trim();
        let bare = text.trim_end_matches('/');
        let mut names = vec![bare.to_owned()];
        // addresses are copied with and without their scheme
        if bare.contains('/')
            && let Ok(url) = Url::parse(bare).or_else(|_| Url::parse(&format!("https://{bare}")))
        {
            names.extend(url.query_pairs().filter(|(name, _)| name == "id").map(|(_, id)| id.into_owned()));
            // Salesforce ends its addresses with what is done with the record
            let last = url
                .path_segments()
                .and_then(|mut segments| segments.rfind(|one| !one.is_empty() && *one != "view"));
            names.extend(last.map(str::to_owned));
            names.extend(last.map(|one| percent_decode_str(one).decode_utf8_lossy().into_owned()));
        }
        // an id of the vendor's is written as the vendor writes it, one that was copied perhaps not
        let same: Vec<String> =
            names.iter().filter_map(|name| Some(name.parse::<Uuid>().ok()?.to_string())).collect();
        names.extend(same);
        let ids = names.iter().filter_map(|name| name.parse().ok()).collect();
        let kinds = ["", "accounts/", "contacts/", "deals/", "leads/"];
        let keys = names.iter().flat_map(|name| kinds.map(|kind| key(&format!("{kind}{name}")))).collect();
        Self { names, keys, ids, urls: vec![text.to_owned(), bare.to_owned()] }
    }

    /// The ids at a source that may be meant, without what kind of record they are of.
    pub(super) fn bare(&self) -> Vec<&str> {
        let bare = self.names.iter().map(|name| {
            let kinds = ["accounts/", "contacts/", "deals/", "leads/"];
            kinds.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name)
        });
        bare.collect()
    }

    /// The addresses that may be meant, as they are compared.
    pub(super) fn emails(&self) -> Vec<String> {
        self.names.iter().filter(|name| name.contains('@')).map(|name| name.to_lowercase()).collect()
    }
}

fn key(name: &str) -> String {
    VendorKey::of(name).as_str().to_owned()
}

/// Finds records by the vendor's id, a conversation's id, the conversation's address at the vendor, or another URL that holds the
/// vendor's id: at the end of its path, or as the `id` of its query.
pub async fn find(tx: &Tx, text: &str) -> Result<Vec<Whereabouts>, StoreError> {
    let named = Named::by(text);
    let rows = tx
        .query(
            "WITH meant AS (
                 SELECT connection_id, vendor_key FROM intake WHERE vendor_key = ANY ($1)
                 UNION
                 SELECT connection_id, external_id FROM conversations WHERE conversation_id = ANY ($2)
                 UNION
                 SELECT connection_id, external_id FROM conversations WHERE url = ANY ($3))
             -- a version dates the asking; a list is noted when its page ends, so nothing became of a record before that
             SELECT k.tenant_id, k.connection_id, n.vendor, k.vendor_key, y.standing,
                 k.first_listed_at, k.listed_at, k.stored_at, CASE WHEN k.skipped_version IS NOT NULL
                      THEN greatest(to_timestamp(k.skipped_version / 1000000.0), k.first_listed_at) END, k.skipped_reason,
                 k.awaits_transcript, k.look_at, k.look_reason, k.failed_attempts, k.failed_reason,
                 coalesce(d.last_failed_at, CASE WHEN k.dead_version IS NOT NULL
                      THEN greatest(to_timestamp(k.dead_version / 1000000.0), k.first_listed_at) END), k.dead_letter_id::text,
                 c.conversation_id::text, c.title, c.withdrawn_at, c.withdrawn_reason, c.linked_at, a.name,
                 r.run_id, r.state, r.parked_cause, r.last_error, b.cause
             FROM meant
             JOIN intake k USING (connection_id, vendor_key)
             JOIN record_standings y USING (connection_id, vendor_key)
             JOIN connections n USING (connection_id)
             JOIN connection_blocks b USING (connection_id)
             LEFT JOIN conversations c ON c.tenant_id = k.tenant_id AND c.vendor = n.vendor
                  AND c.vendor_account = n.vendor_account AND c.external_id = k.vendor_key
             LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id
             LEFT JOIN dead_letters d ON d.dead_letter_id = k.dead_letter_id
             LEFT JOIN LATERAL (
                 SELECT s.run_id, s.state, s.parked_cause, coalesce(s.failed_reason, s.last_error) AS last_error
                 FROM sync_runs s JOIN run_items i ON i.run_id = s.run_id AND i.vendor_key = k.vendor_key
                 WHERE s.connection_id = k.connection_id AND s.state <> 'settled'
                 ORDER BY s.state = 'failed', s.planned_at DESC LIMIT 1) AS r ON true
             ORDER BY k.tenant_id, k.vendor_key LIMIT 50",
            &[&named.keys, &named.ids, &named.urls],
        )
        .await?;
    rows.iter().map(whereabouts).collect()
}

fn whereabouts(row: &tokio_postgres::Row) -> Result<Whereabouts, StoreError> {
    Ok(Whereabouts {
        tenant: TenantId::parse(row.try_get(0)?)?,
        connection_id: ConnectionId(row.try_get(1)?),
        vendor: row.try_get(2)?,
        vendor_key: row.try_get(3)?,
        standing: row.try_get(4)?,
        first_listed_at: row.try_get(5)?,
        listed_at: row.try_get(6)?,
        stored_at: row.try_get(7)?,
        skipped_at: row.try_get(8)?,
        skipped_reason: row.try_get(9)?,
        awaits_transcript: row.try_get(10)?,
        look_at: row.try_get(11)?,
        look_reason: row.try_get(12)?,
        failed_attempts: row.try_get(13)?,
        failed_reason: row.try_get(14)?,
        dead_at: row.try_get(15)?,
        dead_letter_id: row.try_get(16)?,
        conversation_id: row.try_get(17)?,
        title: row.try_get(18)?,
        withdrawn_at: row.try_get(19)?,
        withdrawn_reason: row.try_get(20)?,
        linked_at: row.try_get(21)?,
        account: row.try_get(22)?,
        run: run(row)?,
        blocked: row.try_get(27)?,
    })
}

fn run(row: &tokio_postgres::Row) -> Result<Option<RunOfRecord>, StoreError> {
    let Some(run_id) = row.try_get(23)? else { return Ok(None) };
    let (state, parked_cause, last_error) = (row.try_get(24)?, row.try_get(25)?, row.try_get(26)?);
    Ok(Some(RunOfRecord { run_id, state, parked_cause, last_error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_the_address_of_every_vendor() {
        let table = [
            ("7782342274025937895", "7782342274025937895"),
            ("https://app.gong.io/call?id=7782342274025937895", "7782342274025937895"),
            ("https://us-1.app.gong.io/call?from=mail&id=77&highlights=%5B%5D#t", "77"),
            ("app.gong.io/call?id=77", "77"),
            (
                "https://app.attention.tech/conversations/all-calls/4f2b0c1e-0000-4000-8000-000000000001/",
                "4f2b0c1e-0000-4000-8000-000000000001",
            ),
            ("https://app.attention.tech/conversations/all-calls/a%2Fb%20c+d", "a/b c+d"),
            ("https://app.hubspot.com/contacts/145/record/0-2/9876?tab=about", "accounts/9876"),
            (
                "https://acme.lightning.force.com/lightning/r/Account/001000000000001AAA",
                "accounts/001000000000001AAA",
            ),
            ("00Q000000000001AAA", "leads/00Q000000000001AAA"),
            (
                "https://acme.lightning.force.com/lightning/r/Lead/00Q000000000001AAA/view",
                "leads/00Q000000000001AAA",
            ),
            ("an id / with a slash", "an id / with a slash"),
        ];
        for (given, wanted) in table {
            let keys = Named::by(given).keys;
            assert!(keys.iter().any(|one| one == wanted), "{given}: {keys:?}");
        }
    }

    #[test]
    fn what_is_no_address_names_only_itself() {
        for text in ["", "/", "https://", "%zz", "?id=", "a:b", "\u{0}"] {
            assert!(Named::by(text).ids.is_empty(), "{text:?}");
        }
        let named = Named::by("4F2B0C1E-0000-4000-8000-000000000001");
        assert!(named.keys.contains(&"4f2b0c1e-0000-4000-8000-000000000001".to_owned()));
    }
}
