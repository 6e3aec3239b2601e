//! What is kept of people and companies, by whatever a person has of them: an id, an address, or a URL that holds the id.

use jiff::Timestamp;
use model::TenantId;
use serde::Serialize;
use uuid::Uuid;

use super::whereabouts::Named;
use crate::{StoreError, Tx};

/// An account, a contact, a lead, a deal or a user, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// account, contact, lead, deal or user.
    pub kind: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it comes from: csv, or a vendor and its account there.
    pub source: String,
    /// Its id there.
    pub external_id: String,
    /// Our id, of an account.
    pub id: Option<Uuid>,
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub email: Option<String>,
    /// The account that it belongs to.
    pub account: Option<String>,
    /// Written last.
    pub updated_at: Timestamp,
    /// Since when its source says that it is deleted or archived.
    pub gone_at: Option<Timestamp>,
    /// Since when that counts.
    pub deleted_at: Option<Timestamp>,
    /// What took its place: the name of an account, the id at the source of anything else.
    pub merged_into: Option<String>,
}

/// Finds what is kept under a name. Whose it is nobody said, so every tenant and source that there is is asked, each by its index.
pub async fn kept(tx: &Tx, text: &str) -> Result<Vec<Kept>, StoreError> {
    let named = Named::by(text);
    let (emails, bare): (Vec<String>, Vec<&str>) = (named.emails(), named.bare());
    let rows = tx
        .query(
            "WITH sources AS (
                 SELECT tenant_id, connection_id, vendor || ':' || vendor_account AS source FROM connections
                 UNION ALL SELECT tenant_id, NULL, 'csv' FROM tenants),
             names (name) AS (SELECT unnest($1::text[])),
             found AS (
                 SELECT 'account' AS kind, a.tenant_id, a.source, a.external_id, a.account_id, a.name, NULL AS email, NULL::uuid AS of_account,
                        a.updated_at, a.gone_at, a.deleted_at,
                        (SELECT m.name FROM accounts m WHERE m.tenant_id = a.tenant_id AND m.account_id = a.merged_into) AS merged_into
                 FROM tenants t JOIN accounts a ON a.tenant_id = t.tenant_id
                      AND (a.external_id = ANY ($1) OR a.account_id = ANY ($2))
                 UNION
                 SELECT c.kind, c.tenant_id, c.source, c.external_id, NULL, c.name, c.email, c.account_id, c.updated_at, c.gone_at,
                        c.deleted_at, c.merged_into
                 FROM sources s CROSS JOIN names n
                 JOIN contacts c ON c.tenant_id = s.tenant_id AND c.source = s.source AND c.external_id = n.name
                 UNION
                 SELECT c.kind, c.tenant_id, c.source, c.external_id, NULL, c.name, c.email, c.account_id, c.updated_at, c.gone_at,
                        c.deleted_at, c.merged_into
                 FROM tenants t JOIN contacts c ON c.tenant_id = t.tenant_id AND c.email_key = ANY ($3)
                 UNION
                 SELECT 'deal', d.tenant_id, d.source, d.external_id, NULL, d.name, NULL, d.account_id, d.updated_at, d.gone_at,
                        d.deleted_at, d.merged_into
                 FROM tenants t JOIN deals d ON d.tenant_id = t.tenant_id AND d.external_id = ANY ($1)
                 UNION
                 SELECT 'user', u.tenant_id, s.source, u.external_id, NULL, u.name, u.email, NULL, u.updated_at, NULL, NULL, NULL
                 FROM sources s CROSS JOIN names n
                 JOIN users u ON u.connection_id = s.connection_id AND u.external_id = n.name
                 UNION
                 SELECT 'user', u.tenant_id, s.source, u.external_id, NULL, u.name, u.email, NULL, u.updated_at, NULL, NULL, NULL
                 FROM sources s JOIN users u ON u.tenant_id = s.tenant_id AND u.connection_id = s.connection_id
                      AND u.email_key = ANY ($3))
             SELECT f.kind, f.tenant_id, f.source, f.external_id, f.account_id, f.name, f.email, a.name, f.updated_at, f.gone_at,
                    f.deleted_at, f.merged_into
             FROM found f LEFT JOIN accounts a ON a.tenant_id = f.tenant_id AND a.account_id = f.of_account
             ORDER BY f.tenant_id, f.kind, f.source, f.external_id LIMIT 50",
            &[&bare, &named.ids, &emails],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Kept {
                kind: row.try_get(0)?,
                tenant: TenantId::parse(row.try_get(1)?)?,
                source: row.try_get(2)?,
                external_id: row.try_get(3)?,
                id: row.try_get(4)?,
                name: row.try_get(5)?,
                email: row.try_get(6)?,
                account: row.try_get(7)?,
                updated_at: row.try_get(8)?,
                gone_at: row.try_get(9)?,
                deleted_at: row.try_get(10)?,
                merged_into: row.try_get(11)?,
            })
        })
        .collect()
}
