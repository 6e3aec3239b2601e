//! Who the people of conversations are, and which account that makes: the database's answers for a batch, handed to the pure rules.

use std::collections::{HashMap, HashSet};

use mapping::account::{AccountCandidate, ContactCandidate, Directory, Elector, RULE_VERSION, lookup_keys};
use mapping::attendee::{OwnPeople, is_bot_or_room, side};
use mapping::email::{EmailKey, candidate_domains};
use model::{Attendee, LinkedRecord, Side, TenantId, Vendor};
use store::conversation::Link;
use store::conversation_write::Participant;
use store::directory::{self, Found, FoundAccount, FoundContact, FoundUser, Wanted};
use store::{StoreError, Tx};

/// The answers for one tenant.
#[derive(Debug, Default)]
struct Tenant {
    own: OwnPeople,
    /// The tenant's users by their addresses, as every vendor knows them.
    users: HashMap<String, Vec<FoundUser>>,
    /// Users who were named by their ids.
    named: HashSet<(Vendor, String)>,
    directory: Directory,
}

impl Tenant {
    /// The id by which whoever recorded the conversation names a user, if that is one of the tenant's.
    fn named<'a>(&self, attendee: &'a Attendee, vendor: Vendor) -> Option<&'a String> {
        attendee.vendor_user_id.as_ref().filter(|id| self.named.contains(&(vendor, (*id).clone())))
    }

    /// The id of a user: whoever recorded the conversation knows best who its people are.
    fn user(&self, key: &str, vendor: Vendor) -> Option<String> {
        let users = self.users.get(key)?;
        let own = users.iter().find(|user| user.vendor == vendor);
        own.or(users.first()).map(|user| user.external_id.clone())
    }
}

/// The answers for every tenant of a batch.
#[derive(Debug, Default)]
pub(crate) struct People(HashMap<TenantId, Tenant>);

/// What is found out about one conversation.
pub(crate) struct Resolved<'a> {
    pub(crate) participants: Vec<Participant<'a>>,
    pub(crate) link: Link,
    pub(crate) internal: bool,
}

/// Adds what one conversation needs to know. Whose people are whose is not known yet, so everybody is asked for.
pub(crate) fn want(wanted: &mut Wanted, tenant: &TenantId, attendees: &[Attendee], linked: &[LinkedRecord]) {
    let voters: Vec<Elector> = attendees.iter().map(Person::of).filter_map(Person::voter).collect();
    let keys = lookup_keys(&voters, linked, &OwnPeople::default());
    let keyed =
        |texts: std::collections::BTreeSet<String>| texts.into_iter().map(|text| (tenant.clone(), text));
    wanted.tenants.insert(tenant.clone());
    wanted.user_ids.extend(keyed(attendees.iter().filter_map(|one| one.vendor_user_id.clone()).collect()));
    wanted.email_keys.extend(keyed(keys.email_keys));
    wanted.contact_ids.extend(keyed(keys.contact_ids));
    wanted.domains.extend(keyed(keys.domains));
    wanted.external_ids.extend(keyed(keys.external_ids));
    wanted.deal_ids.extend(keyed(keys.deal_ids));
}

