//! A page of HubSpot: everything by id, what changed by keyset, what is archived; each with the companies it is associated with.

use std::collections::HashMap;

use mapping::hubspot::{id, listed, modified_at};
use model::{RunKind, Stream, VendorAccount, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::credential::Probe;
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use tokio::time::Instant;
use vendors::hubspot::{HubSpot, Object, READ_MAX, RecordPage, SEARCH_MAX, Search, search_budget};
use vendors::{Bearer, VendorError, VendorHttp};

use super::holder::{Held, Holder};
use super::{Ending, cursor_of, cursor_text, page_error, page_failed};
use crate::Shared;
use crate::ask::Setback;
use crate::page::Gathered;
use crate::probe::{is_answered, is_answered_under};
use crate::records::{self, Record};
use crate::users::UsersPage;

/// Where a run's list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cursor {
    /// Everything that is there, by id.
    All { after: Option<String> },
    /// What changed from this moment on.
    Changed { from_ms: i64 },
    /// What else changed in this very moment, by id.
    ChangedAt { at_ms: i64, after_id: String },
    /// What is archived: it shows in no search, and archiving moves no date, so it is listed whole.
    Archived { after: Option<String> },
}

/// A run's way to HubSpot.
pub(crate) struct HubSpotSource {
    http: VendorHttp,
    version: String,
    holder: Holder,
}

/// One step of a run.
struct Step<'a> {
    source: &'a HubSpotSource,
    shared: &'a Shared,
    run: &'a ClaimedRun,
    object: Object,
    deadline: Instant,
}

impl HubSpotSource {
    pub(super) fn new(shared: &Shared, holder: Holder) -> Self {
        let version = shared.deps.config.api_versions.hubspot.clone();
        Self { http: shared.http.clone(), version, holder }
    }

    fn access(&self, held: Held) -> (HubSpot, Bearer) {
        let token = Bearer(held.token());
        (HubSpot::new(self.http.clone(), held.base_url, self.version.clone()), token)
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Asks whose the token is.
    pub(super) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        let (client, token) = self.access(self.holder.held());
        is_answered(shared, probe, client.account(&token)).await
    }

    /// Asks each door of the lists: the first page, a search that finds nothing, and the companies of a record that there need not be.
    pub(super) async fn answers_lists(&self, shared: &Shared, probe: &Probe) -> Result<(), Setback> {
        let (client, token) = self.access(self.holder.held());
        let searches = [&search_budget(&probe.vendor_account), &probe.vendor_account];
        let nothing = Search::Changed { from_ms: 0, to_ms: 1 };
        let nobody = [("1".to_owned(), None)];
        for object in [Object::Companies, Object::Contacts, Object::Deals] {
            is_answered(shared, probe, client.list(&token, object, false, None)).await?;
            is_answered_under(shared, probe, &searches, client.search(&token, object, &nothing)).await?;
            if object != Object::Companies {
                is_answered(shared, probe, client.companies_of(&token, object, &nobody)).await?;
            }
        }
        is_answered(shared, probe, client.owners(&token, false, None)).await?;
        Ok(())
    }

