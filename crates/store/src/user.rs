//! The tenant's own people, as a recorder or a CRM knows them.

use model::{ConnectionId, TenantId};

use crate::account::change::Change;
use crate::{StoreError, Tx};

/// A user of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The vendor's id.
    pub external_id: String,
    /// Name.
    pub name: Option<String>,
    /// Address as given.
    pub email: String,
    /// The address in normal form.
    pub email_key: String,
    /// Further addresses, in normal form.
    pub alias_keys: Vec<String>,
}

/// Keeps the users of a connection, and notes who came, and whose addresses came, went or passed to another: the conversations with these
/// are linked again, and no others. Who is not among them any more stays.
pub async fn keep(
    tx: &Tx,
    tenant: &TenantId,
    connection: ConnectionId,
    users: &[User],
) -> Result<(), StoreError> {
    let ids: Vec<&str> = users.iter().map(|user| user.external_id.as_str()).collect();
    let names: Vec<Option<&str>> = users.iter().map(|user| user.name.as_deref()).collect();
    let emails: Vec<&str> = users.iter().map(|user| user.email.as_str()).collect();
    let keys: Vec<&str> = users.iter().map(|user| user.email_key.as_str()).collect();
    let touched = tx
        .query(
            // a vendor that names somebody twice is believed the first time; in the order of ids, so that two writers wait and do not lock
            "WITH given AS (
                 SELECT DISTINCT ON (external_id) external_id, name, email, email_key
                 FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS g (external_id, name, email, email_key, place)
                 ORDER BY external_id, place),
             before AS (
                 SELECT u.external_id, u.email_key FROM users u JOIN given USING (external_id) WHERE u.connection_id = $1),
             kept AS (
                 INSERT INTO users (connection_id, external_id, tenant_id, name, email, email_key)
                 SELECT $1, external_id, $2, name, email, email_key FROM given ORDER BY external_id
                 ON CONFLICT (connection_id, external_id) DO UPDATE
                     SET name = excluded.name, email = excluded.email, email_key = excluded.email_key, updated_at = now()
                     WHERE (users.name, users.email, users.email_key)
                           IS DISTINCT FROM (excluded.name, excluded.email, excluded.email_key)
                 RETURNING external_id, email_key)
             SELECT k.email_key, b.email_key, CASE WHEN b.external_id IS NULL THEN k.external_id END
             FROM kept k LEFT JOIN before b USING (external_id) WHERE k.email_key IS DISTINCT FROM b.email_key",
            &[&connection.0, &tenant.as_str(), &ids, &names, &emails, &keys],
        )
        .await?;
    let mut change = Change::default();
    for row in &touched {
        let [new, old, came]: [Option<String>; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        change.email_keys.extend(new.into_iter().chain(old));
        change.user_ids.extend(came);
    }
    change.email_keys.extend(keep_aliases(tx, tenant, connection, users).await?);
    change.note(tx, tenant).await
}

/// Keeps the further addresses of these users; returns those that came or went.
async fn keep_aliases(
    tx: &Tx,
    tenant: &TenantId,
    connection: ConnectionId,
    users: &[User],
) -> Result<Vec<String>, StoreError> {
    let listed: Vec<&str> = users.iter().map(|user| user.external_id.as_str()).collect();
    let aliases = users.iter().flat_map(|user| user.alias_keys.iter().map(move |key| (user, key)));
    let (ids, keys): (Vec<&str>, Vec<&str>) =
        aliases.map(|(user, key)| (user.external_id.as_str(), key.as_str())).unzip();
    let rows = tx
        .query(
            "WITH given AS (
                 SELECT DISTINCT external_id, email_key FROM unnest($3::text[], $4::text[]) AS g (external_id, email_key)),
             gone AS (
                 DELETE FROM user_emails e WHERE e.connection_id = $1 AND e.external_id = ANY ($5)
                     AND NOT EXISTS (SELECT FROM given g WHERE (g.external_id, g.email_key) = (e.external_id, e.email_key))
                 RETURNING e.email_key),
             come AS (
                 INSERT INTO user_emails (connection_id, external_id, tenant_id, email_key)
                 SELECT $1, external_id, $2, email_key FROM given ORDER BY external_id, email_key
                 ON CONFLICT DO NOTHING RETURNING email_key)
             SELECT email_key FROM gone UNION SELECT email_key FROM come",
            &[&connection.0, &tenant.as_str(), &ids, &keys, &listed],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
