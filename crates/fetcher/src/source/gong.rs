//! Gong: pages of calls by cursor, and their transcripts in batches of ids.

use std::collections::HashMap;

use mapping::gong::listed_row;
use model::{VendorKey, Version};
use serde_json::value::RawValue;
use store::credential::Probe;
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::gong::{Calls, CallsPage, CallsRequest, Gong, GongAuth, TRANSCRIPT_IDS_MAX};
use vendors::{Failure, VendorError, VendorHttp};

use super::holder::{Held, Holder};
use super::{Ending, Page, page_failed};
use crate::Shared;
use crate::ask::{Answer, Setback};
use crate::details::{Fetched, Gathering, Got, Wanted};
use crate::probe::{is_answered, last_hour};
use crate::publish::Documents;
use crate::users::UsersPage;

/// Records of one step of a follow-up, as many as one request takes: two requests for all of them.
pub(super) const LOOKS_MAX: i64 = 100;

/// How often a list is begun again because its cursor grew too old: an hour each, so that a slice that cannot be listed within
/// one ends.
pub(super) const RESTARTS_MAX: u32 = 10;

/// Pages of one batch of ids: an answer to so many ids has one, and a list that does not end is none.
const BATCH_PAGES_MAX: usize = 20;

/// A run's way to Gong.
pub(crate) struct GongSource {
    http: VendorHttp,
    holder: Holder,
}

/// Calls or transcripts by their ids.
type ById = HashMap<String, Box<RawValue>>;

impl GongSource {
    pub(super) fn new(shared: &Shared, holder: Holder) -> Self {
        Self { http: shared.http.clone(), holder }
    }

    fn access(&self, held: Held) -> (Gong, GongAuth) {
        let auth = if held.is_renewable() {
            GongAuth::of_access_token(held.token())
        } else {
            GongAuth::of_secret(held.token())
        };
        (Gong::new(self.http.clone(), held.base_url), auth)
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Asks for the calls of the last hour; a key that lacks the scope for them is a key all the same.
    pub(super) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        let request = CallsRequest { calls: Calls::Started(last_hour(shared)), cursor: None };
        let (client, auth) = self.access(self.holder.held());
        is_answered(shared, probe, client.calls(&auth, &request)).await
    }

    /// Asks for one call's transcript.
    pub(super) async fn answers_of(
        &self,
        shared: &Shared,
        probe: &Probe,
        record: &VendorKey,
    ) -> Result<bool, Setback> {
        let (client, auth) = self.access(self.holder.held());
        is_answered(shared, probe, client.transcripts(&auth, &[record.as_str()], None)).await
    }

