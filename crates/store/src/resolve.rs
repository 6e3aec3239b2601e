//! Linking conversations again after accounts changed.
//!
//! A change waits for its horizon: a writer that read the accounts before the change, and has not committed yet, would otherwise
//! write an old link after everything was linked again. Every writer has a transaction id before it reads accounts, so when all
//! ids older than the horizon have ended, every link there is to come is made from the accounts as they are now.
//!
//! A ripe change becomes batches, each a row of the ledger that goes with the transaction that works it off. Who writes a conversation
//! leaves a batch as well, for its meeting (`meeting`).

mod batch;
mod older;

use jiff::Timestamp;
use model::{Attendee, ConversationId, LinkedRecord, TenantId, Vendor};
use uuid::Uuid;

use crate::conversation::Link;
use crate::conversation_write::Participant;
use crate::{StoreError, Tx};
pub use batch::{Task, again, finish, join_small, mark_dead, reopen, still_wanted, take_unsent};
pub use older::{Older, Walk, go_over, hand_out_older, lock_older};

/// Gives new changes their horizon; returns how many. In a transaction of its own, begun after the change was committed.
pub async fn fix_horizons(tx: &Tx) -> Result<u64, StoreError> {
    let sql =
        "UPDATE account_changes SET horizon = pg_snapshot_xmax(pg_current_snapshot()) WHERE horizon IS NULL";
    tx.execute(sql, &[]).await
}

/// Conversations that a change of accounts may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Whose they are.
    pub tenant: TenantId,
    /// In ascending order; may be empty.
    pub ids: Vec<ConversationId>,
    /// There are no more: the change is worked off.
    pub last: bool,
}

/// Makes batches of the next page of conversations of the oldest change that is ripe; `None` when none is. Another scheduler takes
/// another change.
pub async fn take_ripe(tx: &Tx, page: i64) -> Result<Option<Affected>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT change_id, tenant_id, email_keys, domains, external_ids, account_ids, handed_out_to, changed_at, user_ids
             FROM account_changes
             WHERE horizon <= pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY change_id LIMIT 1 FOR UPDATE SKIP LOCKED",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let change: i64 = row.try_get(0)?;
    let tenant = TenantId::parse(row.try_get(1)?)?;
    let (email_keys, domains): (Vec<String>, Vec<String>) = (row.try_get(2)?, row.try_get(3)?);
    let (external_ids, accounts): (Vec<String>, Vec<Uuid>) = (row.try_get(4)?, row.try_get(5)?);
    let after: Option<Uuid> = row.try_get(6)?;
    let changed_at: Timestamp = row.try_get(7)?;
    let users: Vec<String> = row.try_get(8)?;
    let rows = tx
        .query(
            // what is written from here on is linked by the accounts as they are, wherever its id falls
            "SELECT conversation_id FROM (
                 SELECT conversation_id FROM participants WHERE tenant_id = $1 AND email_key = ANY ($2)
                 UNION
                 SELECT conversation_id FROM participants WHERE tenant_id = $1 AND domain = ANY ($3)
                 UNION
                 SELECT conversation_id FROM linked_records WHERE tenant_id = $1 AND external_id = ANY ($4)
                 UNION
                 SELECT conversation_id FROM conversations WHERE tenant_id = $1 AND account_id = ANY ($5)
                 UNION
                 SELECT conversation_id FROM participants WHERE tenant_id = $1 AND vendor_user_id = ANY ($6)) AS affected
             WHERE $7::uuid IS NULL OR conversation_id > $7
             ORDER BY conversation_id LIMIT $8",
            &[
                &tenant.as_str(),
                &with_untagged(&email_keys),
                &with_parents(&domains),
                &with_both_lengths(&external_ids),
                &accounts,
                &users,
                &after,
                &page,
            ],
        )
        .await?;
    let ids: Vec<ConversationId> =
        rows.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect::<Result<_, StoreError>>()?;
    batch::add(tx, &tenant, &ids, changed_at).await?;
    let last = i64::try_from(ids.len()).unwrap_or(i64::MAX) < page;
    if last {
        tx.execute("DELETE FROM account_changes WHERE change_id = $1", &[&change]).await?;
    } else {
        let handed_out_to = ids.last().map(|id| id.0);
        let sql = "UPDATE account_changes SET handed_out_to = $2 WHERE change_id = $1";
        tx.execute(sql, &[&change, &handed_out_to]).await?;
    }
    Ok(Some(Affected { tenant, ids, last }))
}

