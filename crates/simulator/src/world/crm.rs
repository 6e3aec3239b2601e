//! The CRM of a workspace: its companies, contacts and deals, and what has happened to them since they were made.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names::FREE_MAIL;
use super::roster::Roster;

/// Which CRM a workspace has; it decides what ids look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrmKind {
    /// Only the import files.
    #[default]
    Files,
    /// HubSpot.
    #[serde(rename = "hubspot")]
    HubSpot,
    /// Salesforce.
    Salesforce,
}

/// Something that happens in a CRM. Accounts are named by their number in the import file, from 0; contacts by that of their first
/// account and their own there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum CrmChange {
    /// An account is deleted (HubSpot: archived).
    DeleteAccount {
        /// Which.
        account: usize,
    },
    /// A deleted account is restored.
    RestoreAccount {
        /// Which.
        account: usize,
    },
    /// An account is merged into another; its people go along.
    MergeAccounts {
        /// Which disappears.
        loser: usize,
        /// Which stays.
        winner: usize,
    },
    /// The domains of an account are given to another.
    MoveDomains {
        /// Who loses them.
        from: usize,
        /// Who gets them.
        to: usize,
    },
    /// A contact is deleted.
    DeleteContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
    },
    /// A deleted contact is restored.
    RestoreContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
    },
    /// A contact changes companies; the addresses stay.
    MoveContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
        /// Its next account.
        to: usize,
    },
    /// A contact is connected with one more company; no date of the contact moves.
    RelateContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
        /// The other account.
        to: usize,
    },
    /// A contact has to do with another company no more; no date of the contact moves.
    UnrelateContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
        /// The other account.
        from: usize,
    },
    /// What a contact had to do with another company is history (Salesforce: the relation is not active); no date of the contact moves.
    RetireRelation {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
        /// The other account.
        at: usize,
    },
    /// A record is written without anything changing that anybody sees.
    TouchContact {
        /// Its first account.
        account: usize,
        /// Which there.
        contact: usize,
    },
    /// Every contact is written in one and the same moment, as imports do.
    ImportContacts,
    /// What is deleted or merged away leaves the recycle bin (Salesforce).
    EmptyBin,
}

/// A company as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    pub(crate) domains: Vec<String>,
    pub(crate) deleted_ms: Option<i64>,
    pub(crate) merged_into: Option<usize>,
    pub(crate) merged: Vec<usize>,
    /// It is in no recycle bin any more.
    pub(crate) purged: bool,
    pub(crate) modified_ms: i64,
}

/// A contact as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The account it was made at, and its number there: its name for good.
    pub(crate) home: (usize, usize),
    pub(crate) account: usize,
    /// In the order in which they came to be.
    pub(crate) relations: Vec<Relation>,
    pub(crate) deleted_ms: Option<i64>,
    /// It is in no recycle bin any more.
    pub(crate) purged: bool,
    pub(crate) modified_ms: i64,
}

impl Person {
    /// The other companies it has to do with now.
    pub(crate) fn others(&self) -> BTreeSet<usize> {
        let counts = |relation: &&Relation| relation.deleted_ms.is_none() && relation.active;
        let others = self.relations.iter().filter(counts).map(|relation| relation.account);
        others.filter(|account| *account != self.account).collect()
    }
}

/// What a contact has to do with a company beside its own.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) account: usize,
    pub(crate) active: bool,
    pub(crate) deleted_ms: Option<i64>,
    /// It is in no recycle bin any more.
    pub(crate) purged: bool,
    pub(crate) modified_ms: i64,
}

impl Relation {
    fn with(account: usize, modified_ms: i64) -> Self {
        Self { account, active: true, deleted_ms: None, purged: false, modified_ms }
    }
}

/// The state of a CRM.
#[derive(Debug)]
pub(crate) struct Crm {
    kind: CrmKind,
    pub(crate) companies: Vec<Company>,
    /// By where they were made.
    pub(crate) people: Vec<Person>,
    /// Raised by every write, so that no two fall into one millisecond.
    writes: i64,
}

