//! Whether what a person names is there: a slip of the pen must not look like an empty answer.

use anyhow::bail;
use model::TenantId;
use store::{Speaker, Store, report, tenant};

/// So many tenants are named to whoever mistypes one.
const NAMED_MAX: usize = 10;

/// Refuses a tenant that nobody added.
pub async fn check(store: &Store, named: Option<&TenantId>) -> anyhow::Result<()> {
    let Some(id) = named else { return Ok(()) };
    let tx = store.begin(Speaker::Tenant(id)).await?;
    let found = tenant::load(&tx, id).await?;
    tx.commit().await?;
    if found.is_none() {
        let known = known(store).await?;
        bail!("there is no tenant {id}: add it with `switchboard tenant add {id} --name NAME`{known}");
    }
    Ok(())
}

/// Whom else a person may have meant.
async fn known(store: &Store) -> anyhow::Result<String> {
    let tx = store.begin(Speaker::Everybody).await?;
    let all = tenant::list(&tx).await?;
    tx.commit().await?;
    let named: Vec<&str> = all.iter().take(NAMED_MAX).map(|one| one.id.as_str()).collect();
    let more = if all.len() > NAMED_MAX { "; `switchboard tenant list` lists all" } else { "" };
    Ok(if named.is_empty() { String::new() } else { format!(", or take one of {}{more}", named.join(", ")) })
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