    /// Lists a page of the portal's own people: those that are there, then those that have left.
    pub(super) async fn users(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<UsersPage, Setback> {
        let (archived, after) = match cursor_of(run)? {
            Some(Cursor::Archived { after }) => (true, after),
            Some(Cursor::All { after }) => (false, after),
            _ => (false, None),
        };
        let after = after.as_deref();
        let ask = |held| {
            let (client, token) = self.access(held);
            async move { client.owners(&token, archived, after).await }
        };
        let answer = self.holder.ask(shared, run, &[&run.vendor_account], deadline, ask).await?;
        let (page, asked_at) = answer.map_err(|(error, _)| page_failed(&error))?;
        let next = match page.after {
            Some(after) if archived => Some(Cursor::Archived { after: Some(after) }),
            Some(after) => Some(Cursor::All { after: Some(after) }),
            None => (!archived).then_some(Cursor::Archived { after: None }),
        };
        let ending = Ending::Cursor(next.as_ref().map(cursor_text));
        Ok(UsersPage { rows: page.rows, asked_at, ending })
    }

    /// Lists the run's page and publishes what is new or changed of it.
    pub(crate) async fn gather(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<Gathered, Setback> {
        let object = match run.stream {
            Stream::Accounts => Object::Companies,
            Stream::Contacts => Object::Contacts,
            Stream::Deals => Object::Deals,
            Stream::Leads | Stream::Users | Stream::Conversations => {
                return Err(page_error("vendor-stream", "HubSpot has no such records"));
            }
        };
        let step = Step { source: self, shared, run, object, deadline };
        if run.kind == RunKind::FollowUp {
            return step.look_again().await;
        }
        let cursor = step.cursor()?;
        let (page, asked_at) = step.page(&cursor).await?;
        runtime::failpoint!("fetch.listed");
        let next = step.next(&cursor, &page)?;
        let archived = matches!(cursor, Cursor::Archived { .. });
        let records = step.records(page, archived).await?;
        records::take(shared, run, records, asked_at, next).await
    }
}

impl Step<'_> {
    fn cursor(&self) -> Result<Cursor, Setback> {
        Ok(cursor_of(self.run)?.unwrap_or_else(|| match self.run.kind {
            RunKind::Bootstrap | RunKind::Walk => Cursor::All { after: None },
            RunKind::Periodic | RunKind::Backfill | RunKind::FollowUp => {
                Cursor::Changed { from_ms: self.run.window.from.as_millisecond() }
            }
        }))
    }

    async fn page(&self, cursor: &Cursor) -> Result<(RecordPage, Version), Setback> {
        let to_ms = self.run.window.to.as_millisecond();
        let object = self.object;
        match cursor {
            Cursor::All { after } => {
                let after = after.as_deref();
                self.ask(|client, token| async move { client.list(&token, object, false, after).await }).await
            }
            Cursor::Archived { after } => {
                let after = after.as_deref();
                self.ask(|client, token| async move { client.list(&token, object, true, after).await }).await
            }
            Cursor::Changed { from_ms } => self.search(&Search::Changed { from_ms: *from_ms, to_ms }).await,
            Cursor::ChangedAt { at_ms, after_id } => {
                self.search(&Search::ChangedAt { at_ms: *at_ms, after_id: after_id.clone() }).await
            }
        }
    }

    async fn ask<T, F>(&self, request: impl Fn(HubSpot, Bearer) -> F) -> Result<(T, Version), Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        self.ask_under(&[&self.run.vendor_account], request).await
    }

