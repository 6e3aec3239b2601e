//! Whose key it is, and when it was last known to be answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{ConnectionId, TenantId, VendorAccount};
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError, credential};
use tokio::time::Instant;
use vendors::{Failure, VendorError};

use crate::Shared;
use crate::ask::{Answer, Setback, ask_once, sort};

/// How often it is noted that a vendor answers a key.
const NOTE_ANSWER_EVERY: Duration = Duration::from_secs(10);

/// When this process noted last that a vendor answers a key, so that not every request costs a write.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<HashMap<(ConnectionId, i32), Instant>>);

impl Answers {
    fn is_due(&self, key: (ConnectionId, i32)) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = noted.get(&key).is_none_or(|at| at.elapsed() > NOTE_ANSWER_EVERY);
        if due {
            noted.insert(key, Instant::now());
        }
        due
    }
}

/// A key's connection and generation.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) connection_id: ConnectionId,
    pub(super) generation: i32,
    /// The vendor has refused the key since it last answered.
    pub(super) refused: bool,
}

impl Holder {
    /// Sends a request under a permit of each of these budgets; a 401 is asked about once more before it counts.
    pub(super) async fn ask<T, F>(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        budgets: &[&VendorAccount],
        deadline: Instant,
        request: impl Fn() -> F,
    ) -> Result<Answer<T>, Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let mut answer = ask_once(shared, run, budgets, deadline, request()).await?;
        if is_refused(&answer) {
            answer = ask_once(shared, run, budgets, deadline, request()).await?;
        }
        match answer {
            Err((error, _)) if error.failure == Failure::Credential => {
                Err(Setback::Refused { generation: self.generation, reason: error.message })
            }
            answer => {
                self.note_answer(shared, &run.tenant, answer.is_ok()).await?;
                sort(shared, run, answer).await
            }
        }
    }

    /// Notes that the vendor answers the key: at once after a refusal, else now and then.
    pub(super) async fn note_answer(
        &self,
        shared: &Shared,
        tenant: &TenantId,
        answered: bool,
    ) -> Result<(), Setback> {
        if !answered || !(shared.answers.is_due((self.connection_id, self.generation)) || self.refused) {
            return Ok(());
        }
        let noted = async {
            let tx = shared.deps.store.begin(Speaker::Tenant(tenant)).await?;
            credential::note_answered(&tx, self.connection_id, self.generation).await?;
            tx.commit().await
        };
        noted.await.map_err(|error: StoreError| Setback::Store(error))
    }
}

fn is_refused<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Err((error, _)) if error.failure == Failure::Credential)
}
