//! Tenants and their gate.

use model::TenantId;

use crate::{StoreError, Tx};

/// A company that uses Switchboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Its own mail domains in normal form.
    pub domains: Vec<String>,
    /// Conversations are let in: accounts are there, or the tenant is not gated.
    pub gate_open: bool,
}

/// Adds a tenant; false when it exists already, unchanged.
pub async fn add(tx: &Tx, id: &TenantId, name: &str, domains: &[String]) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO tenants (tenant_id, name, domains) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[&id.as_str(), &name, &domains],
        )
        .await?;
    Ok(added == 1)
}

/// Loads a tenant.
pub async fn load(tx: &Tx, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT name, domains, gate_opened_at IS NOT NULL OR NOT gated FROM tenants WHERE tenant_id = $1",
            &[&id.as_str()],
        )
        .await?;
    row.map(|row| {
        Ok(Tenant {
            id: id.clone(),
            name: row.try_get(0)?,
            domains: row.try_get(1)?,
            gate_open: row.try_get(2)?,
        })
    })
    .transpose()
}

/// Lists the tenants that the transaction may see.
pub async fn list(tx: &Tx) -> Result<Vec<Tenant>, StoreError> {
    let sql = "SELECT tenant_id, name, domains, gate_opened_at IS NOT NULL OR NOT gated FROM tenants ORDER BY tenant_id";
    tx.query(sql, &[])
        .await?
        .iter()
        .map(|row| {
            Ok(Tenant {
                id: TenantId::parse(row.try_get(0)?)?,
                name: row.try_get(1)?,
                domains: row.try_get(2)?,
                gate_open: row.try_get(3)?,
            })
        })
        .collect()
}

/// Opens the gate; true when it was closed. The release sweep finds what waited for it.
pub async fn open_gate(tx: &Tx, id: &TenantId) -> Result<bool, StoreError> {
    let opened = tx
        .execute(
            "UPDATE tenants SET gate_opened_at = now() WHERE tenant_id = $1 AND gate_opened_at IS NULL",
            &[&id.as_str()],
        )
        .await?;
    Ok(opened == 1)
}

/// Switches the gate of a tenant off or on.
pub async fn set_gated(tx: &Tx, id: &TenantId, gated: bool) -> Result<(), StoreError> {
    tx.execute("UPDATE tenants SET gated = $2 WHERE tenant_id = $1", &[&id.as_str(), &gated]).await?;
    Ok(())
}
