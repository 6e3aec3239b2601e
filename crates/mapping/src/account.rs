//! Which customer account a conversation belongs to. Pure: the caller asks the database for what [`lookup_keys`]
//! names, fills a [`Directory`] with the answers and calls [`resolve`].

mod candidate;
mod evidence;
mod keys;
mod record;
mod vote;

pub use candidate::{AccountCandidate, ContactCandidate, Directory};
pub use evidence::{Evidence, Record, Standing, Voter};
pub use keys::{Elector, LookupKeys, lookup_keys};
pub(crate) use record::salesforce_long_id;

use model::{AccountId, LinkedRecord};

use crate::attendee::OwnPeople;
use evidence::evidence;
use record::{decide_by_record, named_records};
use vote::{By, Tally, tally};

/// Counts up whenever the same input may give another link, or other keys by which the copies of a meeting are found: what older
/// rules wrote is then gone over once.
pub const RULE_VERSION: i32 = 5;

/// How the account of a conversation was found. The database also knows `person`, which no machine produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkRule {
    /// A CRM record that the vendor named.
    VendorRecord,
    /// Votes, at least one of them of a contact.
    Contact,
    /// Votes, all of them by the domain of the address.
    Domain,
    /// No account was found.
    None,
}

impl LinkRule {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VendorRecord => "vendor-record",
            Self::Contact => "contact",
            Self::Domain => "domain",
            Self::None => "none",
        }
    }
}

/// The account of a conversation and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The account, if one was found.
    pub account_id: Option<AccountId>,
    /// How it was found.
    pub rule: LinkRule,
    /// What spoke for it and for the others, for people to read.
    pub evidence: serde_json::Value,
}

/// Finds the account: a CRM account the vendor named decides, else the external voters do. `voters` are
/// all attendees that may vote, in any order; the tenant's own are left out here.
pub fn resolve(voters: &[Elector], linked: &[LinkedRecord], own: &OwnPeople, directory: &Directory) -> Link {
    let records = named_records(linked, directory);
    let tally = tally(voters, own, directory);
    let by_record = decide_by_record(&records, &tally);
    let winner = by_record.or_else(|| tally.winner());
    let rule = match winner {
        Some(_) if by_record.is_some() => LinkRule::VendorRecord,
        Some(account) => rule_of_votes(&tally, account),
        None => LinkRule::None,
    };
    Link {
        account_id: winner.map(|account| account.account_id),
        rule,
        evidence: evidence(winner, &tally, &records),
    }
}

fn rule_of_votes(tally: &Tally<'_>, winner: &AccountCandidate) -> LinkRule {
    let by_contact = tally.votes_for(winner.account_id).any(|vote| matches!(vote.by, By::Contact { .. }));
    if by_contact { LinkRule::Contact } else { LinkRule::Domain }
}

#[cfg(test)]
mod tests;
