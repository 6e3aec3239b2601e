//! Refusals of keys: counted before any is marked, because many at once are the vendor's outage; and probes of marked ones, because a
//! refusal may have been the vendor's mistake.

use std::time::Duration;

use model::{ConnectionId, TenantId, Vendor, VendorAccount};
use serde_json::json;

use super::{StoredCredential, save};
use crate::{StoreError, Tx};

/// Refused at once with nobody answered meanwhile, so many keys are hardly all revoked.
const SURELY_MANY: i64 = 5;

/// Two to four may be: after so many waits they are marked.
const HELD_WAITS_MAX: f64 = 15.0;

/// No outage lasts so many waits: then the many are marked too, or nobody would ever be told.
const MANY_HELD_WAITS_MAX: f64 = 720.0;

/// Probes of a key that was marked: with the intervals, for about a day.
const PROBES_MAX: i32 = 28;

/// The longest interval between probes, in waits.
const PROBE_WAITS_MAX: f64 = 30.0;

/// Notes a confirmed refusal. To be committed before [`is_outage`] counts, so that of two at once at least one sees both.
pub async fn note_refused(tx: &Tx, id: ConnectionId, generation: i32) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE credentials SET refused_since = coalesce(refused_since, clock_timestamp()), refused_at = clock_timestamp()
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation],
    )
    .await?;
    Ok(())
}

/// Lets nobody ask with a key for a while; false when it is not the current one, or an answer came since it was refused.
pub async fn hold(tx: &Tx, id: ConnectionId, generation: i32, wait: Duration) -> Result<bool, StoreError> {
    let held = tx
        .execute(
            "UPDATE credentials k SET held_until = clock_timestamp() + make_interval(secs => $3)
             FROM connections c
             WHERE k.connection_id = $1 AND k.generation = $2 AND k.refused_at IS NOT NULL
               AND c.connection_id = k.connection_id AND c.credential_generation = k.generation",
            &[&id.0, &generation, &wait.as_secs_f64()],
        )
        .await?;
    Ok(held == 1)
}

/// Notes that the vendor answered.
pub async fn note_answered(tx: &Tx, id: ConnectionId, generation: i32) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE credentials SET answered_at = clock_timestamp(), refused_since = NULL, refused_at = NULL,
             held_until = NULL
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation],
    )
    .await?;
    Ok(())
}

/// Says whether the refusal of this connection's key is one of many, and so the vendor's outage: two or more are refused, more than were
/// answered since the first of them. `wait` is how long a refused key waits before it is asked with again.
///
/// A single refusal is never an outage, so one bad key is marked at once in a fleet of any size; in an outage that is the price of the
/// first key, and its probe restores it. In a fleet of two to four, all of them may have been revoked: they are held for half an hour
/// (of waits of two minutes) and then marked. Five and more are held for a day.
pub async fn is_outage(
    tx: &Tx,
    vendor: Vendor,
    id: ConnectionId,
    wait: Duration,
) -> Result<bool, StoreError> {
    let row = tx
        .query_one(
            // a key that was marked before this wave is no sign of it
            "WITH keys AS (
                 SELECT k.* FROM connections c
                 JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
                 WHERE c.vendor = $1 AND c.disconnected_at IS NULL),
             refused AS (
                 SELECT * FROM keys
                 WHERE refused_at > clock_timestamp() - make_interval(secs => 2 * $3::float8 + 60)
                   AND coalesce(invalid_at, 'infinity') > clock_timestamp() - make_interval(secs => 2 * $3::float8 + 60)),
             counts AS (
                 SELECT (SELECT count(*) FROM refused) AS refused,
                        (SELECT count(*) FROM keys
                         WHERE refused_at IS NULL AND answered_at > (SELECT min(refused_since) FROM refused)) AS answered)
             SELECT refused > 1 AND refused > answered
                    AND NOT EXISTS (
                        SELECT FROM refused r WHERE r.connection_id = $2
                          AND r.refused_since < clock_timestamp()
                              - make_interval(secs => $3::float8 * CASE WHEN refused >= $4 THEN $6::float8 ELSE $5::float8 END))
             FROM counts",
            &[
                &vendor.as_str(),
                &id.0,
                &wait.as_secs_f64(),
                &SURELY_MANY,
                &HELD_WAITS_MAX,
                &MANY_HELD_WAITS_MAX,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Plans the first probe of a key that was just marked; one that a probe restored a short while ago goes on with its growing intervals.
pub async fn plan_probe(
    tx: &Tx,
    id: ConnectionId,
    generation: i32,
    wait: Duration,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE credentials k SET probes = n.probes,
             probe_at = CASE WHEN n.probes < $4
                             THEN clock_timestamp() + make_interval(secs => $3::float8 * least($5::float8, 2 ^ least(n.probes, 10))) END
         FROM (SELECT CASE WHEN restored_at < now() - interval '1 day' THEN 0 ELSE probes END AS probes
               FROM credentials WHERE connection_id = $1 AND generation = $2) AS n
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation, &wait.as_secs_f64(), &PROBES_MAX, &PROBE_WAITS_MAX],
    )
    .await?;
    Ok(())
}