/// Participants are kept under their registrable domain: an account that owns `eu.acme.com` is looked for under `acme.com`.
fn with_parents(domains: &[String]) -> Vec<String> {
    let parents = domains.iter().flat_map(|domain| {
        std::iter::successors(Some(domain.as_str()), |rest| rest.split_once('.').map(|(_, parent)| parent))
    });
    unique(parents.filter(|domain| domain.contains('.')).map(str::to_owned).collect())
}

/// Participants are kept under their address without a plus tag.
fn with_untagged(email_keys: &[String]) -> Vec<String> {
    let untagged = email_keys.iter().filter_map(|key| {
        let (local, domain) = key.rsplit_once('@')?;
        let (local, _tag) = local.split_once('+')?;
        Some(format!("{local}@{domain}"))
    });
    unique(email_keys.iter().cloned().chain(untagged).collect())
}

/// Salesforce writes an id with 15 characters or with 18, of which the last three say which of the others are upper case; vendors
/// and CRMs may disagree about the form.
fn with_both_lengths(external_ids: &[String]) -> Vec<String> {
    let others = external_ids.iter().filter_map(|id| {
        if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        match id.len() {
            15 => Some(format!("{id}{}", id.as_bytes().chunks(5).map(case_letter).collect::<String>())),
            18 => id.get(..15).map(str::to_owned),
            _ => None,
        }
    });
    unique(external_ids.iter().cloned().chain(others).collect())
}

/// Which of five characters are upper case, the first as the lowest bit.
fn case_letter(five: &[u8]) -> char {
    let bits: usize =
        five.iter().enumerate().filter(|(_, b)| b.is_ascii_uppercase()).map(|(place, _)| 1 << place).sum();
    char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
}

fn unique(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

/// A conversation as linking it needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToResolve {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who recorded it.
    pub vendor: Vendor,
    /// The version that was read; the link is written only at this one.
    pub version: i64,
    /// Everybody, in order.
    pub attendees: Vec<Attendee>,
    /// Records that the vendor linked, in order.
    pub linked_records: Vec<LinkedRecord>,
}

/// Loads conversations for linking; those that are not there are absent. From here on the transaction has an id, so what it reads
/// of the accounts is covered by the horizon of their changes.
pub async fn load_for_resolve(tx: &Tx, ids: &[ConversationId]) -> Result<Vec<ToResolve>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = tx
        .query(
            "SELECT conversation_id, tenant_id, version, vendor, pg_current_xact_id()::text FROM conversations
             WHERE conversation_id = ANY ($1) ORDER BY conversation_id",
            &[&ids],
        )
        .await?;
    let mut loaded = Vec::with_capacity(rows.len());
    for row in &rows {
        loaded.push(ToResolve {
            id: ConversationId(row.try_get(0)?),
            tenant: TenantId::parse(row.try_get(1)?)?,
            version: row.try_get(2)?,
            vendor: row.try_get::<_, &str>(3)?.parse()?,
            attendees: Vec::new(),
            linked_records: Vec::new(),
        });
    }
    load_attendees(tx, &ids, &mut loaded).await?;
    load_linked_records(tx, &ids, &mut loaded).await?;
    Ok(loaded)
}

fn find(loaded: &mut [ToResolve], id: Uuid) -> Option<&mut ToResolve> {
    let index = loaded.binary_search_by_key(&id, |one| one.id.0).ok()?;
    loaded.get_mut(index)
}