    /// Sends a request under a permit of each of these budgets.
    async fn ask_under<T, F>(
        &self,
        budgets: &[&VendorAccount],
        request: impl Fn(HubSpot, Bearer) -> F,
    ) -> Result<(T, Version), Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let (shared, run, source) = (self.shared, self.run, self.source);
        let request = |held| {
            let (client, token) = source.access(held);
            request(client, token)
        };
        let answer = source.holder.ask(shared, run, budgets, self.deadline, request).await?;
        answer.map_err(|(error, _)| page_failed(&error))
    }

    /// Searches have a limit of their own beside the one for all requests.
    async fn search(&self, search: &Search) -> Result<(RecordPage, Version), Setback> {
        let searches = search_budget(&self.run.vendor_account);
        let budgets = [&searches, &self.run.vendor_account];
        let object = self.object;
        let ask = |client: HubSpot, token: Bearer| async move { client.search(&token, object, search).await };
        let (page, asked_at) = self.ask_under(&budgets, ask).await?;
        // fewer rows than asked for, and more that match: that is no end, whatever it is
        let short = page.rows.len() < SEARCH_MAX;
        if short && page.total.is_some_and(|total| total > page.rows.len() as u64) {
            return Err(page_error("search-cut-short", "the search shows fewer rows than it says there are"));
        }
        Ok((page, asked_at))
    }

    /// Where the list goes on after a page; a full page of a search is never its end.
    fn next(&self, cursor: &Cursor, page: &RecordPage) -> Result<Next, Setback> {
        let full = page.rows.len() >= SEARCH_MAX;
        let next = match cursor {
            Cursor::All { .. } => match &page.after {
                Some(after) => Cursor::All { after: Some(after.clone()) },
                None => Cursor::Archived { after: None },
            },
            Cursor::Archived { .. } => match &page.after {
                Some(after) => Cursor::Archived { after: Some(after.clone()) },
                None => return Ok(Next::End { total: None }),
            },
            Cursor::Changed { from_ms } if full => {
                let last_ms = self.last_modified_ms(page)?;
                if last_ms > *from_ms {
                    Cursor::Changed { from_ms: last_ms }
                } else {
                    // a whole page of one moment: an import, most likely
                    Cursor::ChangedAt { at_ms: *from_ms, after_id: "0".to_owned() }
                }
            }
            Cursor::ChangedAt { at_ms, .. } if full => {
                let last = page.rows.last().and_then(|row| id(row));
                let after_id =
                    last.ok_or_else(|| page_error("search-order", "a row of the search has no id"))?;
                Cursor::ChangedAt { at_ms: *at_ms, after_id }
            }
            Cursor::ChangedAt { at_ms, .. } => Cursor::Changed { from_ms: at_ms + 1 },
            Cursor::Changed { .. } => Cursor::Archived { after: None },
        };
        if self.run.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok()) == Some(next.clone()) {
            return Err(page_error("endless-list", "the list goes on where it was"));
        }
        Ok(Next::Cursor(cursor_text(&next)))
    }

    fn last_modified_ms(&self, page: &RecordPage) -> Result<i64, Setback> {
        let last = page.rows.last().and_then(|row| modified_at(row, self.object.modified()));
        let last =
            last.ok_or_else(|| page_error("search-order", "a row of the search says not when it changed"))?;
        Ok(last.as_millisecond())
    }

    /// Adds to each row the companies it is associated with. Archived records are associated with nothing any more.
    async fn records(&self, page: RecordPage, archived: bool) -> Result<Vec<Record>, Setback> {
        let stream = self.run.stream;
        if archived || self.object == Object::Companies {
            let plain =
                |row: Box<RawValue>| Record { listed: listed(stream, &row, None), row, related: None };
            return Ok(page.rows.into_iter().map(plain).collect());
        }
        let ids: Vec<Option<String>> = page.rows.iter().map(|row| id(row)).collect();
        let mut companies = self.companies_of(ids.iter().flatten().cloned().collect()).await?;
        let with_companies = |(row, id): (Box<RawValue>, Option<String>)| {
            let of = id.and_then(|id| companies.remove(&id)).unwrap_or_default();
            let related = serde_json::value::to_raw_value(&of).expect("an array of JSON");
            Record { listed: listed(stream, &row, Some(&related)), row, related: Some(related) }
        };
        Ok(page.rows.into_iter().zip(ids).map(with_companies).collect())
    }

    async fn companies_of(&self, ids: Vec<String>) -> Result<HashMap<String, Vec<Box<RawValue>>>, Setback> {
        let mut of: HashMap<String, Vec<Box<RawValue>>> = HashMap::new();
        let mut inputs: Vec<(String, Option<String>)> = ids.into_iter().map(|id| (id, None)).collect();
        while !inputs.is_empty() {
            let (object, asked) = (self.object, &inputs);
            let ask = |client: HubSpot, token: Bearer| async move {
                client.companies_of(&token, object, asked).await
            };
            let (answer, _) = self.ask(ask).await?;
            for (id, companies) in answer.of {
                of.entry(id).or_default().extend(companies);
            }
            inputs = answer.more.into_iter().map(|(id, after)| (id, Some(after))).collect();
        }
        for companies in of.values_mut() {
            // HubSpot promises no order, and a hash must not depend on one
            companies.sort_by(|left, right| left.get().cmp(right.get()));
        }
        Ok(of)
    }

    /// A follow-up's page: records whose document got lost, each by its id.
    async fn look_again(&self) -> Result<Gathered, Setback> {
        let looks = records::looks(self.shared, self.run, READ_MAX).await?;
        if looks.is_empty() {
            return Ok(Gathered { listed: Vec::new(), failed: Vec::new(), next: Next::End { total: None } });
        }
        let ids = records::ids(&looks);
        let (object, ids) = (self.object, &ids);
        let (live, asked_at) =
            self.ask(|client, token| async move { client.read(&token, object, ids, false).await }).await?;
        let (archived, _) =
            self.ask(|client, token| async move { client.read(&token, object, ids, true).await }).await?;
        let mut records = self.records(live, false).await?;
        records.extend(self.records(archived, true).await?);
        let mut gathered =
            records::take(self.shared, self.run, records, asked_at, Next::Page(self.run.page + 1)).await?;
        records::settle_unanswered(&mut gathered, &looks, asked_at);
        Ok(gathered)
    }
}
