//! Attention: pages by number, details by id, and a key in one of two forms of header.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use mapping::attention::listed_row;
use model::VendorKey;
use serde_json::value::RawValue;
use store::credential::{self, Probe};
use store::run_checkpoint::Next;
use store::run_claim::ClaimedRun;
use store::{Speaker, StoreError};
use tokio::time::Instant;
use vendors::attention::{Attention, AttentionAuth, HeaderForm, ListPage, ListRequest, end_of_list};
use vendors::{Failure, VendorError};

use super::holder::Holder;
use super::{Ending, Page, page_failed};
use crate::Shared;
use crate::ask::{Answer, Setback, ask_once, sort};
use crate::details::{Fetched, Gathering, Got, Wanted};
use crate::probe::{is_answered, is_refusal, last_hour};
use crate::publish::Documents;
use crate::users::UsersPage;

/// Rows of a page: the vendor's own maximum.
const PAGE_SIZE: u32 = 50;

/// Details asked for at a time in one step: while one of a connection's two steps turns its page, the other must use every slot of
/// a vendor that answers slowly. The limit on requests in flight holds across all steps.
const AT_ONCE: usize = 4;

/// Records of one step of a follow-up: a request each.
pub(super) const LOOKS_MAX: i64 = 25;

/// An endpoint, as far as header forms may differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    /// The list.
    List,
    /// One record's details.
    Detail,
    /// The users.
    Users,
}

impl Endpoint {
    /// Its name in the database.
    const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Detail => "detail",
            Self::Users => "users",
        }
    }
}

/// A run's way to Attention.
pub(crate) struct AttentionSource {
    client: Attention,
    holder: Holder,
    form: HeaderForm,
    /// Forms that worked last, by endpoint, where they differ from that of connecting.
    forms: Mutex<BTreeMap<String, String>>,
}

/// A page without its rows, and what was asked for.
pub(crate) struct NumberedPage {
    page: ListPage,
    rows: usize,
    request: ListRequest,
}