async fn load_attendees(tx: &Tx, ids: &[Uuid], loaded: &mut [ToResolve]) -> Result<(), StoreError> {
    let rows = tx
        .query(
            "SELECT conversation_id, vendor_person_id, name, email, title, phone, organizer, vendor_user_id, vendor_contact_id
             FROM participants
             WHERE conversation_id = ANY ($1) ORDER BY conversation_id, ordinal",
            &[&ids],
        )
        .await?;
    for row in &rows {
        let Some(one) = find(loaded, row.try_get(0)?) else { continue };
        one.attendees.push(Attendee {
            vendor_person_id: row.try_get(1)?,
            name: row.try_get(2)?,
            email: row.try_get(3)?,
            title: row.try_get(4)?,
            phone: row.try_get(5)?,
            organizer: row.try_get(6)?,
            vendor_user_id: row.try_get(7)?,
            vendor_contact_id: row.try_get(8)?,
        });
    }
    Ok(())
}

async fn load_linked_records(tx: &Tx, ids: &[Uuid], loaded: &mut [ToResolve]) -> Result<(), StoreError> {
    let rows = tx
        .query(
            "SELECT conversation_id, external_id, code FROM linked_records
             WHERE conversation_id = ANY ($1) ORDER BY conversation_id, ordinal",
            &[&ids],
        )
        .await?;
    for row in &rows {
        let Some(one) = find(loaded, row.try_get(0)?) else { continue };
        one.linked_records.push(LinkedRecord { external_id: row.try_get(1)?, code: row.try_get(2)? });
    }
    Ok(())
}

/// A conversation's link, sides and contacts, as they are found now.
#[derive(Debug, Clone)]
pub struct Relink<'a> {
    /// The conversation.
    pub id: ConversationId,
    /// The version it was read at.
    pub version: i64,
    /// The account.
    pub link: Link,
    /// Only the tenant's own people took part.
    pub internal: bool,
    /// The people, in order.
    pub participants: Vec<Participant<'a>>,
}

