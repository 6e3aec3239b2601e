//! A page of Salesforce: everything, or what was touched, deleted rows among them; then what was deleted for good.

mod part;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use mapping::salesforce::listed;
use model::{RunKind, Stream, Version, Window};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use store::credential::Probe;
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::salesforce::{Deleted, Object, READ_MAX, Readable, RecordPage, Rows, Salesforce};
use vendors::{Bearer, Failure, VendorError, VendorHttp};

use part::Part;

use super::holder::{Held, Holder};
use super::{Ending, cursor_of, cursor_text, page_error, page_failed};
use crate::Shared;
use crate::ask::{Answer, Setback};
use crate::page::Gathered;
use crate::probe::is_answered;
use crate::records::{self, Record};
use crate::users::UsersPage;

/// Salesforce tells of the deletions of fifteen days: a run that was away for longer leaves the older ones to the walk.
const DELETIONS_TOLD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Where a run's list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cursor {
    /// A query goes on there, after so many rows; of a part of what is asked for, or of all of it.
    Rows {
        next: String,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
    },
    /// All of it took too long: what was touched in a part of the time comes next.
    Part(Part),
    /// What was deleted in the window, by id: it may have left the recycle bin, where no query shows it.
    Deleted { after: Option<String> },
}

/// Whatever ends a query before its last row, it is no end.
fn refuse_short(seen: u64, total: u64) -> Result<(), Setback> {
    if seen >= total {
        return Ok(());
    }
    Err(page_error("list-cut-short", &format!("the query ended after {seen} rows of {total}")))
}

/// Salesforce's clock is ahead of ours by less.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A run's way to Salesforce.
pub(crate) struct SalesforceSource {
    http: VendorHttp,
    version: String,
    holder: Holder,
}

/// One step of a run.
struct Step<'a> {
    source: &'a SalesforceSource,
    shared: &'a Shared,
    run: &'a ClaimedRun,
    object: Object,
    deadline: Instant,
}

impl SalesforceSource {
    pub(super) fn new(shared: &Shared, holder: Holder) -> Self {
        let version = shared.deps.config.api_versions.salesforce.clone();
        Self { http: shared.http.clone(), version, holder }
    }

    fn access(&self, held: Held) -> (Salesforce, Bearer) {
        let token = Bearer(held.token());
        (Salesforce::new(self.http.clone(), held.base_url, &self.version), token)
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Asks whose the token is.
    pub(super) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        let (client, token) = self.access(self.holder.held());
        is_answered(shared, probe, client.organization(&token)).await
    }

    /// Lists the run's page and publishes what is new or changed of it.
    pub(crate) async fn gather(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<Gathered, Setback> {
        let object = match run.stream {
            Stream::Accounts => Object::Account,
            Stream::Contacts => Object::Contact,
            Stream::Deals => Object::Opportunity,
            Stream::Leads => Object::Lead,
            Stream::Users | Stream::Conversations => {
                return Err(page_error("vendor-stream", "Salesforce has no such records"));
            }
        };
        let step = Step { source: self, shared, run, object, deadline };
        if run.kind == RunKind::FollowUp {
            return step.look_again().await;
        }
        match cursor_of(run)? {
            Some(Cursor::Deleted { after }) => step.deleted(after).await,
            Some(Cursor::Rows { next, seen, part }) => step.go_on(&next, seen, part).await,
            Some(Cursor::Part(part)) => step.begin(Some(part)).await,
            None => step.begin(None).await,
        }
    }

    /// Lists a page of everybody who works there.
    pub(super) async fn users(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<UsersPage, Setback> {
        let (at, seen) = match cursor_of(run)? {
            Some(Cursor::Rows { next, seen, .. }) => (Some(next), seen),
            _ => (None, 0),
        };
        let at = at.as_deref();
        let ask = |held| {
            let (client, token) = self.access(held);
            async move { client.users(&token, at).await }
        };
        let (page, asked_at) =
            match self.holder.ask(shared, run, &[&run.vendor_account], deadline, ask).await? {
                Ok(answer) => answer,
                Err((error, asked_at)) if error.failure == Failure::CursorExpired => {
                    return Ok(UsersPage::expired(asked_at));
                }
                Err((error, _)) => return Err(page_failed(&error)),
            };
        let seen = seen + page.rows.len() as u64;
        let next = page.next.map(|next| Cursor::Rows { next, seen, part: None });
        if next.is_none() {
            refuse_short(seen, page.total)?;
        }
        let ending = Ending::Cursor(next.as_ref().map(cursor_text));
        Ok(UsersPage { rows: page.rows, asked_at, ending })
    }
}

impl Step<'_> {
    async fn try_ask<T, F>(&self, request: impl Fn(Salesforce, Bearer) -> F) -> Result<Answer<T>, Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let budgets = [&self.run.vendor_account];
        let request = |held| {
            let (client, token) = self.source.access(held);
            request(client, token)
        };
        self.source.holder.ask(self.shared, self.run, &budgets, self.deadline, request).await
    }

