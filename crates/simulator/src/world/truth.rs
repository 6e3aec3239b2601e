//! What a reader of the vendor's documents ought to find, known from how the world was made; nothing is parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use model::{Side, SkipReason, TranscriptStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::crm::{CrmKind, Votes};
use super::gong::Company;
use super::people::Person;
use super::plan::{Plan, Readiness};
use super::workspace::Workspace;
use crate::speech::spoken;
use crate::{attention, gong, hubspot, salesforce};

/// What is to be found about one listed conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The vendor's id.
    pub id: String,
    /// The title as the vendor spells it.
    pub title: Option<String>,
    /// When it began, as far as the document says.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Why it is not to be kept; the first that applies of private, archived, empty.
    pub skip: Option<SkipReason>,
    /// Everybody, in the order of `participants`, then who is in `attendees` only.
    pub attendees: Vec<ExpectedAttendee>,
    /// The external id of its account.
    pub account: Option<String>,
    /// Whether there is a transcript; of an empty conversation nothing is to be said.
    pub transcript: TranscriptStatus,
    /// How many segments it has.
    pub segments: usize,
    /// Every word of the transcript, in order.
    pub words: Vec<String>,
    /// Where to look at it at the vendor.
    pub url: String,
    /// Length in seconds.
    pub duration_s: f64,
    /// Only the workspace's own people took part.
    pub internal: bool,
    /// The vendor's summary.
    pub summary: Option<String>,
    /// The vendor's analysis by key; nothing where it is not for this truth to say.
    pub insights: Option<BTreeMap<String, Value>>,
}

/// What is to be found about somebody who took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedAttendee {
    /// Name as given.
    pub name: Option<String>,
    /// Address as given.
    pub email: Option<String>,
    /// Whose; nothing is expected of note takers and rooms, except that they do not vote.
    pub side: Option<Side>,
    /// The vendor's id, of a user.
    pub user: Option<String>,
}

/// The expected conversations of a workspace in the order of the list, as they were when asked.
pub struct Truth {
    workspace: Arc<Workspace>,
    votes: Votes,
    listing: Box<dyn Iterator<Item = u64> + Send>,
    is_of_gong: bool,
}

impl Truth {
    pub(crate) fn of(workspace: Arc<Workspace>) -> Self {
        let listing = Box::new(workspace.listing(i64::MIN, i64::MAX));
        Self::over(workspace, listing, false)
    }

    pub(crate) fn of_gong(workspace: Arc<Workspace>) -> Self {
        let listing = Box::new(workspace.gong_listing(Company::First, i64::MIN, i64::MAX));
        Self::over(workspace, listing, true)
    }

    fn over(
        workspace: Arc<Workspace>,
        listing: Box<dyn Iterator<Item = u64> + Send>,
        is_of_gong: bool,
    ) -> Self {
        let votes = Votes::of(&workspace.roster, &workspace.crm());
        Self { workspace, votes, listing, is_of_gong }
    }
}

impl Iterator for Truth {
    type Item = Expected;

    fn next(&mut self) -> Option<Expected> {
        let plan = self.workspace.plan(self.listing.next()?);
        let common = expected(&self.workspace, &self.votes, &plan);
        Some(if self.is_of_gong { gong::expected(&self.workspace, &plan, common) } else { common })
    }
}

/// The ids of the recordings of each meeting that are to be kept; Gong knows neither archives nor empty calls.
pub(super) fn meetings(workspace: &Workspace) -> Vec<BTreeSet<String>> {
    let attention = workspace.attention();
    let kept = |index: u64| {
        let plan = workspace.plan(index);
        let by_attention = attention.recorded(index) && plan.skip_reason().is_none();
        let by_gong = [Company::First, Company::Second]
            .into_iter()
            .filter(|company| workspace.gong(*company).recorded(index) && !plan.private)
            .map(|company| workspace.gong_id(company, index));
        by_attention.then(|| plan.id.clone()).into_iter().chain(by_gong).collect::<BTreeSet<String>>()
    };
    workspace.everything(i64::MIN, i64::MAX).map(kept).filter(|ids| !ids.is_empty()).collect()
}

/// The accounts each contact has to do with beside its own, by the contact's id in its CRM.
pub(super) fn other_accounts(workspace: &Workspace) -> BTreeMap<String, BTreeSet<String>> {
    let crm = workspace.crm();
    let there = crm.people.iter().filter(|person| person.deleted_ms.is_none());
    let others = there.filter_map(|person| {
        let id = match workspace.roster.crm {
            CrmKind::Files => return None,
            CrmKind::HubSpot => hubspot::contact_id(person.home).to_string(),
            CrmKind::Salesforce => salesforce::contact_id(person.home),
        };
        let accounts = person.others().into_iter();
        let accounts = accounts.map(|number| workspace.roster.accounts[number].external_id.clone()).collect();
        Some((id, accounts))
    });
    others.filter(|(_, accounts): &(_, BTreeSet<String>)| !accounts.is_empty()).collect()
}

fn expected(workspace: &Workspace, votes: &Votes, plan: &Plan) -> Expected {
    let account = plan.account(&workspace.roster, &workspace.crm(), votes);
    Expected {
        id: plan.id.clone(),
        title: plan.title.clone(),
        started_at: if plan.empty { plan.created_at } else { plan.started_at() },
        finished_at: plan.finished_at,
        skip: plan.skip_reason(),
        attendees: plan.people.iter().map(|person| attendee(workspace, person)).collect(),
        account: account.map(|number| workspace.roster.accounts[number].external_id.clone()),
        transcript: status(plan),
        segments: plan.segments_expected(),
        words: words(plan),
        url: format!("https://app.attention.tech/conversations/all-calls/{}", plan.id),
        duration_s: plan.duration_ms as f64 / 1000.0,
        internal: plan.people.iter().filter_map(|person| person.side).all(|side| side == Side::Internal),
        summary: plan.has_transcript().then(|| attention::summary(plan)),
        insights: Some(attention::found(plan)),
    }
}

fn words(plan: &Plan) -> Vec<String> {
    let spoken = if plan.has_transcript() { spoken(plan) } else { Vec::new() };
    spoken.iter().flat_map(|one| &one.words).map(|word| (*word).to_owned()).collect()
}

fn attendee(workspace: &Workspace, person: &Person) -> ExpectedAttendee {
    let user = workspace.roster.users.iter().find(|user| Some(&user.email) == person.address.as_ref());
    ExpectedAttendee {
        name: person.name.clone(),
        email: person.bare_email(),
        side: person.side,
        user: user.map(|user| user.uuid.clone()),
    }
}

fn status(plan: &Plan) -> TranscriptStatus {
    match plan.traits.readiness {
        _ if plan.empty => TranscriptStatus::Pending,
        Readiness::Ready => TranscriptStatus::Ready,
        Readiness::Late => TranscriptStatus::Pending,
        Readiness::Failed => TranscriptStatus::None,
    }
}