    pub(super) async fn list(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<Page, Setback> {
        let request = CallsRequest { calls: Calls::Started(run.window), cursor: run.cursor.as_deref() };
        let answer = self.calls(shared, run, &request, deadline).await?;
        match answer {
            // the page before said that there is one
            Ok((page, asked_at)) if page.is_nothing && run.cursor.is_some() => {
                tracing::info!(job.id = %run.id, page = run.page, "the list's cursor leads nowhere, it is begun again");
                Ok(Page { rows: Vec::new(), asked_at, ending: Ending::Expired })
            }
            Ok((page, asked_at)) => Ok(Page {
                rows: page.calls.into_iter().map(|raw| (listed_row(&raw), raw)).collect(),
                asked_at,
                ending: Ending::Cursor(page.cursor),
            }),
            Err((error, asked_at)) if error.failure == Failure::CursorExpired && run.cursor.is_some() => {
                tracing::info!(job.id = %run.id, page = run.page, "the list's cursor is too old, it is begun again");
                Ok(Page { rows: Vec::new(), asked_at, ending: Ending::Expired })
            }
            Err((error, _)) => Err(page_failed(&error)),
        }
    }

    /// Lists a page of the company's users.
    pub(super) async fn users(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<UsersPage, Setback> {
        let cursor = run.cursor.as_deref();
        let ask = async |client: Gong, auth: GongAuth| client.users(&auth, cursor).await;
        match self.ask(shared, run, deadline, ask).await? {
            // the page before said that there is one
            Ok((page, asked_at)) if page.is_nothing && cursor.is_some() => Ok(UsersPage::expired(asked_at)),
            Ok((page, asked_at)) => {
                Ok(UsersPage { rows: page.users, asked_at, ending: Ending::Cursor(page.cursor) })
            }
            Err((error, asked_at)) if error.failure == Failure::CursorExpired && cursor.is_some() => {
                Ok(UsersPage::expired(asked_at))
            }
            Err((error, _)) => Err(page_failed(&error)),
        }
    }

    /// Fetches transcripts in batches; of records without their row, the row first. A batch that fails is its records' failure, and
    /// where it fails again they are asked for one by one, so that one that cannot be had does not hold up the others for ever.
    pub(super) async fn fetch(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        wanted: Vec<Wanted>,
        documents: &mut Documents<'_>,
        deadline: Instant,
    ) -> Result<Fetched, Setback> {
        let mut gathering = Gathering::new(shared, run, documents);
        let pace = gathering.pace(deadline);
        for batch in batches(wanted) {
            if pace.is_over() {
                gathering.set_back(Setback::NotBefore(std::time::Duration::ZERO));
                break;
            }
            match self.batch(shared, run, &batch, deadline).await {
                Ok(mut answers) => {
                    for record in batch {
                        let answer = answers.of(&record);
                        gathering.take(record, answer).await?;
                    }
                }
                Err(setback) => {
                    gathering.set_back(setback);
                    break;
                }
            }
        }
        gathering.finish()
    }

    async fn batch(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        batch: &[Wanted],
        deadline: Instant,
    ) -> Result<Answers, Setback> {
        let rowless: Vec<&str> =
            batch.iter().filter(|record| record.row.is_none()).map(|record| record.key.as_str()).collect();
        let rows = if rowless.is_empty() {
            None
        } else {
            match self.rows(shared, run, &rowless, deadline).await? {
                Ok(rows) => Some(rows),
                Err((error, version)) => return Ok(Answers::failed(error, version)),
            }
        };
        let spoken: Vec<&str> = batch
            .iter()
            .filter(|record| {
                let row = record.row.as_deref();
                let fresh = || rows.as_ref().and_then(|(rows, _)| rows.get(record.key.as_str()));
                let row = row.or_else(|| fresh().map(|row| &**row));
                row.is_some_and(|row| !listed_row(row).is_skipped(run.admit_private))
            })
            .map(|record| record.key.as_str())
            .collect();
        let transcripts = if spoken.is_empty() {
            Ok((HashMap::new(), Version(0)))
        } else {
            self.transcripts(shared, run, &spoken, deadline).await?
        };
        Ok(match transcripts {
            Ok((transcripts, asked_at)) => Answers::Had { rows, transcripts, asked_at },
            Err((error, version)) => Answers::failed(error, version),
        })
    }

    /// The calls with these ids; what is missing is unknown to the vendor.
    async fn rows(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        ids: &[&str],
        deadline: Instant,
    ) -> Result<Answer<ById>, Setback> {
        let (mut found, mut cursor) = (HashMap::new(), None);
        for _ in 0..BATCH_PAGES_MAX {
            let request = CallsRequest { calls: Calls::Ids(ids), cursor: cursor.as_deref() };
            let answer = self.calls(shared, run, &request, deadline).await?;
            let (page, version) = match answer {
                Ok(answer) => answer,
                Err((error, version)) => return concerning_records(error, version),
            };
            let named = page.calls.into_iter().map(|raw| (listed_row(&raw).vendor_key.to_string(), raw));
            found.extend(named);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(Ok((found, version)));
            }
        }
        Err(endless_batch())
    }

    async fn transcripts(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        ids: &[&str],
        deadline: Instant,
    ) -> Result<Answer<ById>, Setback> {
        let (mut found, mut cursor) = (HashMap::new(), None);
        for _ in 0..BATCH_PAGES_MAX {
            let on: Option<String> = cursor;
            let on = on.as_deref();
            let ask = |client: Gong, auth: GongAuth| async move { client.transcripts(&auth, ids, on).await };
            let (page, version) = match self.ask(shared, run, deadline, ask).await? {
                Ok(answer) => answer,
                Err((error, version)) => return concerning_records(error, version),
            };
            found.extend(page.transcripts.into_iter().map(|one| (one.call_id, one.raw)));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(Ok((found, version)));
            }
        }
        Err(endless_batch())
    }

