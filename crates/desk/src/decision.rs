//! A person's word about the account of a conversation.

use anyhow::bail;
use model::{AccountId, ConversationId, TenantId};
use serde::Serialize;
use store::conversation::decision::{self, Decided};
use store::{Speaker, Store, Tx, account};

/// What a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It belongs to this account: its own id, or the one at its source.
    Account(String),
    /// It belongs to none.
    NoAccount,
    /// The rules shall decide again.
    TakenBack,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// Whose.
    pub tenant: TenantId,
    /// Name of the account it was on.
    pub from: Option<String>,
    /// Name of the account it is on now; after a word taken back, the rules will say, unless a person decided about another copy.
    pub to: Option<String>,
    /// That copy of its meeting.
    pub decided_of: Option<ConversationId>,
}

/// Puts a conversation where a person says; `person` is told to whoever asks why.
pub async fn decide(store: &Store, id: ConversationId, word: &Word, person: &str) -> anyhow::Result<Moved> {
    let tx = store.begin(Speaker::Everybody).await?;
    let Some(before) = decision::current(&tx, id).await? else {
        bail!("there is no conversation {id}; `switchboard where ID` finds one by its vendor's id");
    };
    let to = match word {
        Word::Account(text) => {
            let (account, name) = meant(&tx, &before.tenant, text).await?;
            put(&tx, id, Some(account), person).await?;
            Some(name)
        }
        Word::NoAccount => {
            put(&tx, id, None, person).await?;
            None
        }
        Word::TakenBack => {
            take_back(&tx, id, &before).await?;
            None
        }
    };
    let after = decision::current(&tx, id).await?.and_then(|after| Some((after.decided_of?, after.account)));
    let other = after.filter(|(of, _)| *of != id);
    tx.commit().await?;
    let (decided_of, to) = other.map_or((None, to), |(of, account)| (Some(of), account));
    Ok(Moved { conversation_id: id, tenant: before.tenant, from: before.account, to, decided_of })
}

async fn put(tx: &Tx, id: ConversationId, account: Option<AccountId>, person: &str) -> anyhow::Result<()> {
    if !decision::put(tx, id, account, person).await? {
        bail!("the account has gone a moment ago: try again");
    }
    Ok(())
}

async fn take_back(tx: &Tx, id: ConversationId, before: &Decided) -> anyhow::Result<()> {
    if decision::take_back(tx, &before.tenant, id).await? {
        return Ok(());
    }
    match before.decided_of {
        Some(copy) => bail!(
            "nobody decided about conversation {id}, but about {copy}, a copy of its meeting: take that back with \
             `switchboard accounts move {copy} --take-back`"
        ),
        None => bail!("nobody decided about conversation {id}: it was linked by the rules ({})", before.rule),
    }
}

async fn meant(tx: &Tx, tenant: &TenantId, text: &str) -> anyhow::Result<(AccountId, String)> {
    let mut found = account::meant(tx, tenant, text).await?;
    match found.len() {
        0 => bail!(
            "tenant {tenant} has no account {text:?}; `switchboard accounts list --tenant {tenant}` lists them"
        ),
        1 => Ok(found.pop().map(|one| (one.id, one.name)).expect("there is one")),
        _ => {
            let all: Vec<String> =
                found.iter().map(|one| format!("{} ({}: {})", one.id, one.source, one.name)).collect();
            bail!("{text:?} is the id of several accounts, name one by its own id: {}", all.join(", "))
        }
    }
}