impl Crm {
    pub(crate) fn of(roster: &Roster, now: Timestamp) -> Self {
        // everything was written some days ago, in imports of 250 records a moment
        let written_ms =
            |number: usize| now.as_millisecond() - 10 * 86_400_000 + i64::try_from(number / 250).unwrap_or(0);
        let companies = roster.accounts.iter().enumerate().map(|(number, account)| Company {
            domains: account.domains.clone(),
            deleted_ms: None,
            merged_into: None,
            merged: Vec::new(),
            purged: false,
            modified_ms: written_ms(number),
        });
        let homes = roster
            .accounts
            .iter()
            .enumerate()
            .flat_map(|(number, account)| (0..account.contacts.len()).map(move |nth| (number, nth)));
        // the fourth of an account's people has to do with a second company
        let second = |home: (usize, usize)| (home.1 == 3).then_some((home.0 + 1) % roster.accounts.len());
        let people = homes.enumerate().map(|(number, home)| Person {
            home,
            account: home.0,
            relations: second(home).map(|at| Relation::with(at, written_ms(number))).into_iter().collect(),
            deleted_ms: None,
            purged: false,
            modified_ms: written_ms(number),
        });
        Self { kind: roster.crm, companies: companies.collect(), people: people.collect(), writes: 0 }
    }

    /// Lets something happen; false if it names what is not there.
    pub(crate) fn change(&mut self, change: &CrmChange, now: Timestamp) -> bool {
        self.writes += 1;
        let now_ms = now.as_millisecond() - 60_000 + self.writes;
        self.apply(change, now_ms).is_some()
    }

    fn apply(&mut self, change: &CrmChange, now_ms: i64) -> Option<()> {
        match change {
            // archiving moves no date
            CrmChange::DeleteAccount { account } => {
                self.companies.get_mut(*account)?.deleted_ms = Some(now_ms);
                self.relations_with(*account).for_each(|relation| relation.deleted_ms = Some(now_ms));
            }
            CrmChange::RestoreAccount { account } => {
                self.companies.get_mut(*account)?.deleted_ms = None;
                let restored = self.relations_with(*account).filter(|relation| !relation.purged);
                restored.for_each(|relation| (relation.deleted_ms, relation.modified_ms) = (None, now_ms));
            }
            CrmChange::MergeAccounts { loser, winner } => self.merge(*loser, *winner, now_ms)?,
            CrmChange::MoveDomains { from, to } => {
                let domains = std::mem::take(&mut self.companies.get_mut(*from)?.domains);
                let company = self.companies.get_mut(*to)?;
                company.domains.extend(domains);
                company.modified_ms = now_ms;
                self.companies[*from].modified_ms = now_ms;
            }
            CrmChange::DeleteContact { account, contact } => {
                self.person_mut(*account, *contact)?.deleted_ms = Some(now_ms);
            }
            CrmChange::RestoreContact { account, contact } => {
                self.person_mut(*account, *contact)?.deleted_ms = None;
            }
            CrmChange::MoveContact { account, contact, to } => {
                self.companies.get(*to)?;
                let person = self.person_mut(*account, *contact)?;
                (person.account, person.modified_ms) = (*to, now_ms);
            }
            CrmChange::RelateContact { account, contact, to } => {
                self.companies.get(*to)?;
                self.person_mut(*account, *contact)?.relations.push(Relation::with(*to, now_ms));
            }
            CrmChange::UnrelateContact { account, contact, from } => {
                self.relation_mut((*account, *contact), *from)?.deleted_ms = Some(now_ms);
            }
            CrmChange::RetireRelation { account, contact, at } => {
                let relation = self.relation_mut((*account, *contact), *at)?;
                (relation.active, relation.modified_ms) = (false, now_ms);
            }
            CrmChange::TouchContact { account, contact } => {
                self.person_mut(*account, *contact)?.modified_ms = now_ms;
            }
            CrmChange::ImportContacts => {
                self.people.iter_mut().for_each(|person| person.modified_ms = now_ms);
            }
            CrmChange::EmptyBin => {
                for company in &mut self.companies {
                    company.purged = company.deleted_ms.is_some() || company.merged_into.is_some();
                }
                for person in &mut self.people {
                    person.purged = person.deleted_ms.is_some();
                }
                for relation in self.relations_mut() {
                    relation.purged = relation.deleted_ms.is_some();
                }
            }
        }
        Some(())
    }

    /// The contact that was made there.
    pub(crate) fn person(&self, home: (usize, usize)) -> Option<&Person> {
        self.people.get(self.place(home)?)
    }

    fn person_mut(&mut self, account: usize, contact: usize) -> Option<&mut Person> {
        let place = self.place((account, contact))?;
        self.people.get_mut(place)
    }

    fn relation_mut(&mut self, home: (usize, usize), account: usize) -> Option<&mut Relation> {
        let relations = self.person_mut(home.0, home.1)?.relations.iter_mut();
        relations
            .filter(|relation| relation.deleted_ms.is_none())
            .find(|relation| relation.account == account)
    }

