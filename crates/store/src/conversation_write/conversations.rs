//! The conversations' own rows.

use std::collections::HashSet;

use jiff::Timestamp;
use model::{ConversationId, SkipReason};
use uuid::Uuid;

use super::{Arrival, Changed, Skipped};
use crate::{StoreError, Tx};

/// Writes the rows of changed conversations. A person's link stays, a withdrawal ends, and the day it was first seen is kept.
pub(super) async fn upsert(tx: &Tx, changed: &[Changed<'_>]) -> Result<(), StoreError> {
    let rows = Columns::of(changed)?;
    tx.execute(
        // no comparison of versions: the lock on the intake row has decided that this one is the newest
        "INSERT INTO conversations AS c (conversation_id, tenant_id, connection_id, vendor, vendor_account, external_id,
             version, title, url, started_at, ended_at, duration_s, platform, join_url, internal, private, owner_email,
             owner_name, transcript_status, summary, insights, attributes, nul_characters_removed, account_id, link_rule,
             link_rule_version, link_evidence, join_key, calendar_key, owner_user_id, owner_email_key, meeting_id,
             linked_at, rules_applied)
         SELECT n.*, n.conversation_id, now(), n.link_rule_version
         FROM (SELECT conversation_id, tenant_id, connection_id, vendor, vendor_account, external_id, version, title, url,
                   started_at, ended_at, duration_s, platform, join_url, internal, private, owner_email, owner_name,
                   transcript_status, summary, insights::jsonb, attributes::jsonb, nul_characters_removed, account_id,
                   link_rule, link_rule_version, link_evidence::jsonb, join_key, calendar_key, owner_user_id, owner_email_key
               FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                   $9::text[], $10::timestamptz[], $11::timestamptz[], $12::float8[], $13::text[], $14::text[],
                   $15::boolean[], $16::boolean[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
                   $22::text[], $23::integer[], $24::uuid[], $25::text[], $26::integer[], $27::text[],
                   $28::text[], $29::text[], $30::text[], $31::text[])
                   AS u (conversation_id, tenant_id, connection_id, vendor, vendor_account, external_id, version, title,
                   url, started_at, ended_at, duration_s, platform, join_url, internal, private, owner_email, owner_name,
                   transcript_status, summary, insights, attributes, nul_characters_removed, account_id, link_rule,
                   link_rule_version, link_evidence, join_key, calendar_key, owner_user_id, owner_email_key)) AS n
         ORDER BY n.conversation_id
         ON CONFLICT (conversation_id) DO UPDATE SET
             connection_id = excluded.connection_id, version = excluded.version, title = excluded.title,
             url = excluded.url, started_at = excluded.started_at, ended_at = excluded.ended_at,
             duration_s = excluded.duration_s, platform = excluded.platform, join_url = excluded.join_url,
             internal = excluded.internal, private = excluded.private, owner_email = excluded.owner_email,
             owner_name = excluded.owner_name, transcript_status = excluded.transcript_status,
             summary = excluded.summary, insights = excluded.insights, attributes = excluded.attributes,
             nul_characters_removed = excluded.nul_characters_removed, withdrawn_at = NULL, withdrawn_reason = NULL,
             join_key = excluded.join_key, calendar_key = excluded.calendar_key, owner_user_id = excluded.owner_user_id,
             owner_email_key = excluded.owner_email_key, rules_applied = excluded.rules_applied,
             account_id = CASE WHEN c.link_rule = 'person' THEN c.account_id ELSE excluded.account_id END,
             link_rule = CASE WHEN c.link_rule = 'person' THEN c.link_rule ELSE excluded.link_rule END,
             link_rule_version = CASE WHEN c.link_rule = 'person' THEN c.link_rule_version
                                      ELSE excluded.link_rule_version END,
             link_evidence = CASE WHEN c.link_rule = 'person' THEN c.link_evidence ELSE excluded.link_evidence END,
             linked_at = CASE WHEN c.link_rule = 'person' OR c.account_id IS NOT DISTINCT FROM excluded.account_id
                              THEN c.linked_at ELSE now() END,
             updated_at = now()",
        &[
            &rows.ids, &rows.tenants, &rows.connections, &rows.vendors, &rows.vendor_accounts, &rows.external_ids,
            &rows.versions, &rows.titles, &rows.urls, &rows.started, &rows.ended, &rows.durations, &rows.platforms,
            &rows.join_urls, &rows.internal, &rows.private, &rows.owner_emails, &rows.owner_names, &rows.statuses,
            &rows.summaries, &rows.insights, &rows.attributes, &rows.nuls, &rows.accounts, &rows.rules,
            &rows.rule_versions, &rows.evidence, &rows.join_keys, &rows.calendar_keys, &rows.owner_user_ids,
            &rows.owner_email_keys,
        ],
    )
    .await?;
    Ok(())
}

