//! Users of a recorder and of Salesforce, who are the tenant's own people whatever their domain: read when a connection is made, and
//! again with every walk.

use mapping::email::EmailKey;
use model::{RunKind, Stream};
use store::run_claim::ClaimedRun;
use store::user::{self, User};
use store::{Speaker, StoreError};
use tokio::time::Instant;
use vendors::VendorError;
use vendors::attention::Workspace;
use vendors::salesforce::OrganizationUser;

use crate::Shared;
use crate::ask::Setback;
use crate::source::{SalesforceSource, Source};

/// A workspace's users as they are kept; without id or address nobody can be matched with them.
pub fn stored_users(workspace: &Workspace) -> Vec<User> {
    let users = workspace.users.iter();
    users.filter_map(|user| stored(user.uuid.as_ref(), user.name.as_ref(), user.email.as_ref())).collect()
}

/// The same of an organization's users.
pub fn stored_organization_users(users: &[OrganizationUser]) -> Vec<User> {
    let users = users.iter();
    users.filter_map(|user| stored(user.id.as_ref(), user.name.as_ref(), user.email.as_ref())).collect()
}

fn stored(id: Option<&String>, name: Option<&String>, email: Option<&String>) -> Option<User> {
    let email_key = EmailKey::parse(email?)?.as_str().to_owned();
    Some(User { external_id: id?.clone(), name: name.cloned(), email: email?.clone(), email_key })
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
        Ok((workspace, _)) => keep(shared, run, &stored_users(&workspace)).await.map_err(Setback::Store),
        Err((error, _)) => {
            not_read(&error);
            Ok(())
        }
    }
}

/// The same of an organization, where a walk over its accounts begins.
pub(crate) async fn read_organization_again(
    shared: &Shared,
    run: &ClaimedRun,
    source: &SalesforceSource,
    deadline: Instant,
) -> Result<(), Setback> {
    if run.kind != RunKind::Walk || run.stream != Stream::Accounts || run.resumed {
        return Ok(());
    }
    match source.users(shared, run, deadline).await? {
        Ok(users) => keep(shared, run, &stored_organization_users(&users)).await.map_err(Setback::Store),
        Err(error) => {
            not_read(&error);
            Ok(())
        }
    }
}

fn not_read(error: &VendorError) {
    tracing::warn!(error.class = error.error_class(), %error, "failed to read the users again, the next walk does");
}

async fn keep(shared: &Shared, run: &ClaimedRun, users: &[User]) -> Result<(), StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    user::keep(&tx, &run.tenant, run.connection_id, users).await?;
    tx.commit().await
}
