//! What must always hold, and where it does not.

mod find;

use std::time::Duration;

use jiff::Timestamp;
use model::{ConnectionId, TenantId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::report::Count;
use crate::{StoreError, Tx, outbox};

/// Something that must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Of a run that has ended: listed = stored + unchanged + skipped + pending + dead.
    Sums,
    /// A run whose list has ended settles within a day.
    Settling,
    /// A record that was listed has an outcome, a date, or somebody who has it in hand.
    Outcomes,
    /// A dead record has its letter, and with it its group; a letter that was left is filed.
    Letters,
    /// A credential that was found invalid has its event.
    Events,
}

impl Invariant {
    /// Everything that must hold.
    pub const ALL: &'static [Self] =
        &[Self::Sums, Self::Settling, Self::Outcomes, Self::Letters, Self::Events];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sums => "sums",
            Self::Settling => "settling",
            Self::Outcomes => "outcomes",
            Self::Letters => "letters",
            Self::Events => "events",
        }
    }
}

/// Where one does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    invariant: Invariant,
    /// A run, a record, a letter, a credential.
    subject: String,
    tenant: String,
    /// Of a record.
    record: Option<(ConnectionId, String)>,
    /// What is wrong, for people.
    words: String,
}

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What does not hold and was not known.
    pub broken: Vec<String>,
    /// How much holds again.
    pub mended: u64,
}

/// How wide a look is.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// Records that are walked through at a time.
    pub records: i64,
    /// Findings of one kind that are taken at a time; where there are so many, more help nobody.
    pub findings: i64,
}

impl Default for Width {
    fn default() -> Self {
        Self { records: 200_000, findings: 500 }
    }
}

/// Looks whether everything holds, if nobody did within `every`: notes what does not, forgets what does again, and tells of both. `None`
/// when it was not time.
pub async fn look(tx: &Tx, every: Duration, width: Width) -> Result<Option<Looked>, StoreError> {
    // a second steward waits for the row, and finds that somebody has just looked
    let due = tx
        .query_opt(
            "UPDATE invariant_looks SET looked_at = clock_timestamp()
             WHERE looked_at <= clock_timestamp() - make_interval(secs => $1)
             RETURNING after_connection, after_key",
            &[&every.as_secs_f64()],
        )
        .await?;
    let Some(due) = due else { return Ok(None) };
    let before = broken(tx).await?;
    let mut found = find::runs(tx, width).await?;
    found.extend(find::records(tx, (due.try_get(0)?, due.try_get(1)?), width).await?);
    found.extend(find::letters(tx, width).await?);
    found.extend(find::events(tx, width).await?);
    let mended = forget_mended(tx, &found, width).await?;
    let fresh = note(tx, &found).await?;
    tell(tx, &before, &broken(tx).await?).await?;
    Ok(Some(Looked { broken: fresh, mended }))
}

/// Notes what was not known; returns it in words.
async fn note(tx: &Tx, found: &[Finding]) -> Result<Vec<String>, StoreError> {
    let mut fresh = Vec::new();
    for one in found {
        let (connection, key) = one.record.as_ref().map(|(id, key)| (id.0, key)).unzip();
        let noted = tx
            .execute(
                "INSERT INTO broken_invariants (invariant, subject, tenant_id, connection_id, vendor_key, words)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                &[&one.invariant.as_str(), &one.subject, &one.tenant, &connection, &key, &one.words],
            )
            .await?;
        if noted == 1 {
            fresh.push(one.words.clone());
        }
    }
    Ok(fresh)
}

/// Forgets what was known and not found again; returns how much. Where a kind was not looked at to its end, all of it stays.
async fn forget_mended(tx: &Tx, found: &[Finding], width: Width) -> Result<u64, StoreError> {
    let mut mended = 0;
    for invariant in Invariant::ALL {
        let subjects: Vec<&str> =
            found.iter().filter(|one| one.invariant == *invariant).map(|one| one.subject.as_str()).collect();
        if i64::try_from(subjects.len()).is_ok_and(|count| count < width.findings) {
            let sql = "DELETE FROM broken_invariants WHERE invariant = $1 AND subject <> ALL ($2)";
            mended += tx.execute(sql, &[&invariant.as_str(), &subjects]).await?;
        }
    }
    Ok(mended)
}

/// One event for each tenant and invariant that begins to be broken, and one when all of it holds again: whoever listens is not flooded.
async fn tell(tx: &Tx, before: &[Broken], after: &[Broken]) -> Result<(), StoreError> {
    for one in missing_in(before, after) {
        let body = json!({ "invariant": one.invariant, "count": one.count, "example": one.example });
        emit(tx, "invariant.broken", one, &body).await?;
    }
    for one in missing_in(after, before) {
        emit(tx, "invariant.mended", one, &json!({ "invariant": one.invariant })).await?;
    }
    Ok(())
}

/// Those of `these` whose tenant and invariant are not among `others`.
fn missing_in<'a>(others: &'a [Broken], these: &'a [Broken]) -> impl Iterator<Item = &'a Broken> {
    let name = |one: &'a Broken| (&one.tenant, &one.invariant);
    these.iter().filter(move |one| !others.iter().any(|other| name(other) == name(one)))
}

async fn emit(tx: &Tx, kind: &str, one: &Broken, body: &Value) -> Result<(), StoreError> {
    let now: Timestamp = tx.query_one("SELECT now()", &[]).await?.try_get(0)?;
    outbox::emit(tx, &one.tenant, kind, &format!("{}:{}:{now}", one.tenant, one.invariant), body).await?;
    Ok(())
}

/// What does not hold, of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// What should.
    pub invariant: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// How often.
    pub count: i64,
    /// Since when it is known.
    pub since: Timestamp,
    /// One of it, in words.
    pub example: String,
}

/// Tells what does not hold.
pub async fn broken(tx: &Tx) -> Result<Vec<Broken>, StoreError> {
    let rows = tx
        .query(
            "SELECT invariant, tenant_id, count(*), min(found_at), (array_agg(words ORDER BY found_at, subject))[1]
             FROM broken_invariants GROUP BY 1, 2 ORDER BY 4, 1, 2",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Broken {
                invariant: row.try_get(0)?,
                tenant: TenantId::parse(row.try_get(1)?)?,
                count: row.try_get(2)?,
                since: row.try_get(3)?,
                example: row.try_get(4)?,
            })
        })
        .collect()
}

/// How often each does not hold; zero of what does.
pub async fn counts(tx: &Tx) -> Result<Vec<Count>, StoreError> {
    let broken = broken(tx).await?;
    let count = |name: &str| broken.iter().filter(|one| one.invariant == name).map(|one| one.count).sum();
    Ok(Invariant::ALL
        .iter()
        .map(|one| Count { name: one.as_str().to_owned(), count: count(one.as_str()) })
        .collect())
}

/// When somebody looked last.
pub async fn looked_at(tx: &Tx) -> Result<Timestamp, StoreError> {
    Ok(tx.query_one("SELECT looked_at FROM invariant_looks", &[]).await?.try_get(0)?)
}
