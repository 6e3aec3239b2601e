//! Merges: the facts as records tell them, and which account each account leads to because of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{AccountId, CrmRecord, Presence, Stream, TenantId};
use uuid::Uuid;

use super::{Changes, Row, accounts};
use crate::{StoreError, Tx};

/// The merges of one kind of record of one source.
type Scope<'a> = (&'a TenantId, &'a str, Stream);

/// Loser to winner.
type Facts = BTreeMap<String, String>;

/// The tellers of a batch whose merges are not those that are known.
pub(super) struct Differing<'a> {
    scopes: BTreeMap<Scope<'a>, Told>,
}

#[derive(Default)]
struct Told {
    tellers: BTreeSet<String>,
    facts: Vec<(String, String, String)>,
}

impl Told {
    fn add(&mut self, record: &CrmRecord) {
        let id = &record.external_id;
        if record.presence == Presence::Gone && record.merged_ids.is_empty() {
            // deleted for good after a merge: nothing shows the winner any more, and it is the winner all the same
            return;
        }
        self.tellers.insert(id.clone());
        for loser in &record.merged_ids {
            self.facts.push((loser.clone(), id.clone(), id.clone()));
        }
        if let Presence::MergedInto(winner) = &record.presence
            && winner != id
        {
            self.facts.push((id.clone(), winner.clone(), id.clone()));
        }
    }
}

