//! The vendors' users, who are the tenant's own people whatever their domain: read when a connection is made, and again every day and with
//! every walk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mapping::email::EmailKey;
use model::{RunId, RunKind, Stream};
use store::run_claim::ClaimedRun;
use store::user::{self, User};
use store::{Speaker, StoreError, stream};
use tokio::time::Instant;
use vendors::attention::Workspace;
use vendors::gong::GongUser;
use vendors::hubspot::Owner;
use vendors::salesforce::OrganizationUser;

use crate::Shared;
use crate::ask::Setback;
use crate::source::Source;

/// A new colleague's calls are nobody's for so long at most.
const READ_EVERY: Duration = Duration::from_hours(24);

/// Walks whose progress is remembered; more at a time are read from the beginning.
const REMEMBERED_MAX: usize = 1000;

/// Some users, and where their list goes on.
pub(crate) struct UsersPage {
    pub(crate) users: Vec<User>,
    pub(crate) next: Option<String>,
}

/// How far this process has read the users for each walk: a page that has to wait for the vendor's limit does not begin again.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<HashMap<RunId, Place>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    From(Option<String>),
    End,
}

impl Progress {
    fn of(&self, run: RunId) -> Place {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&run).cloned().unwrap_or(Place::From(None))
    }

    fn note(&self, run: RunId, place: Place) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= REMEMBERED_MAX {
            places.clear();
        }
        places.insert(run, place);
    }
}

/// An Attention workspace's users as they are kept.
pub fn attention_users(workspace: &Workspace) -> Vec<User> {
    let known = workspace.users.iter();
    known.filter_map(|user| stored(user.uuid.as_ref(), user.name.as_ref(), &user.email)).collect()
}

/// A Gong company's users as they are kept.
pub fn gong_users(users: &[GongUser]) -> Vec<User> {
    users.iter().filter_map(|user| stored(user.id.as_ref(), user.name.as_ref(), &user.emails)).collect()
}

/// A HubSpot portal's owners as they are kept.
pub fn hubspot_users(owners: &[Owner]) -> Vec<User> {
    owners.iter().filter_map(|owner| stored(owner.id.as_ref(), owner.name.as_ref(), &owner.email)).collect()
}

/// A Salesforce organization's users as they are kept.
pub fn salesforce_users(users: &[OrganizationUser]) -> Vec<User> {
    users.iter().filter_map(|user| stored(user.id.as_ref(), user.name.as_ref(), &user.email)).collect()
}

/// Without id or address nobody can be matched with a user. The first address is the main one.
fn stored<'a>(
    id: Option<&String>,
    name: Option<&String>,
    emails: impl IntoIterator<Item = &'a String>,
) -> Option<User> {
    let keyed = |email: &'a String| Some((email, EmailKey::parse(email)?.as_str().to_owned()));
    let mut emails = emails.into_iter().filter_map(keyed);
    let (email, email_key) = emails.next()?;
    let alias_keys = emails.map(|(_, key)| key).filter(|key| *key != email_key).collect();
    Some(User { external_id: id?.clone(), name: name.cloned(), email: email.clone(), email_key, alias_keys })
}

/// Reads them again where a walk begins, or the first look of a day. A list that cannot be had fails no run: whoever is known stays known.
pub(crate) async fn read_again(
    shared: &Shared,
    run: &ClaimedRun,
    source: &Source,
    deadline: Instant,
) -> Result<(), Setback> {
    // of a CRM's streams, one reads them
    let reads = matches!(run.stream, Stream::Conversations | Stream::Accounts);
    let is_time = run.kind == RunKind::Walk || run.kind == RunKind::Periodic && run.users_age > READ_EVERY;
    if !reads || !is_time || run.page != 1 || run.resumed {
        return Ok(());
    }
    while let Place::From(cursor) = shared.users_read.of(run.id) {
        let place = match source.users(shared, run, cursor.as_deref(), deadline).await? {
            Ok((page, _)) => {
                keep(shared, run, &page.users).await.map_err(Setback::Store)?;
                page.next.filter(|next| Some(next) != cursor.as_ref()).map(|next| Place::From(Some(next)))
            }
            Err((error, _)) => {
                tracing::warn!(error.class = error.error_class(), %error, "failed to read the users again, tomorrow's run does");
                None
            }
        };
        if place.is_none() {
            note_read(shared, run).await.map_err(Setback::Store)?;
        }
        shared.users_read.note(run.id, place.unwrap_or(Place::End));
    }
    Ok(())
}

async fn note_read(shared: &Shared, run: &ClaimedRun) -> Result<(), StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    stream::note_users_read(&tx, run.connection_id, run.stream).await?;
    tx.commit().await
}

async fn keep(shared: &Shared, run: &ClaimedRun, users: &[User]) -> Result<(), StoreError> {
    let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
    user::keep(&tx, &run.tenant, run.connection_id, users).await?;
    tx.commit().await
}
