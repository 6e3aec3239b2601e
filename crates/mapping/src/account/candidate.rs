//! What the database knows about the people and domains of some conversations.

use std::collections::HashMap;

use jiff::Timestamp;
use model::AccountId;

use super::keys::Elector;
use super::record::external_id_forms;
use crate::email::EmailKey;

/// An account that a conversation may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCandidate {
    /// Our id.
    pub account_id: AccountId,
    /// Its id at its source.
    pub external_id: String,
    /// When it came to be at its source; unknown counts as youngest.
    pub created_at: Option<Timestamp>,
}

impl AccountCandidate {
    /// What ties are decided by: the smallest is the oldest. Our id stands last so that no order of rows can matter.
    pub(super) fn seniority(&self) -> impl Ord + '_ {
        (self.created_at.is_none(), self.created_at, self.external_id.as_str(), self.account_id)
    }
}

/// A contact and the account it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactCandidate {
    /// The account it belongs to; without one the contact is known, but its domain has to find the account.
    pub account: Option<AccountCandidate>,
    /// The contact's id at its source.
    pub external_id: String,
    /// The contact's name.
    pub name: Option<String>,
}

/// The answers to [`LookupKeys`](super::LookupKeys); may hold more than one conversation needs.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Contacts by their address in normal form.
    pub contacts: HashMap<String, ContactCandidate>,
    /// Contacts by their ids at the source.
    pub contacts_by_id: HashMap<String, ContactCandidate>,
    /// Accounts by the domains they own, in any order.
    pub accounts_by_domain: HashMap<String, Vec<AccountCandidate>>,
    /// Accounts by their id at the source.
    pub accounts_by_external_id: HashMap<String, AccountCandidate>,
    /// Accounts by the id of a deal of theirs at the source.
    pub accounts_by_deal: HashMap<String, AccountCandidate>,
}

impl Directory {
    /// The contact that somebody is: with this address, exactly or else without plus tag; else the one the vendor takes them for. One that
    /// leads to an account is preferred.
    pub fn contact_of(&self, voter: &Elector) -> Option<&ContactCandidate> {
        let by_email = voter.email.as_ref().and_then(|email| self.contact(email));
        let by_id = || {
            let forms = external_id_forms(voter.contact_id.as_ref()?);
            forms.iter().find_map(|form| self.contacts_by_id.get(form))
        };
        match by_email {
            Some(contact) if contact.account.is_some() => Some(contact),
            _ => by_id().or(by_email),
        }
    }

    fn contact(&self, email: &EmailKey) -> Option<&ContactCandidate> {
        let exact = self.contacts.get(email.as_str());
        exact.or_else(|| self.contacts.get(email.without_plus_tag()?.as_str()))
    }

    /// The accounts that own a domain, oldest first, each once.
    pub(super) fn owners_of(&self, domain: &str) -> Vec<&AccountCandidate> {
        let mut owners: Vec<_> = self.accounts_by_domain.get(domain).into_iter().flatten().collect();
        owners.sort_by(|left, right| left.seniority().cmp(&right.seniority()));
        owners.dedup_by_key(|account| account.account_id);
        owners
    }
}