/// Withdraws what is stored of records that are private, archived or empty now. What is merely gone at the vendor stays: it was
/// said, and nobody took it back. Returns what was stored.
pub(super) async fn withdraw<'a>(
    tx: &Tx,
    skipped: &[Skipped<'a>],
) -> Result<Vec<(&'a str, Uuid)>, StoreError> {
    let withdrawn = || skipped.iter().filter(|skipped| skipped.reason != SkipReason::Gone);
    let ids: Vec<Uuid> = withdrawn().map(|skipped| skipped.arrival.conversation_id.0).collect();
    let versions: Vec<i64> = withdrawn().map(|skipped| skipped.arrival.asked_at.0).collect();
    let reasons: Vec<&str> = withdrawn().map(|skipped| skipped.reason.as_str()).collect();
    let rows = tx
        .query(
            "UPDATE conversations c SET withdrawn_at = coalesce(withdrawn_at, now()), withdrawn_reason = w.reason,
                 version = w.version, updated_at = now()
             FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS w (id, version, reason)
             WHERE c.conversation_id = w.id RETURNING c.conversation_id",
            &[&ids, &versions, &reasons],
        )
        .await?;
    let private = skipped.iter().filter(|skipped| skipped.reason == SkipReason::Private);
    forget(tx, &private.map(|skipped| &skipped.arrival).collect::<Vec<_>>()).await?;
    let stored = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<Uuid>, _>>()?;
    let arrivals = withdrawn().map(|skipped| skipped.arrival);
    let touched = arrivals.filter(|arrival| stored.contains(&arrival.conversation_id.0));
    Ok(touched.map(|arrival| (arrival.tenant.as_str(), arrival.conversation_id.0)).collect())
}

