//! Which connection a person means.

use anyhow::{Context as _, bail};
use store::connection::{self, Connection};
use store::{Speaker, Store};

/// Finds a connection by its id, the beginning of it, or `TENANT/VENDOR[/ACCOUNT]`.
pub async fn find(store: &Store, text: &str) -> anyhow::Result<Connection> {
    let tx = store.begin(Speaker::Everybody).await?;
    let all = connection::list(&tx).await.context("failed to list connections")?;
    tx.commit().await?;
    let mut found: Vec<Connection> = all.into_iter().filter(|one| is_meant(one, text)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => bail!("there is no connection {text:?}; `switchboard connections` lists them"),
        many => bail!("{text:?} fits {many} connections; give more of the id"),
    }
}

fn is_meant(connection: &Connection, text: &str) -> bool {
    let id = connection.id.to_string();
    let name = name(connection);
    let exact = id == text || name == text || format!("{name}/{}", connection.vendor_account) == text;
    exact || (text.len() >= 4 && id.starts_with(text))
}

/// The short name of a connection: unique while a tenant has one account at a vendor.
pub fn name(connection: &Connection) -> String {
    format!("{}/{}", connection.tenant, connection.vendor)
}