    async fn calls(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        request: &CallsRequest<'_>,
        deadline: Instant,
    ) -> Result<Answer<CallsPage>, Setback> {
        let ask = |client: Gong, auth: GongAuth| async move { client.calls(&auth, request).await };
        self.ask(shared, run, deadline, ask).await
    }

    async fn ask<T, F>(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
        request: impl Fn(Gong, GongAuth) -> F,
    ) -> Result<Answer<T>, Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let request = |held| {
            let (client, auth) = self.access(held);
            request(client, auth)
        };
        self.holder.ask(shared, run, &[&run.vendor_account], deadline, request).await
    }
}

/// A missing scope is no record's fault and fails the page; everything else is the batch's.
fn concerning_records<T>(error: VendorError, version: Version) -> Result<Answer<T>, Setback> {
    match error.failure {
        Failure::MissingScope | Failure::Forbidden | Failure::Redirect => Err(page_failed(&error)),
        _ => Ok(Err((error, version))),
    }
}

fn endless_batch() -> Setback {
    let reason = format!("the answer to a batch of ids has no end after {BATCH_PAGES_MAX} pages");
    Setback::Page { class: "endless-list", reason }
}

/// Failures of a record after which it is asked for alone. After the first one the batch met a bad moment, most likely, and a request for
/// each of a hundred records would be a good part of a company's day.
const ATTEMPTS_TOGETHER: i32 = 2;

/// Records that failed again and again are asked for alone.
fn batches(wanted: Vec<Wanted>) -> Vec<Vec<Wanted>> {
    let mut batches: Vec<Vec<Wanted>> = Vec::new();
    let (alone, mut together): (Vec<Wanted>, Vec<Wanted>) =
        wanted.into_iter().partition(|record| record.attempts >= ATTEMPTS_TOGETHER);
    while !together.is_empty() {
        let rest = together.split_off(together.len().min(TRANSCRIPT_IDS_MAX));
        batches.push(std::mem::replace(&mut together, rest));
    }
    batches.extend(alone.into_iter().map(|record| vec![record]));
    batches
}

/// What a batch came to.
enum Answers {
    /// The rows that were asked for anew, the transcripts, and when those were asked for.
    Had { rows: Option<(ById, Version)>, transcripts: ById, asked_at: Version },
    /// None of it could be had.
    Failed { error: VendorError, version: Version },
}

impl Answers {
    fn failed(error: VendorError, version: Version) -> Self {
        Self::Failed { error, version }
    }

    /// What concerns one record.
    fn of(&mut self, record: &Wanted) -> Answer<Got> {
        let key = record.key.as_str();
        match self {
            Self::Failed { error, version } => Err((error.clone(), *version)),
            Self::Had { rows, transcripts, asked_at } => {
                let detail = transcripts.remove(key);
                let Some((rows, version)) = rows else {
                    // the row is as old as its list, and so is the document that it makes
                    return Ok((Got { row: None, detail }, record.listed_at.unwrap_or(*asked_at)));
                };
                match rows.remove(key) {
                    Some(row) => Ok((Got { row: Some(row), detail }, *version)),
                    None if record.row.is_some() => {
                        Ok((Got { row: None, detail }, record.listed_at.unwrap_or(*asked_at)))
                    }
                    None => Err((VendorError::not_found("the call is not among those asked for"), *version)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_failed_once_is_asked_for_once_more_and_then_each_of_its_records() {
        let sizes = |attempts: i32| -> Vec<usize> {
            let wanted = (0..150).map(|number| Wanted {
                key: VendorKey::of(&number.to_string()),
                hash: None,
                row: None,
                listed_at: None,
                attempts,
                give_up: false,
            });
            batches(wanted.collect()).iter().map(Vec::len).collect()
        };
        assert_eq!((sizes(0), sizes(1), sizes(2)), (vec![100, 50], vec![100, 50], vec![1; 150]));
    }
}