    fn relations_mut(&mut self) -> impl Iterator<Item = &mut Relation> {
        self.people.iter_mut().flat_map(|person| &mut person.relations)
    }

    fn relations_with(&mut self, account: usize) -> impl Iterator<Item = &mut Relation> {
        self.relations_mut().filter(move |relation| relation.account == account)
    }

    fn place(&self, home: (usize, usize)) -> Option<usize> {
        self.people.binary_search_by_key(&home, |person| person.home).ok()
    }

    /// The people go along without their dates moving: associations are not theirs.
    fn merge(&mut self, loser: usize, winner: usize, now_ms: i64) -> Option<()> {
        if loser == winner || self.companies.get(loser)?.merged_into.is_some() {
            return None;
        }
        self.companies.get(winner)?;
        self.companies[loser].merged_into = Some(winner);
        self.companies[loser].modified_ms = now_ms;
        let gone_before = std::mem::take(&mut self.companies[loser].merged);
        // HubSpot's winner has the loser's domains beside its own from now on
        let domains = match self.kind {
            CrmKind::HubSpot => self.companies[loser].domains.clone(),
            CrmKind::Files | CrmKind::Salesforce => Vec::new(),
        };
        let company = &mut self.companies[winner];
        company.domains.extend(domains);
        company.merged.push(loser);
        company.merged.extend(gone_before);
        company.modified_ms = now_ms;
        for person in self.people.iter_mut().filter(|person| person.account == loser) {
            person.account = winner;
        }
        for relation in self.relations_with(loser) {
            (relation.account, relation.modified_ms) = (winner, now_ms);
        }
        Some(())
    }

    /// The account that an account leads to: itself, or the winner of its merges; none if that is deleted.
    pub(crate) fn leads_to(&self, account: usize) -> Option<usize> {
        let mut at = account;
        while let Some(winner) = self.companies[at].merged_into {
            at = winner;
        }
        self.companies[at].deleted_ms.is_none().then_some(at)
    }
}

/// Who votes for whom, as the CRM is now: what a reader ought to come to.
#[derive(Debug)]
pub(crate) struct Votes {
    contacts: BTreeMap<String, usize>,
    domains: BTreeMap<String, Vec<usize>>,
}

impl Votes {
    pub(crate) fn of(roster: &Roster, crm: &Crm) -> Self {
        let mut votes = Self { contacts: BTreeMap::new(), domains: BTreeMap::new() };
        for person in crm.people.iter().filter(|person| person.deleted_ms.is_none()) {
            let (account, nth) = person.home;
            let email = &roster.accounts[account].contacts[nth].email;
            if let Some(account) = crm.leads_to(person.account) {
                votes.contacts.insert(normal(email), account);
            }
        }
        for (number, company) in crm.companies.iter().enumerate() {
            let Some(account) = crm.leads_to(number) else { continue };
            for domain in &company.domains {
                let domain = ascii(domain);
                let is_nobodys = FREE_MAIL.contains(&domain.as_str()) || is_own(roster, &domain);
                if !is_nobodys {
                    votes.domains.entry(domain).or_default().push(account);
                }
            }
        }
        for owners in votes.domains.values_mut() {
            owners.sort_by_key(|owner| seniority(roster, *owner));
            owners.dedup();
        }
        votes
    }

    /// The account somebody with this address votes for.
    pub(crate) fn of_address(&self, email: &str) -> Option<usize> {
        let email = normal(email);
        if let Some(account) = self.contacts.get(&email) {
            return Some(*account);
        }
        let mut host = email.rsplit_once('@').map(|(_, host)| host)?;
        loop {
            if let Some(owners) = self.domains.get(host) {
                return owners.first().copied();
            }
            host = host.split_once('.').map(|(_, parent)| parent)?;
        }
    }
}

/// What ties are decided by.
pub(crate) fn seniority(roster: &Roster, account: usize) -> (Timestamp, &str) {
    let account = &roster.accounts[account];
    (account.created_at, account.external_id.as_str())
}

fn is_own(roster: &Roster, domain: &str) -> bool {
    roster.own_domains.iter().any(|own| domain == own || domain.ends_with(&format!(".{own}")))
}

fn normal(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, host)) => format!("{}@{}", local.to_lowercase(), ascii(host)),
        None => email.to_lowercase(),
    }
}

fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}