impl AttentionSource {
    pub(super) fn new(
        shared: &Shared,
        holder: Holder,
        header_form: &str,
        endpoint_forms: BTreeMap<String, String>,
    ) -> Self {
        let (form, forms) = (form_of(header_form), Mutex::new(endpoint_forms));
        Self { client: Attention::new(shared.http.clone(), holder.held().base_url), holder, form, forms }
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Asks for one row of the list, in either form of the header.
    pub(super) async fn answers(&self, shared: &Shared, probe: &Probe) -> Result<bool, Setback> {
        let request = ListRequest { window: last_hour(shared), page: 1, size: 1 };
        for form in [self.form, self.form.other()] {
            let auth = self.auth(form);
            if is_answered(shared, probe, self.client.list(&auth, &request)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks for one record's details, in the form of the header that worked last.
    pub(super) async fn answers_of(
        &self,
        shared: &Shared,
        probe: &Probe,
        record: &VendorKey,
    ) -> Result<bool, Setback> {
        let auth = self.auth(self.form_at(Endpoint::Detail));
        is_answered(shared, probe, self.client.detail(&auth, record.as_str())).await
    }

    pub(super) async fn list(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<Page, Setback> {
        let request = ListRequest { window: run.window, page: run.page, size: PAGE_SIZE };
        let answer = self
            .ask(shared, run, Endpoint::List, deadline, |auth| async move {
                self.client.list(&auth, &request).await
            })
            .await?;
        let (mut page, asked_at) = answer.map_err(|(error, _)| page_failed(&error))?;
        let rows: Vec<_> =
            std::mem::take(&mut page.rows).into_iter().map(|raw| (listed_row(&raw), raw)).collect();
        let ending = Ending::Numbers(NumberedPage { page, rows: rows.len(), request });
        Ok(Page { rows, asked_at, ending })
    }

    /// Fetches details, a few at a time, each failure its own record's.
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
        let pace = &pace;
        let mut answers = futures::stream::iter(wanted)
            .map(|record| async move {
                if pace.is_over() {
                    return (record, Err(Setback::NotBefore(std::time::Duration::ZERO)));
                }
                let answer = self.detail(shared, run, &record, deadline).await;
                (record, answer)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((record, answer)) = answers.next().await {
            match answer {
                Ok(answer) => {
                    let got =
                        answer.map(|(detail, version)| (Got { row: None, detail: Some(detail) }, version));
                    gathering.take(record, got).await?;
                }
                Err(setback) => {
                    pace.stop();
                    gathering.set_back(setback);
                }
            }
        }
        drop(answers);
        gathering.finish()
    }

    /// Lists the workspace's users, all in one page.
    pub(super) async fn users(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        deadline: Instant,
    ) -> Result<UsersPage, Setback> {
        let request = |auth| async move { self.client.users(&auth).await };
        let answer = self.ask(shared, run, Endpoint::Users, deadline, request).await?;
        let (workspace, asked_at) = answer.map_err(|(error, _)| page_failed(&error))?;
        Ok(UsersPage { rows: workspace.users, asked_at, ending: Ending::Cursor(None) })
    }

    async fn detail(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        record: &Wanted,
        deadline: Instant,
    ) -> Result<Answer<Box<RawValue>>, Setback> {
        self.ask(shared, run, Endpoint::Detail, deadline, |auth| async move {
            self.client.detail(&auth, record.key.as_str()).await
        })
        .await
    }

    /// Sends a request under a permit; on 401 and 403 once more with the other form of the header.
    async fn ask<T, F>(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        endpoint: Endpoint,
        deadline: Instant,
        request: impl Fn(AttentionAuth) -> F,
    ) -> Result<Answer<T>, Setback>
    where
        F: Future<Output = Result<T, VendorError>>,
    {
        let form = self.form_at(endpoint);
        let first = ask_once(shared, run, &[&run.vendor_account], deadline, request(self.auth(form))).await?;
        let refusal = match first {
            Err((error, version)) if is_refusal(&error) => (error, version),
            answer => {
                self.holder.note_answer(shared, answer.is_ok()).await?;
                return sort(shared, run, answer).await;
            }
        };
        let second =
            ask_once(shared, run, &[&run.vendor_account], deadline, request(self.auth(form.other()))).await?;
        match second {
            // a 403 in either form knows the key: it lacks a permission here, and that concerns this request alone
            Err(other) if is_refusal(&other.0) => {
                let forbidden =
                    [refusal, other].into_iter().min_by_key(|(error, _)| error.failure != Failure::Forbidden);
                match forbidden {
                    Some((error, version)) if error.failure == Failure::Forbidden => {
                        Ok(Err((error, version)))
                    }
                    Some((error, _)) => Err(Setback::Refused {
                        generation: self.holder.held().generation,
                        reason: error.message,
                    }),
                    None => Err(Setback::NoCredential),
                }
            }
            answer => {
                if answer.is_ok() {
                    self.keep_form(shared, run, endpoint, form.other()).await?;
                }
                self.holder.note_answer(shared, answer.is_ok()).await?;
                sort(shared, run, answer).await
            }
        }
    }

    /// The form to begin with at an endpoint.
    fn form_at(&self, endpoint: Endpoint) -> HeaderForm {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        forms.get(endpoint.as_str()).map_or(self.form, |name| form_of(name))
    }

    /// Keeps the form that worked at an endpoint, for the next requests and for every other process.
    async fn keep_form(
        &self,
        shared: &Shared,
        run: &ClaimedRun,
        endpoint: Endpoint,
        form: HeaderForm,
    ) -> Result<(), Setback> {
        let (place, name) = (endpoint.as_str(), form.as_str());
        let before = self
            .forms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place.to_owned(), name.to_owned());
        if before.as_deref() == Some(name) {
            return Ok(());
        }
        let kept = async {
            let tx = shared.deps.store.begin(Speaker::Tenant(&run.tenant)).await?;
            let (id, generation) = (self.holder.connection_id(), self.holder.held().generation);
            credential::keep_form(&tx, id, generation, place, name).await?;
            tx.commit().await
        };
        kept.await.map_err(|error: StoreError| Setback::Store(error))
    }

    fn auth(&self, form: HeaderForm) -> AttentionAuth {
        AttentionAuth { key: self.holder.held().token(), form }
    }
}

fn form_of(name: &str) -> HeaderForm {
    if name == "bare" { HeaderForm::Bare } else { HeaderForm::Bearer }
}

impl NumberedPage {
    /// Where the run goes from here.
    pub(super) fn next(&self, run: &ClaimedRun, fresh: usize) -> Next {
        let ended = end_of_list(&self.page, self.rows, &self.request, fresh)
            || (run.walks > 0 && self.is_beyond_reason());
        if ended {
            let total = self.page.total_records.and_then(|total| i64::try_from(total).ok());
            return Next::End { total };
        }
        Next::Page(run.page + 1)
    }

    /// A window walked again has no unseen rows to tell its end by: twice as many pages as the vendor's total needs are enough.
    fn is_beyond_reason(&self) -> bool {
        let (page, request) = (&self.page, &self.request);
        let size = page.page_size.filter(|size| *size > 0).unwrap_or(u64::from(request.size));
        let needed = page.total_records.map(|total| total.div_ceil(size)).max(page.page_count).unwrap_or(0);
        u64::from(request.page) > 2 * needed + 1
    }
}
