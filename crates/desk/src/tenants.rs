//! Whether what a person names is there: a slip of the pen must not look like an empty answer.

use anyhow::bail;
use model::TenantId;
use store::{Speaker, Store, report, tenant};

/// Refuses a tenant that nobody added.
pub async fn check(store: &Store, named: Option<&TenantId>) -> anyhow::Result<()> {
    let Some(id) = named else { return Ok(()) };
    let tx = store.begin(Speaker::Tenant(id)).await?;
    let found = tenant::load(&tx, id).await?;
    tx.commit().await?;
    if found.is_none() {
        bail!("there is no tenant {id}: add it with `switchboard tenant add {id} --name NAME`");
    }
    Ok(())
}

/// Refuses an account that a tenant does not have.
pub async fn check_account(store: &Store, id: &TenantId, account: Option<&str>) -> anyhow::Result<()> {
    let Some(account) = account else { return Ok(()) };
    let tx = store.begin(Speaker::Tenant(id)).await?;
    let found = report::has_account(&tx, id, account).await?;
    tx.commit().await?;
    if !found {
        bail!("tenant {id} has no account {account:?}; `switchboard accounts list --tenant {id}` lists them");
    }
    Ok(())
}
