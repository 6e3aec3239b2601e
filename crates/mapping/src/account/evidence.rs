//! Why a link is what it is, as small JSON for people to read.

use std::borrow::Cow;

use jiff::Timestamp;
use model::{AccountId, ConversationId};
use serde::{Deserialize, Serialize};

use super::candidate::AccountCandidate;
use super::record::NamedRecord;
use super::vote::{By, Tally, Vote};

/// A webinar has hundreds of attendees; nobody reads more names than these. Counts stay exact.
const LISTED_MAX: usize = 20;

/// What spoke for the account of a conversation, and for the others. Whoever reads it finds what older rules left out empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence<'a> {
    /// Who decided, if it was a person: then nothing else counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Cow<'a, str>>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The account that they named, in whose place another may be since; none where they said that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The copy of the meeting of which it was said, where that was withdrawn since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_on_by: Option<ConversationId>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<Standing<'a>>,
    /// The candidates that lost, the strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losers: Vec<Standing<'a>>,
    /// What the vendor had linked, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linked_records: Vec<Record<'a>>,
    /// External people who found no account: the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub voters_without_account: Vec<Cow<'a, str>>,
    /// How many of them there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub voters_without_account_count: usize,
}

/// How one account stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing<'a> {
    /// Which account.
    pub account_id: AccountId,
    /// Its id at its source.
    pub external_id: Cow<'a, str>,
    /// Votes for it.
    pub votes: usize,
    /// Whose: the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voters: Vec<Voter<'a>>,
}

/// Somebody who voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter<'a> {
    /// The address; none of somebody whom only the vendor takes for a contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Cow<'a, str>>,
    /// `contact` or `domain`.
    pub rule: Cow<'a, str>,
    /// The contact's id at its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Cow<'a, str>>,
    /// The domain that the account owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Cow<'a, str>>,
    /// External ids of younger accounts that own the same domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_owned_by: Vec<Cow<'a, str>>,
}

/// A record that the vendor linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// What it is, in the vendor's words.
    pub code: Cow<'a, str>,
    /// Its id at the CRM.
    pub external_id: Cow<'a, str>,
    /// The account it is, or leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Tells the whole story: who won with which votes, who lost, what the vendor had linked, who found nothing.
pub(super) fn evidence(
    winner: Option<&AccountCandidate>,
    tally: &Tally<'_>,
    records: &[NamedRecord<'_>],
) -> serde_json::Value {
    let evidence = Evidence {
        person: None,
        handed_on_by: None,
        at: None,
        account_id: None,
        winner: winner.map(|account| standing(account, tally)),
        losers: losers(winner, tally, records).into_iter().map(|account| standing(account, tally)).collect(),
        linked_records: records.iter().take(LISTED_MAX).map(record).collect(),
        voters_without_account: tally
            .without_account
            .iter()
            .take(LISTED_MAX)
            .map(|voter| voter.name().into())
            .collect(),
        voters_without_account_count: tally.without_account.len(),
    };
    serde_json::to_value(evidence).expect("plain structs with text keys are always JSON")
}

/// Everybody else with votes or a record of their own, or who owns a voter's domain together with an older account.
fn losers<'a>(
    winner: Option<&AccountCandidate>,
    tally: &Tally<'a>,
    records: &[NamedRecord<'a>],
) -> Vec<&'a AccountCandidate> {
    let by_record = records.iter().filter_map(|named| named.account);
    let by_domain = tally.votes.iter().flat_map(|vote| vote.accounts.iter().skip(1).copied());
    let mut losers: Vec<&AccountCandidate> = Vec::new();
    for account in tally.ranking().into_iter().chain(by_record).chain(by_domain) {
        let is_winner = winner.is_some_and(|winner| winner.account_id == account.account_id);
        if !is_winner && losers.iter().all(|known| known.account_id != account.account_id) {
            losers.push(account);
        }
    }
    losers.truncate(LISTED_MAX);
    losers
}

fn standing<'a>(account: &'a AccountCandidate, tally: &'a Tally<'_>) -> Standing<'a> {
    Standing {
        account_id: account.account_id,
        external_id: account.external_id.as_str().into(),
        votes: tally.votes_for(account.account_id).count(),
        voters: tally.votes_for(account.account_id).take(LISTED_MAX).map(voter).collect(),
    }
}

fn voter<'a>(vote: &'a Vote<'_>) -> Voter<'a> {
    let (rule, contact, domain) = match &vote.by {
        By::Contact { contact } => ("contact", Some(*contact), None),
        By::Domain(domain) => ("domain", None, Some(domain.as_str())),
    };
    let younger = vote.accounts.iter().skip(1).take(LISTED_MAX);
    Voter {
        email: vote.voter.email.as_ref().map(|email| email.as_str().into()),
        rule: rule.into(),
        contact: contact.map(Cow::from),
        domain: domain.map(Cow::from),
        also_owned_by: younger.map(|account| account.external_id.as_str().into()).collect(),
    }
}

fn record<'a>(named: &'a NamedRecord<'_>) -> Record<'a> {
    Record {
        code: named.record.code.as_str().into(),
        external_id: named.record.external_id.as_str().into(),
        account_id: named.account.map(|account| account.account_id),
    }
}