impl<'a> Differing<'a> {
    /// Compares what the records of a batch tell with what is known, and locks the sources where it differs: chains are followed
    /// over all merges of a source, so of two batches the second must see what the first has written. Before any row is written, so
    /// that nobody waits for this lock while holding a row.
    pub(super) async fn of<A, C, D>(
        tx: &Tx,
        accounts: &[Row<'a, A>],
        contacts: &[Row<'a, C>],
        deals: &[Row<'a, D>],
    ) -> Result<Self, StoreError> {
        let mut scopes: BTreeMap<Scope<'a>, Told> = BTreeMap::new();
        for row in accounts {
            scopes.entry((row.tenant, row.source, Stream::Accounts)).or_default().add(row.record);
        }
        for row in contacts {
            scopes.entry((row.tenant, row.source, Stream::Contacts)).or_default().add(row.record);
        }
        for row in deals {
            scopes.entry((row.tenant, row.source, Stream::Deals)).or_default().add(row.record);
        }
        let mut differing = BTreeMap::new();
        for (scope, told) in scopes {
            if differs(tx, scope, &told).await? {
                differing.insert(scope, told);
            }
        }
        for (tenant, source, stream) in differing.keys() {
            let name = format!("crm_merges/{tenant}/{source}/{stream}");
            tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&name]).await?;
        }
        Ok(Self { scopes: differing })
    }

    /// Writes the facts, and makes every loser lead to where its chain ends.
    pub(super) async fn write(&self, tx: &Tx, changes: &mut Changes) -> Result<(), StoreError> {
        for (scope, told) in &self.scopes {
            write_facts(tx, *scope, told).await?;
            let finals = finals(&facts(tx, *scope).await?);
            match scope.2 {
                Stream::Accounts => lead_accounts(tx, *scope, &finals, changes).await?,
                Stream::Contacts => lead_contacts(tx, *scope, &finals, changes).await?,
                _ => lead_deals(tx, *scope, &finals, changes).await?,
            }
        }
        Ok(())
    }
}

async fn differs(tx: &Tx, (tenant, source, stream): Scope<'_>, told: &Told) -> Result<bool, StoreError> {
    let tellers: Vec<&str> = told.tellers.iter().map(String::as_str).collect();
    let rows = tx
        .query(
            "SELECT loser_id, winner_id, told_by FROM crm_merges
             WHERE tenant_id = $1 AND source = $2 AND stream = $3 AND told_by = ANY ($4)",
            &[&tenant.as_str(), &source, &stream.as_str(), &tellers],
        )
        .await?;
    let known: BTreeSet<(String, String, String)> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok(known != told.facts.iter().cloned().collect())
}

async fn write_facts(tx: &Tx, (tenant, source, stream): Scope<'_>, told: &Told) -> Result<(), StoreError> {
    let tellers: Vec<&str> = told.tellers.iter().map(String::as_str).collect();
    // of a loser that two records claim, any one will do: both chains end at the same winner
    let facts: BTreeMap<&str, (&str, &str)> = told
        .facts
        .iter()
        .map(|(loser, winner, teller)| (loser.as_str(), (winner.as_str(), teller.as_str())))
        .collect();
    let losers: Vec<&str> = facts.keys().copied().collect();
    let winners: Vec<&str> = facts.values().map(|(winner, _)| *winner).collect();
    let told_by: Vec<&str> = facts.values().map(|(_, teller)| *teller).collect();
    tx.execute_pipelined(&[
        (
            "DELETE FROM crm_merges WHERE tenant_id = $1 AND source = $2 AND stream = $3 AND told_by = ANY ($4)
                AND loser_id <> ALL ($5)",
            &[&tenant.as_str(), &source, &stream.as_str(), &tellers, &losers],
        ),
        (
            "INSERT INTO crm_merges (tenant_id, source, stream, loser_id, winner_id, told_by)
             SELECT $1, $2, $3, loser, winner, teller
             FROM unnest($4::text[], $5::text[], $6::text[]) AS n (loser, winner, teller)
             ON CONFLICT (tenant_id, source, stream, loser_id)
             DO UPDATE SET winner_id = excluded.winner_id, told_by = excluded.told_by",
            &[&tenant.as_str(), &source, &stream.as_str(), &losers, &winners, &told_by],
        ),
    ])
    .await?;
    Ok(())
}

async fn facts(tx: &Tx, (tenant, source, stream): Scope<'_>) -> Result<Facts, StoreError> {
    let sql =
        "SELECT loser_id, winner_id FROM crm_merges WHERE tenant_id = $1 AND source = $2 AND stream = $3";
    let rows = tx.query(sql, &[&tenant.as_str(), &source, &stream.as_str()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Where each loser's chain ends; one that goes round has no end, and nobody in it has lost.
fn finals(facts: &Facts) -> Facts {
    let end_of = |loser: &str| {
        let mut seen = BTreeSet::from([loser.to_owned()]);
        let mut at = facts.get(loser)?;
        while let Some(next) = facts.get(at) {
            if !seen.insert(at.clone()) {
                return None;
            }
            at = next;
        }
        Some(at.clone())
    };
    facts.keys().filter_map(|loser| Some((loser.clone(), end_of(loser)?))).collect()
}

async fn lead_accounts(
    tx: &Tx,
    (tenant, source, _): Scope<'_>,
    finals: &Facts,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let derive = |id: &String| AccountId::derive(tenant, source, id).0;
    let losers: Vec<Uuid> = finals.keys().map(derive).collect();
    let loser_ids: Vec<&str> = finals.keys().map(String::as_str).collect();
    let winners: Vec<Uuid> = finals.values().map(derive).collect();
    let rows = tx
        .query(
            // a loser that was never listed gets a row all the same: calls may name it; one that is no loser any more stands again
            "WITH told AS (
                 SELECT * FROM unnest($3::uuid[], $4::text[], $5::uuid[]) AS n (account_id, external_id, winner)),
             before AS (
                 SELECT account_id, merged_into FROM accounts
                 WHERE tenant_id = $1 AND source = $2
                   AND (merged_into IS NOT NULL OR account_id IN (SELECT account_id FROM told))),
             freed AS (
                 UPDATE accounts a SET merged_into = NULL, updated_at = now()
                 WHERE tenant_id = $1 AND source = $2 AND merged_into IS NOT NULL
                   AND account_id NOT IN (SELECT account_id FROM told) RETURNING a.account_id, NULL::uuid AS winner),
             led AS (
                 INSERT INTO accounts AS a (tenant_id, account_id, source, external_id, name, gone_at, deleted_at, merged_into)
                 SELECT $1, account_id, $2, external_id, external_id, now(), now(), winner FROM told ORDER BY account_id
                 ON CONFLICT (tenant_id, account_id) DO UPDATE SET merged_into = excluded.merged_into, updated_at = now()
                 WHERE a.merged_into IS DISTINCT FROM excluded.merged_into
                 RETURNING a.account_id, a.merged_into AS winner)
             SELECT l.account_id, l.winner, b.merged_into FROM (SELECT * FROM freed UNION ALL SELECT * FROM led) AS l
             LEFT JOIN before b USING (account_id)",
            &[&tenant.as_str(), &source, &losers, &loser_ids, &winners],
        )
        .await?;
    let mut moved = Vec::new();
    for row in &rows {
        moved.push(row.try_get(0)?);
        moved.extend(row.try_get::<_, Option<Uuid>>(1)?);
        moved.extend(row.try_get::<_, Option<Uuid>>(2)?);
    }
    note_moved(tx, tenant, &moved, changes).await
}

/// Notes everything that accounts whose place was taken, or who took one, are found by.
async fn note_moved(
    tx: &Tx,
    tenant: &TenantId,
    moved: &[Uuid],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if moved.is_empty() {
        return Ok(());
    }
    let rows = tx
        .query(
            "SELECT external_id, ARRAY (
                 SELECT domain FROM account_domains d WHERE d.tenant_id = a.tenant_id AND d.account_id = a.account_id)
             FROM accounts a WHERE tenant_id = $1 AND account_id = ANY ($2)",
            &[&tenant.as_str(), &moved],
        )
        .await?;
    let change = changes.entry(tenant.clone()).or_default();
    change.account_ids.extend(moved);
    for row in &rows {
        change.external_ids.insert(row.try_get(0)?);
        change.domains.extend(row.try_get::<_, Vec<String>>(1)?);
    }
    accounts::note_dependents(tx, tenant, moved, changes).await
}

async fn lead_contacts(
    tx: &Tx,
    (tenant, source, _): Scope<'_>,
    finals: &Facts,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let (losers, winners): (Vec<&str>, Vec<&str>) =
        finals.iter().map(|(loser, winner)| (loser.as_str(), winner.as_str())).unzip();
    let rows = tx
        .query(
            // a loser that was never listed gets a row all the same: a vendor may say that somebody is it
            "WITH told AS (SELECT * FROM unnest($3::text[], $4::text[]) AS n (external_id, winner)),
             wanted AS (
                 SELECT c.external_id, t.winner FROM contacts c LEFT JOIN told t USING (external_id)
                 WHERE c.tenant_id = $1 AND c.source = $2 AND c.merged_into IS DISTINCT FROM t.winner
                   AND (c.merged_into IS NOT NULL OR c.external_id = ANY ($3))),
             led AS (
                 UPDATE contacts c SET merged_into = w.winner, updated_at = now() FROM wanted w
                 WHERE c.tenant_id = $1 AND c.source = $2 AND c.external_id = w.external_id
                 RETURNING c.email_key, c.external_id),
             added AS (
                 INSERT INTO contacts (tenant_id, source, external_id, gone_at, deleted_at, merged_into)
                 SELECT $1, $2, external_id, now(), now(), winner FROM told ORDER BY external_id
                 ON CONFLICT (tenant_id, source, external_id) DO NOTHING
                 RETURNING email_key, external_id)
             SELECT l.email_key, ARRAY (
                 SELECT e.email_key FROM contact_emails e
                 WHERE e.tenant_id = $1 AND e.source = $2 AND e.external_id = l.external_id), l.external_id
             FROM (SELECT * FROM led UNION ALL SELECT * FROM added) AS l",
            &[&tenant.as_str(), &source, &losers, &winners],
        )
        .await?;
    let change = changes.entry(tenant.clone()).or_default();
    for row in &rows {
        change.email_keys.extend(row.try_get::<_, Option<String>>(0)?);
        change.email_keys.extend(row.try_get::<_, Vec<String>>(1)?);
        change.external_ids.insert(row.try_get(2)?);
    }
    Ok(())
}

/// A merged deal still says whose it was; calls that name it lead to the account of the deal that took its place.
async fn lead_deals(
    tx: &Tx,
    (tenant, source, _): Scope<'_>,
    finals: &Facts,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let winners: HashMap<&str, &str> =
        finals.iter().map(|(loser, winner)| (loser.as_str(), winner.as_str())).collect();
    let (losers, winners): (Vec<&str>, Vec<&str>) = winners.into_iter().unzip();
    let rows = tx
        .query(
            "INSERT INTO deals AS d (tenant_id, source, external_id, account_id, name, closed, won, merged_into)
             SELECT $1, $2, n.loser, w.account_id, w.name, w.closed, w.won, n.winner
             FROM unnest($3::text[], $4::text[]) AS n (loser, winner)
             JOIN deals w ON w.tenant_id = $1 AND w.source = $2 AND w.external_id = n.winner
             ORDER BY n.loser
             ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET
                 merged_into = excluded.merged_into, account_id = excluded.account_id, updated_at = now()
             WHERE (d.merged_into, d.account_id) IS DISTINCT FROM (excluded.merged_into, excluded.account_id)
             RETURNING d.external_id",
            &[&tenant.as_str(), &source, &losers, &winners],
        )
        .await?;
    let change = changes.entry(tenant.clone()).or_default();
    for row in &rows {
        change.external_ids.insert(row.try_get(0)?);
    }
    Ok(())
}

/// These contacts or deals, and those in whose place they stand: calls that name one of them lead to the same account.
pub(crate) async fn with_merged(
    tx: &Tx,
    stream: Stream,
    (tenant, source): (&TenantId, &str),
    mut ids: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT t.external_id FROM crm_merges m
         JOIN {stream} t ON t.tenant_id = m.tenant_id AND t.source = m.source AND t.external_id = m.loser_id
         WHERE m.tenant_id = $1 AND m.source = $2 AND m.stream = $3 AND t.merged_into = ANY ($4)"
    );
    let rows = tx.query(&sql, &[&tenant.as_str(), &source, &stream.as_str(), &ids]).await?;
    for row in &rows {
        ids.push(row.try_get(0)?);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_followed_to_their_end_and_circles_have_none() {
        let facts = |pairs: &[(&str, &str)]| -> Facts {
            pairs.iter().map(|(loser, winner)| ((*loser).to_owned(), (*winner).to_owned())).collect()
        };
        assert_eq!(finals(&facts(&[("a", "b"), ("b", "c")])), facts(&[("a", "c"), ("b", "c")]));
        assert_eq!(finals(&facts(&[("a", "b"), ("b", "a"), ("x", "y")])), facts(&[("x", "y")]));
        assert_eq!(finals(&facts(&[("a", "b"), ("b", "c"), ("c", "b")])), facts(&[]));
    }
}
