//! A person's word about which conversations are of one meeting.

use anyhow::bail;
use model::{ConversationId, TenantId};
use serde::Serialize;
use store::meeting::{self, Found};
use store::{Speaker, Store, Tx};
use uuid::Uuid;

/// What came of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parted {
    /// Whose.
    pub tenant: TenantId,
    /// The conversation that was parted from the others, or may be with them again.
    pub conversation_id: ConversationId,
    /// The others.
    pub others: Vec<ConversationId>,
}

/// The meeting of an id: a conversation's, a meeting's, or one that the meeting had before.
pub async fn show(store: &Store, id: Uuid) -> anyhow::Result<Found> {
    let tx = store.begin(Speaker::Everybody).await?;
    let found = known(&tx, id).await?;
    tx.commit().await?;
    Ok(found)
}

/// Parts a conversation from another one, or from all the copies it is together with now, for good.
pub async fn split(
    store: &Store,
    one: ConversationId,
    other: Option<ConversationId>,
) -> anyhow::Result<Parted> {
    let tx = store.begin(Speaker::Everybody).await?;
    let (tenant, others) = if let Some(other) = other {
        (pair(&tx, one, other).await?, vec![other])
    } else {
        let found = known(&tx, one.0).await?;
        let copies = found.sources.iter().map(|copy| copy.conversation_id);
        (found.tenant, copies.filter(|copy| *copy != one).collect())
    };
    if others.is_empty() {
        bail!("conversation {one} is alone in its meeting: there is nothing to part");
    }
    meeting::split(&tx, &tenant, one, &others).await?;
    tx.commit().await?;
    Ok(Parted { tenant, conversation_id: one, others })
}

/// Takes back that two conversations were parted: they may be matched again.
pub async fn rejoin(store: &Store, one: ConversationId, other: ConversationId) -> anyhow::Result<Parted> {
    let tx = store.begin(Speaker::Everybody).await?;
    let tenant = pair(&tx, one, other).await?;
    if !meeting::rejoin(&tx, &tenant, one, other).await? {
        bail!("nobody has parted {one} and {other}");
    }
    tx.commit().await?;
    Ok(Parted { tenant, conversation_id: one, others: vec![other] })
}

/// Whose two conversations are.
async fn pair(tx: &Tx, one: ConversationId, other: ConversationId) -> anyhow::Result<TenantId> {
    if one == other {
        bail!("a conversation cannot be parted from itself: name another one");
    }
    let (one_is_of, other_is_of) = (known(tx, one.0).await?.tenant, known(tx, other.0).await?.tenant);
    if one_is_of != other_is_of {
        bail!("{one} is of tenant {one_is_of}, {other} of tenant {other_is_of}: they are never together");
    }
    Ok(one_is_of)
}

async fn known(tx: &Tx, id: Uuid) -> anyhow::Result<Found> {
    let Some(found) = meeting::find(tx, id).await? else {
        bail!("there is no conversation or meeting {id}; `switchboard timeline --tenant TENANT` lists them");
    };
    Ok(found)
}