/// A marked key that is to be asked with once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// Where the vendor's API is.
    pub base_url: String,
    /// Plain HTTP is allowed.
    pub allow_http: bool,
    /// Which of the connection's credentials it is.
    pub generation: i32,
    /// It goes through an open circuit, because it asks whether the vendor is there.
    pub past_circuit: bool,
}

/// Takes a probe that is due, and plans the next: should this process die, or the vendor refuse again, that one comes. A connection that
/// a person has stopped is not asked with.
pub async fn take_probe(tx: &Tx, wait: Duration) -> Result<Option<Probe>, StoreError> {
    let row = tx
        .query_opt(
            "WITH due AS (
                 SELECT k.connection_id, k.generation, c.tenant_id, c.vendor, c.vendor_account, c.base_url, c.allow_http
                 FROM credentials k JOIN connections c
                   ON c.connection_id = k.connection_id AND c.credential_generation = k.generation
                 WHERE k.probe_at <= now() AND c.credential_state = 'invalid' AND c.enabled AND c.paused_at IS NULL
                   AND c.disconnected_at IS NULL
                 ORDER BY k.probe_at LIMIT 1 FOR UPDATE OF k SKIP LOCKED)
             UPDATE credentials k SET probes = k.probes + 1,
                 probe_at = CASE WHEN k.probes + 1 < $2
                                 THEN now() + make_interval(secs => $1::float8 * least($3::float8, 2 ^ least(k.probes + 1, 10))) END
             FROM due d WHERE k.connection_id = d.connection_id AND k.generation = d.generation
             RETURNING d.tenant_id, d.connection_id, d.vendor, d.vendor_account, d.base_url, d.allow_http, d.generation",
            &[&wait.as_secs_f64(), &PROBES_MAX, &PROBE_WAITS_MAX],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Probe {
        tenant: TenantId::parse(row.try_get(0)?)?,
        connection_id: ConnectionId(row.try_get(1)?),
        vendor: row.try_get::<_, &str>(2)?.parse()?,
        vendor_account: VendorAccount::of(row.try_get(3)?),
        base_url: row.try_get(4)?,
        allow_http: row.try_get(5)?,
        generation: row.try_get(6)?,
        past_circuit: false,
    }))
}

/// Begins a new generation with a key that the vendor answers after all, and tells of it; false when the one before is not the current
/// one, or not marked any more. A later mark is so one of another generation, with an event of its own. Parked runs are released by the
/// sweep.
pub async fn restore(
    tx: &Tx,
    tenant: &TenantId,
    id: ConnectionId,
    successor: &StoredCredential,
) -> Result<bool, StoreError> {
    let marked = tx
        .query_opt(
            "SELECT k.probes FROM connections c JOIN credentials k
               ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
             WHERE c.connection_id = $1 AND c.credential_generation = $2 - 1 AND c.credential_state = 'invalid'
             FOR UPDATE OF c",
            &[&id.0, &successor.generation],
        )
        .await?;
    let Some(marked) = marked else { return Ok(false) };
    let probes: i32 = marked.try_get(0)?;
    save(tx, tenant, id, successor).await?;
    // what was learned of the key, which is the same one
    tx.execute(
        "UPDATE credentials SET endpoint_forms = $3, probes = $4, answered_at = clock_timestamp(), restored_at = now()
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &successor.generation, &json!(successor.endpoint_forms), &probes],
    )
    .await?;
    Ok(true)
}
