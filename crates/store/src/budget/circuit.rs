//! The circuit of a vendor's account: after several failures in a row nobody asks but a probe, and a vendor that comes back is asked for
//! more and more.
//!
//! A probe asks for what was had before. If that is answered, the vendor is there, and the failures were those of what was asked for:
//! they use up its attempts. If it is not, the vendor is away, and the work of the account is parked.

use std::time::Duration;

use jiff::Timestamp;
use model::{TenantId, Vendor, VendorAccount, VendorKey};

use crate::credential::Probe;
use crate::{Speaker, Store, StoreError, Tx};

/// Failures in a row that open the circuit; of a vendor that is coming back one is enough. Fewer than the attempts of anything.
const FAILURES_MAX: i32 = 3;

/// Records that nobody ever got are hardly all broken when they are so many.
const UNFETCHED_MIN: i64 = 5;

/// A probe whose worker died is another's after so long; one that takes longer is made twice, which does no harm.
const PROBE_LEASE_S: f64 = 90.0;

/// What a failure did to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Nothing: it was the request's own, as far as anybody knows.
    Asked,
    /// It opened the circuit: nobody knows any more whose fault it was.
    Opened,
    /// The circuit was open already.
    Open,
}

/// Notes that a request failed without a word about what was asked for.
pub async fn note_failure(
    store: &Store,
    vendor: Vendor,
    account: &VendorAccount,
    reason: &str,
) -> Result<Noted, StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    let row = tx
        .query_opt(
            "UPDATE vendor_budgets b SET
                 failures = b.failures + 1, last_failure = $3,
                 failing_since = coalesce(b.failing_since, clock_timestamp()),
                 probe_at = CASE WHEN before.open THEN b.probe_at
                                 WHEN b.failures + 1 >= $4 OR b.easing IS NOT NULL THEN clock_timestamp() END
             FROM (SELECT probe_at IS NOT NULL AS open FROM vendor_budgets
                   WHERE vendor = $1 AND vendor_account = $2 FOR UPDATE) AS before
             WHERE vendor = $1 AND vendor_account = $2
             RETURNING before.open, b.probe_at IS NOT NULL",
            &[&vendor.as_str(), &account.as_str(), &reason, &FAILURES_MAX],
        )
        .await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(Noted::Asked) };
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => Noted::Open,
        (false, true) => Noted::Opened,
        (false, false) => Noted::Asked,
    })
}

/// Notes an answer after trouble: the next refusal waits briefly again, failures are counted anew, and a vendor that is coming back may
/// be asked for one thing more at a time. An open circuit is closed by its probe alone.
pub async fn note_answer(store: &Store, vendor: Vendor, account: &VendorAccount) -> Result<(), StoreError> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    tx.execute(
        "UPDATE vendor_budgets SET
             refusals = CASE WHEN closed_until < clock_timestamp() THEN 0 ELSE refusals END,
             closed_reason = CASE WHEN closed_until < clock_timestamp() THEN NULL ELSE closed_reason END,
             failures = 0, failing_since = NULL, last_failure = NULL,
             probes = CASE WHEN easing + 1 < in_flight_max THEN probes ELSE 0 END,
             easing = CASE WHEN easing + 1 < in_flight_max THEN easing + 1 END
         WHERE vendor = $1 AND vendor_account = $2 AND probe_at IS NULL",
        &[&vendor.as_str(), &account.as_str()],
    )
    .await?;
    tx.commit().await
}

/// A probe of an account that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitProbe {
    /// Whose circuit it is, and with which connection it is asked.
    pub probe: Probe,
    /// A record that was had before, to be asked for beside the list.
    pub record: Option<VendorKey>,
    /// Probes that failed before.
    pub failed: u32,
}

