//! Conversations that older rules wrote, gone over once after the rules have changed, page by page, beside everything else.

use std::time::Duration;

use mapping::account::RULE_VERSION;
use mapping::meeting::{calendar_key, join_key};
use model::ConversationId;
use runtime::Shutdown;
use store::meeting::MeetingKeys;
use store::resolve::{self, Older, Walk};
use store::{Speaker, Store, StoreError, Tx};
use tokio::time::sleep;

use crate::Deps;
use crate::store_batch::REPEAT;

/// Conversations looked at in one go.
const PAGE: i64 = 2000;

/// Between two pages, so that what is handed out is also worked off.
const BETWEEN_PAGES: Duration = Duration::from_millis(200);

/// Where there is nothing to hand out for now.
const REST: Duration = Duration::from_secs(30);

/// Hands them out until there are none, or the shutdown begins. Any number of normalizers share the walk.
pub(crate) async fn walk(deps: Deps, shutdown: Shutdown) {
    let mut failures = 0;
    loop {
        let pause = match hand_out(&deps.store).await {
            Ok(Walk::Done) => return,
            Ok(Walk::Rests) => REST,
            Ok(Walk::Goes(conversations)) => {
                failures = 0;
                if conversations > 0 {
                    tracing::info!(conversations, "older rules wrote these, going over them");
                }
                BETWEEN_PAGES
            }
            Err(error) => {
                let delay = REPEAT.delay(failures);
                failures += 1;
                tracing::warn!(%error, delay_ms = delay.as_millis(), "could not look for what older rules wrote, trying again");
                delay
            }
        };
        tokio::select! {
            () = shutdown.begun() => return,
            () = sleep(pause) => {}
        }
    }
}

async fn hand_out(store: &Store) -> Result<Walk, StoreError> {
    let tx = store.begin(Speaker::Everybody).await?;
    let walk = resolve::hand_out_older(&tx, RULE_VERSION, PAGE).await?;
    tx.commit().await?;
    Ok(walk)
}

/// Makes up for what older rules left out of some conversations.
pub(crate) async fn go_over(tx: &Tx, ids: &[ConversationId]) -> Result<(), StoreError> {
    let older = resolve::lock_older(tx, ids, RULE_VERSION).await?;
    let keyed: Vec<(ConversationId, MeetingKeys)> = older.iter().map(|one| (one.id, keys(one))).collect();
    resolve::go_over(tx, &keyed, RULE_VERSION).await
}

fn keys(one: &Older) -> MeetingKeys {
    MeetingKeys {
        join: one.join_url.as_deref().and_then(join_key),
        calendar: one.calendar_event_id.as_deref().and_then(calendar_key),
    }
}
