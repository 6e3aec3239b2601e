//! Credentials: where the secret of each generation is kept. Keeping and opening is `secrets`'.

mod refresh;
mod refusal;

use std::collections::BTreeMap;

use model::{ConnectionId, TenantId};
use serde_json::json;
use tokio_postgres::Row;

use crate::{StoreError, Tx, outbox};
pub use refresh::{Turn, end_turn, give_up_turn, take_back_turn, take_turn};
pub use refusal::{Probe, hold, is_outage, note_answered, note_refused, plan_probe, restore, take_probe};

/// Where a credential's secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In its row, sealed.
    Sealed {
        /// Which master key seals it.
        key_id: String,
        /// The sealed bytes.
        bytes: Vec<u8>,
    },
    /// At Google's Secret Manager.
    Google {
        /// `projects/PROJECT/secrets/NAME`.
        secret: String,
        /// The number of its version.
        version: i64,
    },
}

#[derive(Default)]
struct Columns<'a> {
    key_id: Option<&'a str>,
    sealed: Option<&'a [u8]>,
    secret: Option<&'a str>,
    version: Option<i64>,
}

impl Kept {
    /// Says whether deleting its row destroys it.
    pub fn is_in_row(&self) -> bool {
        matches!(self, Self::Sealed { .. })
    }

    /// What the four columns hold.
    fn columns(&self) -> Columns<'_> {
        match self {
            Self::Sealed { key_id, bytes } => {
                Columns { key_id: Some(key_id), sealed: Some(bytes), ..Columns::default() }
            }
            Self::Google { secret, version } => {
                Columns { secret: Some(secret), version: Some(*version), ..Columns::default() }
            }
        }
    }

    /// Reads the four columns from the given one on.
    fn read(row: &Row, first: usize) -> Result<Self, StoreError> {
        Ok(match row.try_get(first + 2)? {
            Some(secret) => Self::Google { secret, version: row.try_get(first + 3)? },
            None => Self::Sealed { key_id: row.try_get(first)?, bytes: row.try_get(first + 1)? },
        })
    }
}

/// A credential without its secret, of which it says where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// Which of the connection's credentials it is.
    pub generation: i32,
    /// Where its secret is.
    pub kept: Kept,
    /// `bearer` or `bare`: the form of the header that worked last.
    pub header_form: String,
    /// Not found invalid so far.
    pub valid: bool,
    /// The vendor has refused it since it last answered.
    pub refused: bool,
    /// By endpoint, the form that worked there last, where it was learned after connecting.
    pub endpoint_forms: BTreeMap<String, String>,
}

impl StoredCredential {
    /// A credential that the vendor has just answered.
    pub fn fresh(generation: i32, kept: Kept, header_form: &str) -> Self {
        Self {
            generation,
            kept,
            header_form: header_form.to_owned(),
            valid: true,
            refused: false,
            endpoint_forms: BTreeMap::new(),
        }
    }
}

/// The generation the next credential of a connection gets. Locks the connection until the transaction ends.
pub async fn next_generation(tx: &Tx, id: ConnectionId) -> Result<i32, StoreError> {
    let sql = "SELECT credential_generation + 1 FROM connections WHERE connection_id = $1 FOR UPDATE";
    Ok(tx.query_one(sql, &[&id.0]).await?.try_get(0)?)
}

/// Saves a credential that was checked against the vendor as the connection's current one, and tells of it if the one
/// before was invalid. Parked runs are released by the sweep.
pub async fn save(
    tx: &Tx,
    tenant: &TenantId,
    id: ConnectionId,
    credential: &StoredCredential,
) -> Result<(), StoreError> {
    let Columns { key_id, sealed, secret, version } = credential.kept.columns();
    tx.execute(
        "INSERT INTO credentials (connection_id, generation, tenant_id, key_id, sealed, google_secret, google_version, header_form)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[&id.0, &credential.generation, &tenant.as_str(), &key_id, &sealed, &secret, &version, &credential.header_form],
    )
    .await?;
    let before = tx
        .query_one("SELECT credential_state FROM connections WHERE connection_id = $1 FOR UPDATE", &[&id.0])
        .await?;
    tx.execute(
        "UPDATE connections SET credential_generation = $2, credential_state = 'valid' WHERE connection_id = $1",
        &[&id.0, &credential.generation],
    )
    .await?;
    // older generations have no use any more, and a secret without a use is only a risk
    tx.execute(
        "DELETE FROM credentials WHERE connection_id = $1 AND generation < $2",
        &[&id.0, &credential.generation],
    )
    .await?;
    if before.try_get::<_, &str>(0)? == "invalid" {
        let body = json!({ "connection_id": id, "generation": credential.generation });
        outbox::emit(tx, tenant, "credential.restored", &format!("{id}:{}", credential.generation), &body)
            .await?;
    }
    Ok(())
}

