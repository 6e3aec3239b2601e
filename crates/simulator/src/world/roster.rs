//! Who and what a workspace knows: its users, and the customers' accounts and contacts of its CRM.

use jiff::{SignedDuration, Timestamp};

use super::crm::CrmKind;
use super::id::other_id;
use super::names::{COMPANIES, FAMILY, FREE_MAIL, GIVEN, SUFFIXES, TRADES};
use super::spec::WorkspaceSpec;
use crate::dice::Dice;

/// Numbers that keep the throws of different things apart.
const USERS: u64 = 0xA1;
const ACCOUNTS: u64 = 0xA2;

#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) organization: String,
    pub(crate) team: String,
    pub(crate) own_domains: Vec<String>,
    pub(crate) users: Vec<User>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) crm: CrmKind,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) uuid: String,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) email: String,
}

/// A customer as the CRM knows it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) external_id: String,
    pub(crate) name: String,
    /// Where its people have their mailboxes; the first of `domains`.
    pub(crate) mail_domain: String,
    /// What the CRM says; may hold domains that must not count.
    pub(crate) domains: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) contacts: Vec<Contact>,
}

#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl User {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }
}

impl Roster {
    pub(crate) fn of(salt: u64, spec: &WorkspaceSpec, now: Timestamp) -> Self {
        let slug: String =
            spec.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let own_domains = vec![format!("{slug}-hq.com"), format!("{slug}-hq.co.uk")];
        let mut roster = Self {
            organization: other_id(salt, "organization", 0),
            team: other_id(salt, "team", 0),
            users: (0..spec.users).map(|number| user(salt, number, &own_domains)).collect(),
            accounts: (0..spec.accounts).map(|number| account(salt, spec, number, now)).collect(),
            own_domains,
            crm: spec.crm,
        };
        roster.add_children();
        roster.add_consultants();
        roster.add_traps();
        roster
    }

    /// Every eighth account is a subsidiary with a subdomain of its neighbour's domain.
    fn add_children(&mut self) {
        for number in (1..self.accounts.len()).step_by(8) {
            let domain = format!("labs.{}", self.accounts[number - 1].mail_domain);
            let child = &mut self.accounts[number];
            for contact in &mut child.contacts {
                contact.email = contact.email.replace(&child.mail_domain, &domain);
            }
            child.mail_domain.clone_from(&domain);
            child.domains[0] = domain;
        }
    }

    /// Every seventh account has a contact with a mailbox at another account: the contact must beat the domain.
    fn add_consultants(&mut self) {
        let count = self.accounts.len();
        for number in (2..count).step_by(7) {
            let host = self.accounts[(number + 3) % count].mail_domain.clone();
            self.accounts[number].contacts[1].email = format!("consultant.{number}@{host}");
        }
    }

    /// Domains in the CRM that must never lead to an account: free mail, and the workspace's own.
    fn add_traps(&mut self) {
        let own = self.own_domains[0].clone();
        self.accounts[5].domains.push("gmail.com".to_owned());
        self.accounts[7].domains.push(own);
    }
}

fn user(salt: u64, number: usize, own_domains: &[String]) -> User {
    let mut dice = Dice::of(&[salt, USERS, number as u64]);
    let ((given, given_ascii), (family, family_ascii)) = (*dice.pick(GIVEN), *dice.pick(FAMILY));
    let domain = &own_domains[usize::from(dice.one_in(5))];
    User {
        uuid: other_id(salt, "user", number as u64),
        given,
        family,
        email: format!("{given_ascii}.{family_ascii}.{number}@{domain}"),
    }
}

fn account(salt: u64, spec: &WorkspaceSpec, number: usize, now: Timestamp) -> Account {
    let mut dice = Dice::of(&[salt, ACCOUNTS, number as u64]);
    let company = dice.pick(COMPANIES);
    let mail_domain = mail_domain(&mut dice, company, number);
    let mut domains = vec![mail_domain.clone()];
    if dice.one_in(4) {
        domains.push(format!("get{}-{number}.com", company.to_lowercase()));
    }
    Account {
        external_id: match spec.crm {
            CrmKind::Files => format!("001AA{number:010}AAA"),
            CrmKind::HubSpot => format!("4062607{number:05}"),
            CrmKind::Salesforce => crate::salesforce::account_id(number),
        },
        name: format!("{company} {} {number}", dice.pick(TRADES)),
        contacts: (0..spec.contacts_per_account)
            .map(|nth| contact(&mut dice, number, nth, &mail_domain))
            .collect(),
        mail_domain,
        domains,
        created_at: created_at(&mut dice, now),
    }
}

/// Every ninth account has a name beyond ASCII; half of those are written as the CRM's users see them, half as
/// the mail servers do.
fn mail_domain(dice: &mut Dice, company: &str, number: usize) -> String {
    let suffix = dice.pick(SUFFIXES);
    if number % 9 != 4 {
        return format!("{}-{number}.{suffix}", company.to_lowercase());
    }
    let shown = format!("bücher-{number}.de");
    if number.is_multiple_of(2) {
        return shown;
    }
    idna::domain_to_ascii(&shown).unwrap_or(shown)
}

/// Whole days, so that some accounts are equally old and the smaller id has to decide.
fn created_at(dice: &mut Dice, now: Timestamp) -> Timestamp {
    let days = i64::try_from(dice.between(400, 430)).expect("a few hundred fit");
    now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn contact(dice: &mut Dice, account: usize, nth: usize, domain: &str) -> Contact {
    let ((given, given_ascii), (family, family_ascii)) = (dice.pick(GIVEN), dice.pick(FAMILY));
    let host = if nth == 0 { *dice.pick(FREE_MAIL) } else { domain };
    let tail = if nth == 0 { format!("a{account}") } else { nth.to_string() };
    Contact {
        name: format!("{given} {family}"),
        email: format!("{given_ascii}.{family_ascii}.{tail}@{host}"),
    }
}
