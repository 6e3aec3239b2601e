//! Why a link is what it is, as small JSON for people to read.

use model::AccountId;
use serde::Serialize;

use super::candidate::AccountCandidate;
use super::record::NamedRecord;
use super::vote::{By, Tally, Vote};

/// A webinar has hundreds of attendees; nobody reads more names than these. Counts stay exact.
const LISTED_MAX: usize = 20;

#[derive(Serialize)]
struct Evidence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<Standing<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    losers: Vec<Standing<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    linked_records: Vec<Record<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    voters_without_account: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    voters_without_account_count: usize,
}

/// How one account stood.
#[derive(Serialize)]
struct Standing<'a> {
    account_id: AccountId,
    external_id: &'a str,
    votes: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    voters: Vec<Voter<'a>>,
}

#[derive(Serialize)]
struct Voter<'a> {
    email: &'a str,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    /// External ids of younger accounts that own the same domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_owned_by: Vec<&'a str>,
}

#[derive(Serialize)]
struct Record<'a> {
    code: &'a str,
    external_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
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
        winner: winner.map(|account| standing(account, tally)),
        losers: losers(winner, tally, records).into_iter().map(|account| standing(account, tally)).collect(),
        linked_records: records.iter().take(LISTED_MAX).map(record).collect(),
        voters_without_account: tally
            .without_account
            .iter()
            .take(LISTED_MAX)
            .map(|voter| voter.as_str())
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
        external_id: &account.external_id,
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
        email: vote.voter.as_str(),
        rule,
        contact,
        domain,
        also_owned_by: younger.map(|account| account.external_id.as_str()).collect(),
    }
}

fn record<'a>(named: &'a NamedRecord<'_>) -> Record<'a> {
    Record {
        code: &named.record.code,
        external_id: &named.record.external_id,
        account_id: named.account.map(|account| account.account_id),
    }
}
