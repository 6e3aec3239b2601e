//! A plain reading of the CRM's files leads to the accounts the world was made with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use simulator::{Expected, Shares, WorkspaceSpec, World};

use crate::client::get;
use crate::{acme, start};

const MUST_NOT_COUNT: &[&str] = &["gmail.com", "acme-hq.com"];

#[derive(Default)]
struct Crm {
    created_at: BTreeMap<String, Timestamp>,
    by_domain: BTreeMap<String, String>,
    by_email: BTreeMap<String, String>,
}

impl Crm {
    fn of(world: &World) -> Self {
        let mut crm = Self::default();
        for line in world.accounts_csv("acme").unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            crm.created_at.insert(fields[0].to_owned(), fields[3].parse().unwrap());
            for domain in fields[2].split(';').filter(|domain| !MUST_NOT_COUNT.contains(domain)) {
                let known = crm.by_domain.insert(ascii(domain), fields[0].to_owned());
                assert_eq!(known, None, "{domain} belongs to two accounts");
            }
        }
        for line in world.contacts_csv("acme").unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            crm.by_email.insert(plain(fields[2]), fields[0].to_owned());
        }
        crm
    }

    fn account_of(&self, email: &str) -> Option<&String> {
        let email = plain(email);
        let mut domain = email.split_once('@')?.1;
        if let Some(account) = self.by_email.get(&email) {
            return Some(account);
        }
        loop {
            if let Some(account) = self.by_domain.get(domain) {
                return Some(account);
            }
            domain = domain.split_once('.')?.1;
        }
    }

    fn account(&self, links: &[String], expected: &Expected) -> Option<String> {
        let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
        for email in expected.attendees.iter().filter_map(|attendee| attendee.email.as_ref()) {
            if let Some(account) = self.account_of(email) {
                *votes.entry(account).or_default() += 1;
            }
        }
        let count = |account: &String| votes.get(account).copied().unwrap_or(0);
        let known: Vec<&String> = links.iter().filter(|link| self.created_at.contains_key(*link)).collect();
        if let Some(first) = known.first() {
            let most = known.iter().map(|link| count(link)).max().unwrap();
            let best = known.iter().find(|link| count(link) == most);
            return Some((*best.unwrap_or(first)).clone());
        }
        let most = votes.values().max()?;
        let best = votes.keys().filter(|account| count(account) == *most);
        best.min_by_key(|account| (self.created_at[**account], **account)).map(|account| (*account).clone())
    }
}

fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap()
}

/// Without decoration and tag, in lower case.
fn plain(email: &str) -> String {
    let inner = email.rsplit_once('<').map_or(email, |(_, inner)| inner.trim_end_matches('>'));
    let (local, domain) = inner.trim().trim_start_matches("mailto:").rsplit_once('@').unwrap();
    let untagged = local.split('+').next().unwrap_or(local);
    format!("{}@{}", untagged.to_lowercase(), ascii(domain))
}

fn links_in(attributes: &Value) -> Vec<String> {
    let links = attributes["linkedCrmRecords"].as_array().unwrap();
    links.iter().map(|link| link["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_plain_reading_of_the_crm_leads_to_the_expected_accounts() {
    let simulator = start(7).await;
    let world = simulator.world();
    let shares = Shares { linked: 0.3, free_mail: 0.2, ..Shares::default() };
    world.add_workspace(WorkspaceSpec { shares, ..acme(1_500) }).unwrap();
    let crm = Crm::of(&world);
    for expected in world.truth("acme").unwrap() {
        let detail = get(&simulator, &format!("/v2/conversations/{}", expected.id)).await;
        let links = links_in(&detail.attributes());
        assert_eq!(crm.account(&links, &expected), expected.account, "{links:?} {expected:#?}");
    }
}
