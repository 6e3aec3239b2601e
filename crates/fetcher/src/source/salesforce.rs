//! A page of Salesforce: everything, or what was touched, deleted rows among them; then what was deleted for good. Contacts come with the
//! accounts they are related to; those of which only that changed come last.

mod cursor;
mod part;
mod relations;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use mapping::salesforce::listed;
use model::{RunKind, Stream, Version, Window};
use serde_json::json;
use serde_json::value::RawValue;
use store::credential::Probe;
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::salesforce::{Deleted, Object, READ_MAX, Readable, RecordPage, Rows, Salesforce};
use vendors::{Bearer, Failure, VendorError, VendorHttp};

use cursor::{Cursor, Place};
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
    /// Its records are contacts, and they may have several accounts.
    related: bool,
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
        let mut step = Step { source: self, shared, run, object, related: false, deadline };
        let place: Option<Place> = cursor_of(run)?;
        step.related = step.knows_relations(place.as_ref().and_then(|place| place.several_accounts)).await?;
        match place.map(|place| place.cursor) {
            _ if run.kind == RunKind::FollowUp => step.look_again().await,
            Some(Cursor::Deleted { after }) => step.deleted(after).await,
            Some(Cursor::Rows { next, seen, part }) => step.go_on(&next, seen, part).await,
            Some(Cursor::Part(part)) => step.begin(Some(part)).await,
            Some(Cursor::Related { next, seen, part }) => step.related(next.as_deref(), seen, part).await,
            Some(Cursor::Unrelated { after }) => step.unrelated(after).await,
            Some(Cursor::Looks {}) | None => step.begin(None).await,
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
            Some(Place { cursor: Cursor::Rows { next, seen, .. }, .. }) => (Some(next), seen),
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
        let place =
            |(next, seen)| Place { several_accounts: None, cursor: Cursor::Rows { next, seen, part: None } };
        let next = further(&page, seen)?.map(place);
        let ending = Ending::Cursor(next.as_ref().map(cursor_text));
        Ok(UsersPage { rows: page.rows, asked_at, ending })
    }
}