    async fn ask<T, F>(&self, request: impl Fn(Salesforce, Bearer) -> F) -> Result<(T, Version), Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        self.try_ask(request).await?.map_err(|(error, _)| page_failed(&error))
    }

    /// What may be read is asked for before every query: a permission may have come or gone.
    async fn readable(&self) -> Result<Readable, Setback> {
        let (object, domain_fields) = (self.object, &self.run.domain_fields);
        Ok(self
            .ask(|client, token| async move { client.describe(&token, object, domain_fields).await })
            .await?
            .0)
    }

    async fn query(&self, readable: &Readable, rows: Rows<'_>) -> Result<Answer<RecordPage>, Setback> {
        let rows = &rows;
        self.try_ask(|client, token| async move { client.query(&token, readable, rows).await }).await
    }

    /// The query's first page.
    async fn begin(&self, part: Option<Part>) -> Result<Gathered, Setback> {
        let readable = self.readable().await?;
        let rows = match part {
            Some(part) => Rows::Touched(part.window()),
            None if self.is_of_all() => Rows::All,
            None => Rows::Touched(self.run.window),
        };
        match self.query(&readable, rows).await? {
            Ok((page, asked_at)) => self.take(page, asked_at, 0, part).await,
            Err((error, _)) => self.shorter(&error, part),
        }
    }

    /// Another page of it. A query that is too old to go on is begun again.
    async fn go_on(&self, next: &str, seen: u64, part: Option<Part>) -> Result<Gathered, Setback> {
        let object = self.object;
        match self.try_ask(|client, token| async move { client.next(&token, object, next).await }).await? {
            Ok((page, asked_at)) => self.take(page, asked_at, seen, part).await,
            Err((error, _)) if error.failure == Failure::CursorExpired => {
                tracing::info!(job.id = %self.run.id, page = self.run.page, "the query is too old, it is begun again");
                let next = Ending::Expired.next(self.shared, self.run, 0)?;
                Ok(nothing(next))
            }
            Err((error, _)) => self.shorter(&error, part),
        }
    }

    /// Whether the run asks for everything, whenever it was touched.
    fn is_of_all(&self) -> bool {
        matches!(self.run.kind, RunKind::Bootstrap | RunKind::Walk)
    }

    /// All the time in which the run asks for what was touched.
    fn time(&self) -> Part {
        if self.is_of_all() {
            // nothing was touched later than now, by whatever clock
            let now = self.shared.deps.clock.now();
            return Part {
                from: Timestamp::UNIX_EPOCH,
                to: now.saturating_add(CLOCKS_APART_MAX).unwrap_or(now),
            };
        }
        Part { from: self.run.window.from, to: self.run.window.to }
    }

    /// After a query that took too long its first half is asked for. One that Salesforce itself gave up would take as long again; one that
    /// nobody waited for is tried once more before.
    fn shorter(&self, error: &VendorError, part: Option<Part>) -> Result<Gathered, Setback> {
        let too_long = error.failure == Failure::TooLong && (error.status.is_some() || self.run.attempt > 0);
        match part.unwrap_or(self.time()).half().filter(|_| too_long) {
            Some(half) => {
                tracing::info!(job.id = %self.run.id, page = self.run.page, "the query takes too long, a part of it is asked for");
                Ok(nothing(cursor(&Cursor::Part(half))))
            }
            None => Err(page_failed(error)),
        }
    }

    /// The part of the time that comes after another; none after the last.
    fn after(&self, part: Part) -> Option<Part> {
        let end = if self.is_of_all() { self.shared.deps.clock.now() } else { self.run.window.to };
        (part.to < end).then(|| part.next(self.time()))
    }

    async fn take(
        &self,
        page: RecordPage,
        asked_at: Version,
        seen: u64,
        part: Option<Part>,
    ) -> Result<Gathered, Setback> {
        runtime::failpoint!("fetch.listed");
        let next = self.next(&page, seen, part)?;
        let records = page.rows.into_iter().map(|row| self.record(row)).collect();
        records::take(self.shared, self.run, records, asked_at, next).await
    }

    /// Where the list goes on after a page of the query.
    fn next(&self, page: &RecordPage, seen: u64, part: Option<Part>) -> Result<Next, Setback> {
        let seen = seen + page.rows.len() as u64;
        let Some(next) = &page.next else {
            refuse_short(seen, page.total)?;
            if let Some(next) = part.and_then(|part| self.after(part)) {
                return Ok(cursor(&Cursor::Part(next)));
            }
            return Ok(match self.run.kind {
                // what is not there any more, a walk misses by itself, and a bootstrap never knew
                RunKind::Bootstrap | RunKind::Walk => Next::End { total: None },
                RunKind::Periodic | RunKind::Backfill | RunKind::FollowUp => {
                    cursor(&Cursor::Deleted { after: None })
                }
            });
        };
        if page.rows.is_empty() {
            return Err(page_error("endless-list", "the query goes on without rows"));
        }
        let next = cursor(&Cursor::Rows { next: next.clone(), seen, part });
        if matches!(&next, Next::Cursor(next) if Some(next) == self.run.cursor.as_ref()) {
            return Err(page_error("endless-list", "the query goes on where it was"));
        }
        Ok(next)
    }

    fn record(&self, row: Box<RawValue>) -> Record {
        Record { listed: listed(self.run.stream, &row, None), row, related: None }
    }

    /// Some of what was deleted in the window: a query shows it as it is, merged or in the recycle bin; what none shows any more is told
    /// as deleted by its id alone.
    async fn deleted(&self, after: Option<String>) -> Result<Gathered, Setback> {
        let end = || nothing(Next::End { total: None });
        let Some(window) = self.deletions() else { return Ok(end()) };
        let object = self.object;
        let (deleted, asked_at) =
            self.ask(|client, token| async move { client.deleted(&token, object, window).await }).await?;
        let Deleted::Ids(mut ids) = deleted else {
            tracing::warn!(job.id = %self.run.id, "more was deleted than Salesforce tells at once, the next walks find out");
            return Ok(end());
        };
        ids.retain(|id| after.as_ref().is_none_or(|after| id > after));
        let more = ids.len() > READ_MAX;
        ids.truncate(READ_MAX);
        let Some(last) = ids.last() else { return Ok(end()) };
        let next = if more { cursor(&Cursor::Deleted { after: Some(last.clone()) }) } else { end().next };
        let records = self.as_they_are(ids).await?;
        records::take(self.shared, self.run, records, asked_at, next).await
    }

    /// The window in which deletions are asked for: whole minutes, and no longer ago than Salesforce remembers.
    fn deletions(&self) -> Option<Window> {
        let Window { from, to } = self.run.window;
        let oldest = to.checked_sub(DELETIONS_TOLD).ok()?;
        let from = from.max(oldest).max(self.shared.deps.clock.now().checked_sub(DELETIONS_TOLD).ok()?);
        // seconds do not count, so the last minute is asked for by its end
        let to = to.checked_add(SignedDuration::from_mins(1)).ok()?;
        (from < to).then_some(Window { from, to })
    }

    /// Deleted records as a query shows them, or by their ids alone.
    async fn as_they_are(&self, ids: Vec<String>) -> Result<Vec<Record>, Setback> {
        let readable = self.readable().await?;
        let (page, _) = self.of_ids(&readable, &ids).await?;
        let mut records: Vec<Record> = page.rows.into_iter().map(|row| self.record(row)).collect();
        let shown: HashSet<String> = records.iter().filter_map(|record| record.listed.id.clone()).collect();
        for id in ids {
            let row = json!({ "Id": id, "IsDeleted": true });
            let record = self.record(serde_json::value::to_raw_value(&row).expect("JSON"));
            if !record.listed.id.as_ref().is_some_and(|id| shown.contains(id)) {
                records.push(record);
            }
        }
        Ok(records)
    }

    async fn of_ids(&self, readable: &Readable, ids: &[String]) -> Result<(RecordPage, Version), Setback> {
        self.query(readable, Rows::OfIds(ids)).await?.map_err(|(error, _)| page_failed(&error))
    }

    /// A follow-up's page: records whose document got lost, each by its id.
    async fn look_again(&self) -> Result<Gathered, Setback> {
        let looks = records::looks(self.shared, self.run, READ_MAX).await?;
        if looks.is_empty() {
            return Ok(nothing(Next::End { total: None }));
        }
        let ids = records::ids(&looks);
        let readable = self.readable().await?;
        let (page, asked_at) = self.of_ids(&readable, &ids).await?;
        let records = page.rows.into_iter().map(|row| self.record(row)).collect();
        let next = Next::Page(self.run.page + 1);
        let mut gathered = records::take(self.shared, self.run, records, asked_at, next).await?;
        records::settle_unanswered(&mut gathered, &looks, asked_at);
        Ok(gathered)
    }
}

fn nothing(next: Next) -> Gathered {
    Gathered { listed: Vec::new(), failed: Vec::new(), next }
}

fn cursor(cursor: &Cursor) -> Next {
    Next::Cursor(cursor_text(cursor))
}
