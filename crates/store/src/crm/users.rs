//! The tenant's own people, as a recorder or a CRM knows them.

use model::{ConnectionId, CrmUser, TenantId};

use crate::account::change::Change;
use crate::{StoreError, Tx};

/// A user with its id at the vendor.
pub(super) type User<'a> = (&'a str, &'a CrmUser);

/// Keeps users of a connection, and adds to the change who came, and whose addresses came, went or passed to another: the conversations
/// with these are linked again, and no others. Who is not listed any more stays.
pub(super) async fn write(
    tx: &Tx,
    tenant: &TenantId,
    connection: ConnectionId,
    users: &[User<'_>],
    change: &mut Change,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = users.iter().map(|(id, _)| *id).collect();
    let names: Vec<Option<&str>> = users.iter().map(|(_, user)| user.name.as_deref()).collect();
    let emails: Vec<Option<&str>> = users.iter().map(|(_, user)| user.email.as_deref()).collect();
    let keys: Vec<Option<&str>> =
        users.iter().map(|(_, user)| user.email_keys.first().map(String::as_str)).collect();
    let touched = tx
        .query(
            "WITH given AS (
                 SELECT external_id, name, email, email_key
                 FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS g (external_id, name, email, email_key)),
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
             FROM kept k LEFT JOIN before b USING (external_id)
             WHERE b.external_id IS NULL OR k.email_key IS DISTINCT FROM b.email_key",
            &[&connection.0, &tenant.as_str(), &ids, &names, &emails, &keys],
        )
        .await?;
    for row in &touched {
        let [new, old, came]: [Option<String>; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        change.email_keys.extend(new.into_iter().chain(old));
        change.user_ids.extend(came);
    }
    change.email_keys.extend(write_aliases(tx, tenant, connection, users).await?);
    Ok(())
}

/// Keeps the further addresses of these users; returns those that came or went.
async fn write_aliases(
    tx: &Tx,
    tenant: &TenantId,
    connection: ConnectionId,
    users: &[User<'_>],
) -> Result<Vec<String>, StoreError> {
    let listed: Vec<&str> = users.iter().map(|(id, _)| *id).collect();
    let aliases =
        users.iter().flat_map(|(id, user)| user.email_keys.iter().skip(1).map(move |key| (*id, key)));
    let (ids, keys): (Vec<&str>, Vec<&str>) = aliases.map(|(id, key)| (id, key.as_str())).unzip();
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
