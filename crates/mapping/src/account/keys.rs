//! What the database has to be asked for.

use std::collections::{BTreeMap, BTreeSet};

use model::{LinkedRecord, Side};

use super::record::{Entity, entity, external_id_forms};
use crate::attendee::{OwnPeople, side};
use crate::email::{EmailKey, candidate_domains, is_own_host};

/// Somebody who may vote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elector {
    /// The address.
    pub email: Option<EmailKey>,
    /// The contact of the CRM that the vendor says it is.
    pub contact_id: Option<String>,
}

impl Elector {
    /// What tells one from another: nobody votes twice.
    pub(super) fn name(&self) -> &str {
        let id = || self.contact_id.as_deref().unwrap_or_default();
        self.email.as_ref().map_or_else(id, EmailKey::as_str)
    }
}

/// What to look up for one conversation; of several conversations the sets are simply joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupKeys {
    /// Addresses of contacts, also without their plus tags.
    pub email_keys: BTreeSet<String>,
    /// Ids of contacts at their source, in every form they may be stored in.
    pub contact_ids: BTreeSet<String>,
    /// Domains that may belong to an account.
    pub domains: BTreeSet<String>,
    /// Ids of accounts at their source, in every form they may be stored in.
    pub external_ids: BTreeSet<String>,
    /// Ids of deals at their source, likewise.
    pub deal_ids: BTreeSet<String>,
}

/// Names everything that [`resolve`](super::resolve) may ask its directory for.
pub fn lookup_keys(voters: &[Elector], linked: &[LinkedRecord], own: &OwnPeople) -> LookupKeys {
    let mut keys = LookupKeys::default();
    for voter in external_voters(voters, own).into_values() {
        keys.contact_ids.extend(voter.contact_id.iter().flat_map(|id| external_id_forms(id)));
        let Some(email) = &voter.email else { continue };
        keys.email_keys.insert(email.as_str().to_owned());
        keys.email_keys.extend(email.without_plus_tag().map(|untagged| untagged.as_str().to_owned()));
        keys.domains.extend(voting_domains(email, own));
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

/// Each external voter once, by what it is told apart by; of several mentions one that says which contact it is.
pub(super) fn external_voters<'a>(voters: &'a [Elector], own: &OwnPeople) -> BTreeMap<&'a str, &'a Elector> {
    let mut external: BTreeMap<&str, &Elector> = BTreeMap::new();
    for voter in voters {
        let is_external = match &voter.email {
            Some(email) => side(Some(email), own) == Side::External,
            None => voter.contact_id.is_some(),
        };
        if is_external {
            let known = external.entry(voter.name()).or_insert(voter);
            if known.contact_id.is_none() {
                *known = voter;
            }
        }
    }
    external
}

/// The domains by which a voter finds an account, most specific first.
pub(super) fn voting_domains(voter: &EmailKey, own: &OwnPeople) -> Vec<String> {
    let mut domains = candidate_domains(voter);
    domains.retain(|domain| !is_own_host(domain, &own.domains));
    domains
}
