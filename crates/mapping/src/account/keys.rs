//! What the database has to be asked for.

use std::collections::BTreeSet;

use model::{LinkedRecord, Side};

use super::record::{Entity, entity, external_id_forms};
use crate::attendee::{OwnPeople, side};
use crate::email::{EmailKey, candidate_domains, is_own_host};

/// What to look up for one conversation; of several conversations the sets are simply joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupKeys {
    /// Addresses of contacts, also without their plus tags.
    pub email_keys: BTreeSet<String>,
    /// Domains that may belong to an account.
    pub domains: BTreeSet<String>,
    /// Ids of accounts at their source, in every form they may be stored in.
    pub external_ids: BTreeSet<String>,
    /// Ids of deals at their source, likewise.
    pub deal_ids: BTreeSet<String>,
}

/// Names everything that [`resolve`](super::resolve) may ask its directory for.
pub fn lookup_keys(voters: &[EmailKey], linked: &[LinkedRecord], own: &OwnPeople) -> LookupKeys {
    let mut keys = LookupKeys::default();
    for voter in external_voters(voters, own) {
        keys.email_keys.insert(voter.as_str().to_owned());
        keys.email_keys.extend(voter.without_plus_tag().map(|untagged| untagged.as_str().to_owned()));
        keys.domains.extend(voting_domains(voter, own));
    }
    for record in linked {
        let ids = match entity(record) {
            Some(Entity::Account) => &mut keys.external_ids,
            Some(Entity::Deal) => &mut keys.deal_ids,
            None => continue,
        };
        ids.extend(external_id_forms(&record.external_id));
    }
    keys
}

/// Each external voter once, in an order of its own.
pub(super) fn external_voters<'a>(voters: &'a [EmailKey], own: &OwnPeople) -> BTreeSet<&'a EmailKey> {
    voters.iter().filter(|voter| side(Some(voter), own) == Side::External).collect()
}

/// The domains by which a voter finds an account, most specific first.
pub(super) fn voting_domains(voter: &EmailKey, own: &OwnPeople) -> Vec<String> {
    let mut domains = candidate_domains(voter);
    domains.retain(|domain| !is_own_host(domain, &own.domains));
    domains
}