impl Step<'_> {
    fn place(&self, cursor: Cursor) -> Next {
        let several_accounts = (self.object == Object::Contact).then_some(self.related);
        Next::Cursor(cursor_text(&Place { several_accounts, cursor }))
    }

    /// The same, unless it is where the run is.
    fn moved(&self, cursor: Cursor) -> Result<Next, Setback> {
        let next = self.place(cursor);
        if matches!(&next, Next::Cursor(next) if Some(next) == self.run.cursor.as_ref()) {
            return Err(page_error("endless-list", "the query goes on where it was"));
        }
        Ok(next)
    }

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
            Err((error, _)) => Ok(nothing(self.place(Cursor::Part(self.shorter(&error, part)?)))),
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
            Err((error, _)) => Ok(nothing(self.place(Cursor::Part(self.shorter(&error, part)?)))),
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
    fn shorter(&self, error: &VendorError, part: Option<Part>) -> Result<Part, Setback> {
        let too_long = error.failure == Failure::TooLong && (error.status.is_some() || self.run.attempt > 0);
        let half = part.unwrap_or(self.time()).half().filter(|_| too_long);
        let half = half.ok_or_else(|| page_failed(error))?;
        tracing::info!(job.id = %self.run.id, page = self.run.page, "the query takes too long, a part of it is asked for");
        Ok(half)
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
        let records = self.records(page.rows).await?;
        records::take(self.shared, self.run, records, asked_at, next).await
    }

    /// Where the list goes on after a page of the query.
    fn next(&self, page: &RecordPage, seen: u64, part: Option<Part>) -> Result<Next, Setback> {
        match (further(page, seen)?, part.and_then(|part| self.after(part))) {
            (Some((next, seen)), _) => self.moved(Cursor::Rows { next, seen, part }),
            (None, Some(part)) => Ok(self.place(Cursor::Part(part))),
            // what is not there any more, a walk misses by itself, and a bootstrap never knew
            (None, None) if self.is_of_all() => Ok(Next::End { total: None }),
            (None, None) => Ok(self.place(Cursor::Deleted { after: None })),
        }
    }

    /// All rows of a query whose first page is there.
    async fn to_the_end(&self, object: Object, first: RecordPage) -> Result<Vec<Box<RawValue>>, Setback> {
        let mut further = further(&first, 0)?;
        let mut rows = first.rows;
        while let Some((next, seen)) = &further {
            let ask =
                |client: Salesforce, token: Bearer| async move { client.next(&token, object, next).await };
            let (page, _) = self.ask(ask).await?;
            further = self::further(&page, *seen)?;
            rows.extend(page.rows);
        }
        Ok(rows)
    }

    fn record(&self, row: Box<RawValue>, related: Option<Box<RawValue>>) -> Record {
        Record { listed: listed(self.run.stream, &row, related.as_deref()), row, related }
    }

    /// Some of what was deleted in the window: a query shows it as it is, merged or in the recycle bin; what none shows any more is told
    /// as deleted by its id alone.
    async fn deleted(&self, after: Option<String>) -> Result<Gathered, Setback> {
        let Some(window) = self.deletions() else { return Ok(nothing(self.after_deletions())) };
        let object = self.object;
        let (deleted, asked_at) =
            self.ask(|client, token| async move { client.deleted(&token, object, window).await }).await?;
        let (ids, more) = self.some_of(deleted, after.as_ref());
        let next = match more {
            Some(after) => self.place(Cursor::Deleted { after: Some(after) }),
            None => self.after_deletions(),
        };
        if ids.is_empty() {
            return Ok(nothing(next));
        }
        let records = self.as_they_are(ids).await?;
        records::take(self.shared, self.run, records, asked_at, next).await
    }

    fn after_deletions(&self) -> Next {
        if self.related {
            return self.place(Cursor::Related { next: None, seen: 0, part: None });
        }
        Next::End { total: None }
    }

    /// As many of the ids behind one as are read at once, and the last of them where there are more.
    fn some_of(&self, deleted: Deleted, after: Option<&String>) -> (Vec<String>, Option<String>) {
        let Deleted::Ids(mut ids) = deleted else {
            tracing::warn!(job.id = %self.run.id, "more was deleted than Salesforce tells at once, the next walks find out");
            return (Vec::new(), None);
        };
        ids.retain(|id| after.is_none_or(|after| id > after));
        let more = ids.len() > READ_MAX;
        ids.truncate(READ_MAX);
        let last = ids.last().cloned().filter(|_| more);
        (ids, last)
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
        let (rows, _) = self.of_ids(&readable, &ids).await?;
        let mut records = self.records(rows).await?;
        let shown: HashSet<String> = records.iter().filter_map(|record| record.listed.id.clone()).collect();
        for id in ids {
            let row = json!({ "Id": id, "IsDeleted": true });
            let record = self.record(serde_json::value::to_raw_value(&row).expect("JSON"), None);
            if !record.listed.id.as_ref().is_some_and(|id| shown.contains(id)) {
                records.push(record);
            }
        }
        Ok(records)
    }

    async fn of_ids(
        &self,
        readable: &Readable,
        ids: &[String],
    ) -> Result<(Vec<Box<RawValue>>, Version), Setback> {
        let page = self.query(readable, Rows::OfIds(ids)).await?;
        let (page, asked_at) = page.map_err(|(error, _)| page_failed(&error))?;
        Ok((self.to_the_end(self.object, page).await?, asked_at))
    }

    /// A follow-up's page: records whose document got lost, each by its id.
    async fn look_again(&self) -> Result<Gathered, Setback> {
        let looks = records::looks(self.shared, self.run, READ_MAX).await?;
        if looks.is_empty() {
            return Ok(nothing(Next::End { total: None }));
        }
        let ids = records::ids(&looks);
        let readable = self.readable().await?;
        let (rows, asked_at) = self.of_ids(&readable, &ids).await?;
        let records = self.records(rows).await?;
        let next = self.place(Cursor::Looks {});
        let mut gathered = records::take(self.shared, self.run, records, asked_at, next).await?;
        records::settle_unanswered(&mut gathered, &looks, asked_at);
        Ok(gathered)
    }
}

fn nothing(next: Next) -> Gathered {
    Gathered { listed: Vec::new(), failed: Vec::new(), next }
}

/// Where a query goes on after a page of it, and how many rows it has shown by then; none at its end.
fn further(page: &RecordPage, seen: u64) -> Result<Option<(String, u64)>, Setback> {
    let seen = seen + page.rows.len() as u64;
    match &page.next {
        Some(_) if page.rows.is_empty() => Err(page_error("endless-list", "the query goes on without rows")),
        Some(next) => Ok(Some((next.clone(), seen))),
        // whatever ends a list before its end, it is no end
        None if seen < page.total => {
            let reason = format!("the query ended after {seen} rows of {}", page.total);
            Err(page_error("list-cut-short", &reason))
        }
        None => Ok(None),
    }
}