impl People {
    /// Looks everything up. The transaction must have its id by now.
    pub(crate) async fn look_up(tx: &Tx, wanted: &Wanted) -> Result<Self, StoreError> {
        if wanted.tenants.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self::of(directory::look_up(tx, wanted).await?))
    }

    fn of(found: Found) -> Self {
        let mut tenants: HashMap<TenantId, Tenant> = HashMap::new();
        for (tenant, domains) in found.own_domains {
            tenants.entry(tenant).or_default().own.domains.extend(domains);
        }
        for ((tenant, key), users) in found.users {
            let tenant = tenants.entry(tenant).or_default();
            tenant.own.user_emails.insert(key.clone());
            tenant.users.insert(key, users);
        }
        for (tenant, users) in found.users_by_id {
            let named = users.into_iter().map(|user| (user.vendor, user.external_id));
            tenants.entry(tenant).or_default().named.extend(named);
        }
        for ((tenant, key), contacts) in found.contacts {
            let known = &mut tenants.entry(tenant).or_default().directory.contacts;
            known.extend(first(contacts).map(|contact| (key, contact)));
        }
        for ((tenant, id), contacts) in found.contacts_by_id {
            let known = &mut tenants.entry(tenant).or_default().directory.contacts_by_id;
            known.extend(first(contacts).map(|contact| (id, contact)));
        }
        for ((tenant, domain), accounts) in found.by_domain {
            let accounts = accounts.into_iter().map(candidate).collect();
            tenants.entry(tenant).or_default().directory.accounts_by_domain.insert(domain, accounts);
        }
        for ((tenant, deal_id), accounts) in found.by_deal {
            let Some(account) = accounts.into_iter().next() else { continue };
            let directory = &mut tenants.entry(tenant).or_default().directory;
            directory.accounts_by_deal.insert(deal_id, candidate(account));
        }
        for ((tenant, external_id), accounts) in found.by_external_id {
            let Some(account) = accounts.into_iter().next() else { continue };
            let directory = &mut tenants.entry(tenant).or_default().directory;
            directory.accounts_by_external_id.insert(external_id, candidate(account));
        }
        Self(tenants)
    }

    /// Finds out about one conversation of a vendor.
    pub(crate) fn resolve<'a>(
        &self,
        tenant: &TenantId,
        vendor: Vendor,
        attendees: &'a [Attendee],
        linked: &[LinkedRecord],
    ) -> Resolved<'a> {
        let nothing = Tenant::default();
        let tenant = self.0.get(tenant).unwrap_or(&nothing);
        let people: Vec<Person<'a>> = attendees.iter().map(Person::of).collect();
        let strangers = people.iter().filter(|person| tenant.named(person.attendee, vendor).is_none());
        let voters: Vec<Elector> = strangers.cloned().filter_map(Person::voter).collect();
        let found = mapping::account::resolve(&voters, linked, &tenant.own, &tenant.directory);
        let participants: Vec<Participant<'a>> =
            people.into_iter().map(|person| person.participant(tenant, vendor)).collect();
        Resolved {
            internal: is_internal(&participants),
            participants,
            link: Link {
                account: found.account_id,
                rule: found.rule.as_str().to_owned(),
                rule_version: RULE_VERSION,
                evidence: found.evidence,
            },
        }
    }
}

/// Of several contacts, the one whose account is the oldest.
fn first(contacts: Vec<FoundContact>) -> Option<ContactCandidate> {
    contacts.into_iter().next().map(|contact| ContactCandidate {
        account: contact.account.map(candidate),
        external_id: contact.external_id,
        name: contact.name,
    })
}

fn candidate(account: FoundAccount) -> AccountCandidate {
    AccountCandidate {
        account_id: account.id,
        external_id: account.external_id,
        created_at: account.created_at,
    }
}

/// Somebody of ours, nobody of theirs; notetakers and rooms are nobody.
fn is_internal(participants: &[Participant<'_>]) -> bool {
    let any = |side: Side| participants.iter().any(|person| person.votes && person.side == side);
    any(Side::Internal) && !any(Side::External)
}

/// An attendee, read.
#[derive(Clone)]
struct Person<'a> {
    attendee: &'a Attendee,
    key: Option<EmailKey>,
    votes: bool,
}

impl<'a> Person<'a> {
    fn of(attendee: &'a Attendee) -> Self {
        let key = attendee.email.as_deref().and_then(EmailKey::parse);
        let votes = !is_bot_or_room(attendee.name.as_deref(), key.as_ref());
        Self { attendee, key, votes }
    }

    fn voter(self) -> Option<Elector> {
        let elector = self.elector();
        (self.votes && (elector.email.is_some() || elector.contact_id.is_some())).then_some(elector)
    }

    fn elector(&self) -> Elector {
        Elector { email: self.key.clone(), contact_id: self.attendee.vendor_contact_id.clone() }
    }

    fn participant(self, tenant: &Tenant, vendor: Vendor) -> Participant<'a> {
        let named = tenant.named(self.attendee, vendor);
        let contact = tenant.directory.contact_of(&self.elector());
        let side = match &self.key {
            _ if named.is_some() => Side::Internal,
            None if contact.is_some() => Side::External,
            key => side(key.as_ref(), &tenant.own),
        };
        let untagged = self.key.as_ref().map(|key| key.without_plus_tag().unwrap_or_else(|| key.clone()));
        let keys = || [&self.key, &untagged].into_iter().flatten().map(EmailKey::as_str);
        let user = named.cloned().or_else(|| keys().find_map(|key| tenant.user(key, vendor)));
        let domain = self.key.as_ref().and_then(|key| candidate_domains(key).pop());
        Participant {
            attendee: self.attendee,
            user_external_id: user,
            domain,
            votes: self.votes,
            side,
            contact_external_id: contact
                .filter(|_| side == Side::External)
                .map(|contact| contact.external_id.clone()),
            email_key: untagged.map(|key| key.as_str().to_owned()),
        }
    }
}
