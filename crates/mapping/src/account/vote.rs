//! Every external attendee has one vote.

use std::collections::{HashMap, HashSet};

use model::AccountId;

use super::candidate::{AccountCandidate, ContactCandidate, Directory};
use super::keys::{Elector, external_voters, voting_domains};
use crate::attendee::OwnPeople;

/// What a vote was found by.
pub(super) enum By<'a> {
    /// A contact with the voter's address, or whom the vendor takes the voter for.
    Contact {
        /// The contact's id at its source.
        contact: &'a str,
    },
    /// The most specific domain of the voter that some account owns.
    Domain(String),
}

/// One voter's vote.
pub(super) struct Vote<'a> {
    pub(super) voter: &'a Elector,
    pub(super) by: By<'a>,
    /// Whom the voter points to, oldest first; the first takes the vote.
    pub(super) accounts: Vec<&'a AccountCandidate>,
}

/// All votes, in the order of the voters' addresses.
pub(super) struct Tally<'a> {
    pub(super) votes: Vec<Vote<'a>>,
    pub(super) without_account: Vec<&'a Elector>,
}

/// Lets every external voter vote once, however often it is listed, also where it is there by its address and dialled in as well.
pub(super) fn tally<'a>(voters: &'a [Elector], own: &OwnPeople, directory: &'a Directory) -> Tally<'a> {
    let mut tally = Tally { votes: Vec::new(), without_account: Vec::new() };
    let external = external_voters(voters, own).into_values();
    let (addressed, nameless): (Vec<&Elector>, Vec<&Elector>) =
        external.partition(|voter| voter.email.is_some());
    let mut known = HashSet::new();
    for voter in addressed.into_iter().chain(nameless) {
        let contact = directory.contact_of(voter);
        if contact.is_some_and(|contact| !known.insert(&contact.external_id)) && voter.email.is_none() {
            continue;
        }
        match vote(voter, contact, own, directory) {
            Some(vote) => tally.votes.push(vote),
            None => tally.without_account.push(voter),
        }
    }
    tally
}

fn vote<'a>(
    voter: &'a Elector,
    contact: Option<&'a ContactCandidate>,
    own: &OwnPeople,
    directory: &'a Directory,
) -> Option<Vote<'a>> {
    if let Some(contact) = contact
        && let Some(account) = &contact.account
    {
        let by = By::Contact { contact: &contact.external_id };
        return Some(Vote { voter, by, accounts: vec![account] });
    }
    voting_domains(voter.email.as_ref()?, own).into_iter().find_map(|domain| {
        let accounts = directory.owners_of(&domain);
        (!accounts.is_empty()).then_some(Vote { voter, by: By::Domain(domain), accounts })
    })
}

impl<'a> Tally<'a> {
    /// The votes an account took.
    pub(super) fn votes_for(&self, account: AccountId) -> impl Iterator<Item = &Vote<'a>> {
        self.votes.iter().filter(move |vote| vote.taken_by().account_id == account)
    }

    /// How many voters could mean an account, whether or not it took their vote.
    pub(super) fn pointing_to(&self, account: AccountId) -> usize {
        self.votes.iter().filter(|vote| vote.accounts.iter().any(|known| known.account_id == account)).count()
    }

    /// Accounts with votes: most votes first, then the oldest, then the smallest external id.
    pub(super) fn ranking(&self) -> Vec<&'a AccountCandidate> {
        let mut counts: HashMap<AccountId, (usize, &'a AccountCandidate)> = HashMap::new();
        for account in self.votes.iter().map(Vote::taken_by) {
            counts.entry(account.account_id).or_insert((0, account)).0 += 1;
        }
        let mut ranked: Vec<_> = counts.into_values().collect();
        ranked.sort_by(|(left_votes, left), (right_votes, right)| {
            right_votes.cmp(left_votes).then_with(|| left.seniority().cmp(&right.seniority()))
        });
        ranked.into_iter().map(|(_, account)| account).collect()
    }

    /// The account that the votes choose.
    pub(super) fn winner(&self) -> Option<&'a AccountCandidate> {
        self.ranking().first().copied()
    }
}

impl<'a> Vote<'a> {
    /// The account that takes the vote.
    pub(super) fn taken_by(&self) -> &'a AccountCandidate {
        self.accounts.first().expect("a vote is only made with at least one account")
    }
}
