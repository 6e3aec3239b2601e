//! The recorder's users, who are the tenant's own people whatever their domain: read when a connection is made, and again with every walk.

use mapping::email::EmailKey;
use model::RunKind;
use store::run_claim::ClaimedRun;
use store::user::{self, User};
use store::{Speaker, StoreError};
use tokio::time::Instant;
use vendors::attention::Workspace;

use crate::Shared;
use crate::ask::Setback;
use crate::source::Source;

/// A workspace's users as they are kept; without id or address nobody can be matched with them.
pub fn stored_users(workspace: &Workspace) -> Vec<User> {
    let known = workspace.users.iter().filter_map(|user| {
        let email = user.email.clone()?;
        let email_key = EmailKey::parse(&email)?.as_str().to_owned();
        Some(User { external_id: user.uuid.clone()?, name: user.name.clone(), email, email_key })
    });
    known.collect()
}

/// Reads them again where a walk begins. A list that cannot be had fails no walk: whoever is known stays known.
pub(crate) async fn read_again(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    deadline: Instant,
) -> Result<(), Setback> {
    let Source::Attention(source) = source else { return Ok(()) };
    if run.kind != RunKind::Walk || run.page != 1 || run.resumed {
        return Ok(());
    }
    match source.users(shared, run, deadline).await? {
        Ok((workspace, _)) => keep(shared, run, &workspace).await.map_err(Setback::Store),
        Err((error, _)) => {
            tracing::warn!(error.class = error.error_class(), %error, "failed to read the users again, the next walk does");
            Ok(())
        }
    }
}

async fn keep(shared: &Shared, run: &ClaimedRun, workspace: &Workspace) -> Result<(), StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    user::keep(&tx, &run.tenant, run.connection_id, &stored_users(workspace)).await?;
    tx.commit().await
}