/// Writes what differs, where the conversation is still at the version that was read; returns how many links changed. A person's
/// link stays.
pub async fn relink(tx: &Tx, relinks: &[Relink<'_>]) -> Result<u64, StoreError> {
    let still = lock_unchanged(tx, relinks).await?;
    let relinks: Vec<&Relink<'_>> =
        relinks.iter().filter(|relink| still.binary_search(&relink.id.0).is_ok()).collect();
    if relinks.is_empty() {
        return Ok(0);
    }
    update_participants(tx, &relinks).await?;
    update_links(tx, &relinks).await
}

/// The conversations that are still at the version that was read, and stay so until the transaction ends.
async fn lock_unchanged(tx: &Tx, relinks: &[Relink<'_>]) -> Result<Vec<Uuid>, StoreError> {
    let ids: Vec<Uuid> = relinks.iter().map(|relink| relink.id.0).collect();
    let versions: Vec<i64> = relinks.iter().map(|relink| relink.version).collect();
    let rows = tx
        .query(
            "SELECT c.conversation_id FROM conversations c
             JOIN unnest($1::uuid[], $2::bigint[]) AS r (id, version) ON r.id = c.conversation_id AND r.version = c.version
             ORDER BY c.conversation_id FOR NO KEY UPDATE OF c",
            &[&ids, &versions],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn update_participants(tx: &Tx, relinks: &[&Relink<'_>]) -> Result<(), StoreError> {
    let people = || {
        relinks.iter().flat_map(|relink| {
            relink.participants.iter().zip(0_i32..).map(|(person, ordinal)| (relink.id.0, ordinal, person))
        })
    };
    let ids: Vec<Uuid> = people().map(|(id, ..)| id).collect();
    let ordinals: Vec<i32> = people().map(|(_, ordinal, _)| ordinal).collect();
    let sides: Vec<&str> = people().map(|(.., person)| person.side.as_str()).collect();
    let contacts: Vec<Option<&str>> =
        people().map(|(.., person)| person.contact_external_id.as_deref()).collect();
    let users: Vec<Option<&str>> = people().map(|(.., person)| person.user_external_id.as_deref()).collect();
    tx.execute(
        "UPDATE participants p SET side = n.side, contact_external_id = n.contact, user_external_id = n.person
         FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[]) AS n (id, ordinal, side, contact, person)
         WHERE p.conversation_id = n.id AND p.ordinal = n.ordinal
           AND (p.side, p.contact_external_id, p.user_external_id) IS DISTINCT FROM (n.side, n.contact, n.person)",
        &[&ids, &ordinals, &sides, &contacts, &users],
    )
    .await?;
    Ok(())
}

async fn update_links(tx: &Tx, relinks: &[&Relink<'_>]) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = relinks.iter().map(|relink| relink.id.0).collect();
    let accounts: Vec<Option<Uuid>> =
        relinks.iter().map(|relink| relink.link.account.map(|account| account.0)).collect();
    let rules: Vec<&str> = relinks.iter().map(|relink| relink.link.rule.as_str()).collect();
    let rule_versions: Vec<i32> = relinks.iter().map(|relink| relink.link.rule_version).collect();
    let evidence: Vec<String> = relinks.iter().map(|relink| relink.link.evidence.to_string()).collect();
    let internal: Vec<bool> = relinks.iter().map(|relink| relink.internal).collect();
    let changes = tx
        .execute_pipelined(&[
            (
                "UPDATE conversations c SET internal = n.internal, updated_at = now()
                 FROM unnest($1::uuid[], $2::boolean[]) AS n (id, internal)
                 WHERE c.conversation_id = n.id AND c.internal <> n.internal",
                &[&ids, &internal],
            ),
            (
                // new evidence for the same account is no news to whoever reads the conversation
                "UPDATE conversations c SET account_id = n.account, link_rule = n.rule, link_rule_version = n.rule_version,
                     link_evidence = n.evidence::jsonb,
                     linked_at = CASE WHEN c.account_id IS DISTINCT FROM n.account THEN now() ELSE c.linked_at END,
                     updated_at = CASE WHEN (c.account_id, c.link_rule) IS DISTINCT FROM (n.account, n.rule)
                                       THEN now() ELSE c.updated_at END
                 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[])
                     AS n (id, account, rule, rule_version, evidence)
                 WHERE c.conversation_id = n.id AND c.link_rule <> 'person'
                   AND (c.account_id, c.link_rule, c.link_rule_version, c.link_evidence)
                       IS DISTINCT FROM (n.account, n.rule, n.rule_version, n.evidence::jsonb)",
                &[&ids, &accounts, &rules, &rule_versions, &evidence],
            ),
            (
                // the account a person named goes on as the one that took its place, and is itself again when it stands again; when they
                // said so stays, since of two words about one meeting the later counts
                "WITH said AS MATERIALIZED (
                     SELECT conversation_id, tenant_id, account_id,
                            coalesce((link_evidence ->> 'account_id')::uuid, account_id) AS named
                     FROM conversations WHERE conversation_id = ANY ($1) AND link_rule = 'person')
                 UPDATE conversations c SET account_id = coalesce(a.merged_into, a.account_id), updated_at = now()
                 FROM said s JOIN accounts a ON a.tenant_id = s.tenant_id AND a.account_id = s.named
                 WHERE c.conversation_id = s.conversation_id
                   AND s.account_id IS DISTINCT FROM coalesce(a.merged_into, a.account_id)",
                &[&ids],
            ),
        ])
        .await?;
    Ok(changes.iter().skip(1).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_looked_for_under_every_form_that_participants_are_kept_under() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            with_parents(&texts(&["eu.acme.co.uk", "acme.co.uk"])),
            ["acme.co.uk", "co.uk", "eu.acme.co.uk"]
        );
        assert_eq!(
            with_untagged(&texts(&["ana+crm@x.com", "b@y.com"])),
            ["ana+crm@x.com", "ana@x.com", "b@y.com"]
        );
    }
}