/// Takes a probe that is due. A circuit that nobody can ask through is closed: nobody is kept from anything by it.
pub async fn take_probe(tx: &Tx) -> Result<Option<CircuitProbe>, StoreError> {
    let row = tx
        .query_opt(
            "WITH due AS (
                 SELECT vendor, vendor_account FROM vendor_budgets WHERE probe_at <= now()
                 ORDER BY probe_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             UPDATE vendor_budgets b SET probe_at = now() + make_interval(secs => $1)
             FROM due d WHERE b.vendor = d.vendor AND b.vendor_account = d.vendor_account
             RETURNING b.vendor, b.vendor_account, b.probes",
            &[&PROBE_LEASE_S],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (vendor, account): (Vendor, _) =
        (row.try_get::<_, &str>(0)?.parse()?, VendorAccount::of(row.try_get(1)?));
    let failed = u32::try_from(row.try_get::<_, i32>(2)?).unwrap_or(0);
    let Some(probe) = way_in(tx, vendor, &account).await? else {
        close_circuit(tx, vendor, &account).await?;
        return Ok(None);
    };
    let record = known_record(tx, &probe).await?;
    Ok(Some(CircuitProbe { probe, record, failed }))
}

/// A connection to ask with: one whose credential was answered last.
async fn way_in(tx: &Tx, vendor: Vendor, account: &VendorAccount) -> Result<Option<Probe>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT c.tenant_id, c.connection_id, c.base_url, c.allow_http, c.credential_generation
             FROM connections c
             JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
             WHERE c.vendor = $1 AND c.vendor_account = $2 AND c.enabled AND c.paused_at IS NULL
               AND c.disconnected_at IS NULL AND c.credential_state = 'valid'
             ORDER BY k.answered_at DESC NULLS LAST LIMIT 1",
            &[&vendor.as_str(), &account.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Probe {
        tenant: TenantId::parse(row.try_get(0)?)?,
        connection_id: model::ConnectionId(row.try_get(1)?),
        vendor,
        vendor_account: account.clone(),
        base_url: row.try_get(2)?,
        allow_http: row.try_get(3)?,
        generation: row.try_get(4)?,
        past_circuit: true,
    }))
}

async fn known_record(tx: &Tx, probe: &Probe) -> Result<Option<VendorKey>, StoreError> {
    let row = tx
        .query_one(
            "SELECT coalesce(
                 (SELECT external_id FROM conversations
                  WHERE tenant_id = $2 AND connection_id = $1 AND withdrawn_at IS NULL
                  ORDER BY started_at DESC LIMIT 1),
                 (SELECT vendor_key FROM (
                      SELECT vendor_key, count(*) OVER () AS others FROM intake
                      WHERE connection_id = $1 AND look_at IS NOT NULL AND look_reason IN ('detail-failed', 'replay-failed')
                        AND stored_version IS NULL) AS unfetched
                  WHERE others >= $3 ORDER BY random() LIMIT 1))",
            &[&probe.connection_id.0, &probe.tenant.as_str(), &UNFETCHED_MIN],
        )
        .await?;
    Ok(row.try_get::<_, Option<&str>>(0)?.map(VendorKey::of))
}

/// Closes the circuit after an answer; of a vendor that was away, one request at a time to begin with. Returns since when it was away.
pub async fn close_circuit(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
) -> Result<Option<Timestamp>, StoreError> {
    let row = tx
        .query_opt(
            // failures that a probe has told to be the requests' own end the easing too: one broken record must not hold up the others
            "UPDATE vendor_budgets b SET probe_at = NULL, away_since = NULL, failures = 0, failing_since = NULL,
                 last_failure = NULL,
                 easing = CASE WHEN b.away_since IS NOT NULL AND b.in_flight_max > 1 THEN 1 END,
                 probes = CASE WHEN b.away_since IS NOT NULL THEN b.probes ELSE 0 END
             FROM (SELECT away_since FROM vendor_budgets
                   WHERE vendor = $1 AND vendor_account = $2 FOR UPDATE) AS before
             WHERE vendor = $1 AND vendor_account = $2 AND probe_at IS NOT NULL
             RETURNING before.away_since",
            &[&vendor.as_str(), &account.as_str()],
        )
        .await?;
    row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
}

/// Notes that a probe failed: the vendor is away, and is asked again after `wait`. Returns whether that is news.
pub async fn keep_circuit_open(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    reason: &str,
    wait: Duration,
) -> Result<bool, StoreError> {
    let row = tx
        .query_opt(
            "UPDATE vendor_budgets b SET failures = b.failures + 1, last_failure = $3, probes = b.probes + 1,
                 away_since = coalesce(b.away_since, b.failing_since, clock_timestamp()), easing = NULL,
                 probe_at = clock_timestamp() + make_interval(secs => $4)
             FROM (SELECT away_since FROM vendor_budgets
                   WHERE vendor = $1 AND vendor_account = $2 FOR UPDATE) AS before
             WHERE vendor = $1 AND vendor_account = $2 AND probe_at IS NOT NULL
             RETURNING before.away_since IS NULL",
            &[&vendor.as_str(), &account.as_str(), &reason, &wait.as_secs_f64()],
        )
        .await?;
    row.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Puts a probe off that could not be made, whatever the vendor may be doing.
pub async fn put_off_probe(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    wait: Duration,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE vendor_budgets SET probe_at = clock_timestamp() + make_interval(secs => $3)
         WHERE vendor = $1 AND vendor_account = $2 AND probe_at IS NOT NULL",
        &[&vendor.as_str(), &account.as_str(), &wait.as_secs_f64()],
    )
    .await?;
    Ok(())
}