/// Loads the current credential; `None` when there is none.
pub async fn current(tx: &Tx, id: ConnectionId) -> Result<Option<StoredCredential>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT k.generation, k.header_form, c.credential_state = 'valid', k.refused_at IS NOT NULL, k.endpoint_forms,
                    k.key_id, k.sealed, k.google_secret, k.google_version
             FROM connections c
             JOIN credentials k ON k.connection_id = c.connection_id AND k.generation = c.credential_generation
             WHERE c.connection_id = $1",
            &[&id.0],
        )
        .await?;
    row.map(|row| {
        Ok(StoredCredential {
            generation: row.try_get(0)?,
            kept: Kept::read(&row, 5)?,
            header_form: row.try_get(1)?,
            valid: row.try_get(2)?,
            refused: row.try_get(3)?,
            endpoint_forms: serde_json::from_value(row.try_get(4)?)
                .map_err(|error| StoreError::Row(error.to_string()))?,
        })
    })
    .transpose()
}

/// Keeps the form of the header that worked at an endpoint, with that generation only: a newer key learns its own.
pub async fn keep_form(
    tx: &Tx,
    id: ConnectionId,
    generation: i32,
    endpoint: &str,
    form: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE credentials SET endpoint_forms = endpoint_forms || jsonb_build_object($3::text, $4::text)
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation, &endpoint, &form],
    )
    .await?;
    Ok(())
}

/// Marks a generation invalid and writes its one event; false, and nothing done, when that generation is not the current one
/// or was marked before.
pub async fn invalidate(
    tx: &Tx,
    tenant: &TenantId,
    id: ConnectionId,
    generation: i32,
    reason: &str,
) -> Result<bool, StoreError> {
    let marked = tx
        .execute(
            "UPDATE connections SET credential_state = 'invalid'
             WHERE connection_id = $1 AND credential_generation = $2 AND credential_state = 'valid'",
            &[&id.0, &generation],
        )
        .await?;
    if marked == 0 {
        return Ok(false);
    }
    tx.execute(
        "UPDATE credentials SET invalid_at = now(), invalid_reason = $3 WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation, &reason],
    )
    .await?;
    let body = json!({ "connection_id": id, "generation": generation, "reason": reason });
    outbox::emit(tx, tenant, "credential.invalidated", &format!("{id}:{generation}"), &body).await?;
    Ok(true)
}

/// The place of one generation's secret.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Which of the connection's credentials it is.
    pub generation: i32,
    /// Where its secret is.
    pub kept: Kept,
}

/// Every credential that is sealed in its row, to be sealed anew. Locks the rows.
pub async fn lock_sealed(tx: &Tx) -> Result<Vec<Holding>, StoreError> {
    let rows = tx
        .query(
            "SELECT tenant_id, connection_id, generation, key_id, sealed, google_secret, google_version
             FROM credentials WHERE sealed IS NOT NULL ORDER BY connection_id, generation FOR UPDATE",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Holding {
                tenant: TenantId::parse(row.try_get(0)?)?,
                connection_id: ConnectionId(row.try_get(1)?),
                generation: row.try_get(2)?,
                kept: Kept::read(row, 3)?,
            })
        })
        .collect()
}

/// The master keys under which credentials are sealed.
pub async fn key_ids(tx: &Tx) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT key_id FROM credentials WHERE key_id IS NOT NULL ORDER BY key_id";
    tx.query(sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Says where a credential is kept from now on.
pub async fn keep_anew(tx: &Tx, id: ConnectionId, generation: i32, kept: &Kept) -> Result<(), StoreError> {
    let Columns { key_id, sealed, secret, version } = kept.columns();
    tx.execute(
        "UPDATE credentials SET key_id = $3, sealed = $4, google_secret = $5, google_version = $6
         WHERE connection_id = $1 AND generation = $2",
        &[&id.0, &generation, &key_id, &sealed, &secret, &version],
    )
    .await?;
    Ok(())
}