/// Of a call that is private now nothing is kept but that it was there. Should it be made public again, it is fetched again.
async fn forget(tx: &Tx, arrivals: &[&Arrival<'_>]) -> Result<(), StoreError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = arrivals.iter().map(|arrival| arrival.conversation_id.0).collect();
    let connections: Vec<Uuid> = arrivals.iter().map(|arrival| arrival.connection_id.0).collect();
    let keys: Vec<&str> = arrivals.iter().map(|arrival| arrival.vendor_key.as_str()).collect();
    tx.execute_pipelined(&[
        ("DELETE FROM participants WHERE conversation_id = ANY ($1)", &[&ids]),
        ("DELETE FROM linked_records WHERE conversation_id = ANY ($1)", &[&ids]),
        ("DELETE FROM transcripts WHERE conversation_id = ANY ($1)", &[&ids]),
        (
            "UPDATE conversations SET title = NULL, summary = NULL, insights = '[]', attributes = '{}', owner_email = NULL,
                 owner_name = NULL, owner_user_id = NULL, owner_email_key = NULL, join_url = NULL, join_key = NULL,
                 calendar_key = NULL, meeting_evidence = '[]', private = true, transcript_status = 'none',
                 account_id = CASE WHEN link_rule = 'person' THEN account_id END,
                 link_evidence = CASE WHEN link_rule = 'person' THEN link_evidence ELSE '{}' END,
                 link_rule = CASE WHEN link_rule = 'person' THEN link_rule ELSE 'none' END
             WHERE conversation_id = ANY ($1)",
            &[&ids],
        ),
        (
            "DELETE FROM raw_documents r USING unnest($1::uuid[], $2::text[]) AS p (connection_id, vendor_key)
             WHERE r.connection_id = p.connection_id AND r.vendor_key = p.vendor_key",
            &[&connections, &keys],
        ),
    ])
    .await?;
    Ok(())
}

/// The rows as columns, for UNNEST.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    tenants: Vec<&'a str>,
    connections: Vec<Uuid>,
    vendors: Vec<&'static str>,
    vendor_accounts: Vec<&'a str>,
    external_ids: Vec<&'a str>,
    versions: Vec<i64>,
    titles: Vec<Option<&'a str>>,
    urls: Vec<Option<&'a str>>,
    started: Vec<Option<Timestamp>>,
    ended: Vec<Option<Timestamp>>,
    durations: Vec<Option<f64>>,
    platforms: Vec<Option<&'static str>>,
    join_urls: Vec<Option<&'a str>>,
    internal: Vec<bool>,
    private: Vec<bool>,
    owner_emails: Vec<Option<&'a str>>,
    owner_names: Vec<Option<&'a str>>,
    statuses: Vec<&'static str>,
    summaries: Vec<Option<&'a str>>,
    insights: Vec<String>,
    attributes: Vec<String>,
    nuls: Vec<i32>,
    accounts: Vec<Option<Uuid>>,
    rules: Vec<&'a str>,
    rule_versions: Vec<i32>,
    evidence: Vec<String>,
    join_keys: Vec<Option<&'a str>>,
    calendar_keys: Vec<Option<&'a str>>,
    owner_user_ids: Vec<Option<&'a str>>,
    owner_email_keys: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(changed: &'a [Changed<'a>]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for row in changed {
            columns.add_key(row);
            columns.add_content(row)?;
            columns.accounts.push(row.link.account.map(|account| account.0));
            columns.rules.push(&row.link.rule);
            columns.rule_versions.push(row.link.rule_version);
            columns.evidence.push(json(&row.link.evidence)?);
            columns.join_keys.push(row.keys.join.as_deref());
            columns.calendar_keys.push(row.keys.calendar.as_deref());
            columns.owner_email_keys.push(row.owner_email_key.as_deref());
        }
        Ok(columns)
    }

    fn add_key(&mut self, row: &'a Changed<'a>) {
        let arrival = &row.stored.arrival;
        let ConversationId(id) = arrival.conversation_id;
        self.ids.push(id);
        self.tenants.push(arrival.tenant.as_str());
        self.connections.push(arrival.connection_id.0);
        self.vendors.push(row.vendor.as_str());
        self.vendor_accounts.push(row.vendor_account.as_str());
        self.external_ids.push(arrival.vendor_key.as_str());
        self.versions.push(arrival.asked_at.0);
    }

    fn add_content(&mut self, row: &'a Changed<'a>) -> Result<(), StoreError> {
        let conversation = row.conversation;
        let owner = conversation.owner.as_ref();
        self.titles.push(conversation.title.as_deref());
        self.urls.push(conversation.url.as_deref());
        self.started.push(conversation.started_at);
        self.ended.push(conversation.ended_at);
        self.durations.push(conversation.duration_s);
        self.platforms.push(conversation.platform.map(model::Platform::as_str));
        self.join_urls.push(conversation.join_url.as_deref());
        self.internal.push(row.internal);
        self.private.push(conversation.private);
        self.owner_emails.push(owner.and_then(|owner| owner.email.as_deref()));
        self.owner_names.push(owner.and_then(|owner| owner.name.as_deref()));
        self.owner_user_ids.push(owner.and_then(|owner| owner.vendor_user_id.as_deref()));
        self.statuses.push(conversation.transcript.status.as_str());
        self.summaries.push(conversation.summary.as_deref());
        self.insights.push(json(&conversation.insights)?);
        self.attributes.push(json(&conversation.attributes)?);
        self.nuls.push(i32::try_from(conversation.nul_characters_removed).unwrap_or(i32::MAX));
        Ok(())
    }
}

/// JSON as text: half the time of a tree of values, and Postgres parses it either way.
fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Data { sqlstate: "22030".to_owned(), message: error.to_string() })
}
