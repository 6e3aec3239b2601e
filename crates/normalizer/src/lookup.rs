//! Two set queries for the people and accounts of a whole batch.

use std::collections::{BTreeMap, BTreeSet};

use mapping::account::{AccountCandidate, ContactCandidate, Directory, lookup_keys};
use mapping::attendee::OwnPeople;
use mapping::email::EmailKey;
use model::{LinkedRecord, TenantId};
use store::directory::{self, FoundAccount, FoundContact, Wanted};
use store::{StoreError, Tx};

/// What is known of one tenant's people and accounts, as far as a batch needs it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) own: OwnPeople,
    pub(crate) directory: Directory,
}

/// What a batch wants to know.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    wanted: Wanted,
}

impl Lookup {
    /// Adds what one conversation needs.
    pub(crate) fn add(&mut self, tenant: &TenantId, voters: &[EmailKey], linked: &[LinkedRecord]) {
        // whose people are its own is only known afterwards: a few keys too many cost nothing
        let keys = lookup_keys(voters, linked, &OwnPeople::default());
        let with_tenant = |keys: BTreeSet<String>| keys.into_iter().map(|key| (tenant.clone(), key));
        self.wanted.tenants.insert(tenant.clone());
        self.wanted.email_keys.extend(with_tenant(keys.email_keys));
        self.wanted.domains.extend(with_tenant(keys.domains));
        self.wanted.external_ids.extend(with_tenant(keys.external_ids));
    }

    /// Asks the database, and sorts the answers by tenant.
    pub(crate) async fn ask(self, tx: &Tx) -> Result<BTreeMap<TenantId, Known>, StoreError> {
        let found = directory::look_up(tx, &self.wanted).await?;
        let mut known: BTreeMap<TenantId, Known> = BTreeMap::new();
        for (tenant, domains) in found.own_domains {
            known.entry(tenant).or_default().own.domains = domains.into_iter().collect();
        }
        for ((tenant, key), contacts) in found.contacts {
            // of several contacts with one address, the oldest account's comes first
            let first = contacts.into_iter().next().map(contact);
            known.entry(tenant).or_default().directory.contacts.extend(first.map(|first| (key, first)));
        }
        for ((tenant, key), accounts) in found.by_domain {
            let accounts = accounts.into_iter().map(account).collect();
            known.entry(tenant).or_default().directory.accounts_by_domain.insert(key, accounts);
        }
        for ((tenant, key), accounts) in found.by_external_id {
            let first = accounts.into_iter().next().map(account);
            known
                .entry(tenant)
                .or_default()
                .directory
                .accounts_by_external_id
                .extend(first.map(|first| (key, first)));
        }
        Ok(known)
    }
}

fn account(found: FoundAccount) -> AccountCandidate {
    AccountCandidate { account_id: found.id, external_id: found.external_id, created_at: found.created_at }
}

fn contact(found: FoundContact) -> ContactCandidate {
    ContactCandidate { account: account(found.account), external_id: found.external_id, name: found.name }
}
