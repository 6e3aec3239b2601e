//! Connections: a tenant's access to one account of a vendor.

use jiff::Timestamp;
use model::{ConnectionId, ParkCause, Stream, TenantId, Vendor, VendorAccount};

use crate::{StoreError, Tx};

/// What a person set, or left at its default, when connecting.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionSettings {
    /// Where the vendor's API is, with its path.
    pub base_url: String,
    /// Plain HTTP is allowed.
    pub allow_http: bool,
    /// How far back the bootstrap goes, in days.
    pub backfill_days: i32,
    /// Seconds between periodic runs.
    pub interval_s: i32,
    /// How far periodic runs look back, in seconds.
    pub lookback_s: i32,
    /// Seconds between rolling walks over all history.
    pub walk_interval_s: i32,
    /// Private conversations are admitted.
    pub admit_private: bool,
    /// Fields of the organization's own that hold an account's domains, at Salesforce.
    pub domain_fields: Vec<String>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: VendorAccount,
    /// Its settings.
    pub settings: ConnectionSettings,
    /// Not switched off by a person.
    pub enabled: bool,
    /// Paused by a person, since when.
    pub paused_at: Option<Timestamp>,
    /// Disconnected, since when.
    pub disconnected_at: Option<Timestamp>,
    /// Number of its credential.
    pub credential_generation: i32,
    /// `absent`, `valid` or `invalid`.
    pub credential_state: String,
    /// Since when the vendor refuses its credential, which is not marked invalid: it is held, because that looks like an outage.
    pub credential_held_since: Option<Timestamp>,
    /// What blocks its runs now.
    pub blocked: Option<ParkCause>,
    /// When it was first connected.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "c.connection_id, c.tenant_id, c.vendor, c.vendor_account, c.base_url, c.allow_http,
    c.backfill_days, c.interval_s, c.lookback_s, c.walk_interval_s, c.admit_private, c.enabled, c.paused_at,
    c.disconnected_at, c.credential_generation, c.credential_state, b.cause, c.created_at,
    (SELECT k.refused_since FROM credentials k
     WHERE k.connection_id = c.connection_id AND k.generation = c.credential_generation AND c.credential_state = 'valid'),
    c.domain_fields
    FROM connections c JOIN connection_blocks b USING (connection_id)";

/// Lists the connections the transaction may see, by tenant and vendor.
pub async fn list(tx: &Tx) -> Result<Vec<Connection>, StoreError> {
    let sql = format!("SELECT {COLUMNS} ORDER BY c.tenant_id, c.vendor, c.created_at");
    tx.query(&sql, &[]).await?.iter().map(connection).collect()
}

/// Makes or renews a connection with its streams, and its vendor account's budget; true when it is a first connect.
///
/// A reconnect keeps what is not given anew: the caller passes the settings as they shall be.
pub async fn connect(
    tx: &Tx,
    tenant: &TenantId,
    vendor: Vendor,
    account: &VendorAccount,
    settings: &ConnectionSettings,
    streams: &[Stream],
) -> Result<(ConnectionId, bool), StoreError> {
    let id = ConnectionId::derive(tenant, vendor, account);
    let row = tx
        .query_one(
            "INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url, allow_http,
                 backfill_days, interval_s, lookback_s, walk_interval_s, admit_private, domain_fields)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (connection_id) DO UPDATE SET
                 base_url = excluded.base_url, allow_http = excluded.allow_http,
                 backfill_days = excluded.backfill_days, interval_s = excluded.interval_s,
                 lookback_s = excluded.lookback_s, walk_interval_s = excluded.walk_interval_s,
                 admit_private = excluded.admit_private, domain_fields = excluded.domain_fields,
                 disconnected_at = NULL, connected_at = now()
             RETURNING xmax = 0",
            &[
                &id.0,
                &tenant.as_str(),
                &vendor.as_str(),
                &account.as_str(),
                &settings.base_url,
                &settings.allow_http,
                &settings.backfill_days,
                &settings.interval_s,
                &settings.lookback_s,
                &settings.walk_interval_s,
                &settings.admit_private,
                &settings.domain_fields,
            ],
        )
        .await?;
    let names: Vec<&str> = streams.iter().map(|stream| stream.as_str()).collect();
    let whole: Vec<bool> = streams.iter().map(|stream| stream.is_listed_whole()).collect();
    let seldom: Vec<i32> = streams.iter().map(|stream| stream.interval_min_s()).collect();
    tx.execute(
        // the first periodic run comes at once; the bootstrap owns what lies before its lookback
        "INSERT INTO streams (connection_id, stream, tenant_id, live_from, due_at, walk_due_at, interval_min_s,
                              history_unplanned, bootstrapped_from)
         SELECT $1, stream, $3, now(), now(), now() + make_interval(secs => $4), seldom, NOT whole, CASE WHEN whole THEN 'epoch'::timestamptz END
         FROM unnest($2::text[], $5::bool[], $6::int[]) AS n (stream, whole, seldom)
         ON CONFLICT DO NOTHING",
        &[&id.0, &names, &tenant.as_str(), &f64::from(settings.walk_interval_s), &whole, &seldom],
    )
    .await?;
    Ok((id, row.try_get(0)?))
}

/// Switches a connection on or off; false when there is none.
pub async fn set_enabled(tx: &Tx, id: ConnectionId, enabled: bool) -> Result<bool, StoreError> {
    let sql = "UPDATE connections SET enabled = $2 WHERE connection_id = $1";
    Ok(tx.execute(sql, &[&id.0, &enabled]).await? == 1)
}

/// Pauses a connection or lets it go on; false when there is none.
pub async fn set_paused(tx: &Tx, id: ConnectionId, paused: bool) -> Result<bool, StoreError> {
    let sql = "UPDATE connections SET paused_at = CASE WHEN $2 THEN coalesce(paused_at, now()) END
               WHERE connection_id = $1";
    Ok(tx.execute(sql, &[&id.0, &paused]).await? == 1)
}

/// Disconnects: destroys every generation of the secret, keeps the data; false when there is none.
pub async fn disconnect(tx: &Tx, id: ConnectionId) -> Result<bool, StoreError> {
    tx.execute("DELETE FROM credentials WHERE connection_id = $1", &[&id.0]).await?;
    let sql = "UPDATE connections SET disconnected_at = now(), credential_state = 'absent' WHERE connection_id = $1";
    Ok(tx.execute(sql, &[&id.0]).await? == 1)
}

fn connection(row: &tokio_postgres::Row) -> Result<Connection, StoreError> {
    Ok(Connection {
        id: ConnectionId(row.try_get(0)?),
        tenant: TenantId::parse(row.try_get(1)?)?,
        vendor: row.try_get::<_, &str>(2)?.parse()?,
        vendor_account: VendorAccount::of(row.try_get(3)?),
        settings: ConnectionSettings {
            base_url: row.try_get(4)?,
            allow_http: row.try_get(5)?,
            backfill_days: row.try_get(6)?,
            interval_s: row.try_get(7)?,
            lookback_s: row.try_get(8)?,
            walk_interval_s: row.try_get(9)?,
            admit_private: row.try_get(10)?,
            domain_fields: row.try_get(19)?,
        },
        enabled: row.try_get(11)?,
        paused_at: row.try_get(12)?,
        disconnected_at: row.try_get(13)?,
        credential_generation: row.try_get(14)?,
        credential_state: row.try_get(15)?,
        blocked: row.try_get::<_, Option<&str>>(16)?.map(str::parse).transpose()?,
        created_at: row.try_get(17)?,
        credential_held_since: row.try_get(18)?,
    })
}
