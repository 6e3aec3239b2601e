use std::collections::BTreeSet;

use jiff::Timestamp;
use model::TenantId;
use proptest::prelude::*;

use super::*;
use crate::email::EmailKey;

fn account(name: &str, created: Option<i64>) -> AccountCandidate {
    let tenant = TenantId::parse("t").unwrap();
    AccountCandidate {
        account_id: AccountId::derive(&tenant, "csv", name),
        external_id: name.to_owned(),
        created_at: created.map(|second| Timestamp::from_second(second).unwrap()),
    }
}

/// Accounts: `old` (1), `mid` (5), `young` (9), and `undated`. Domains and contacts as the tests need them.
fn directory() -> Directory {
    let mut directory = Directory::default();
    let all = [
        account("old", Some(1)),
        account("mid", Some(5)),
        account("young", Some(9)),
        account("undated", None),
    ];
    let [old, mid, young, undated] = &all;
    for (domain, owners) in [
        ("old.com", vec![old]),
        ("mid.com", vec![mid]),
        ("labs.mid.com", vec![young]),
        ("young.com", vec![young]),
        ("undated.com", vec![undated]),
        ("both.com", vec![young, mid]),
        ("gmail.com", vec![old]),
        ("own.com", vec![old]),
        ("linkedin.com", vec![old]),
    ] {
        directory.accounts_by_domain.insert(domain.to_owned(), owners.into_iter().cloned().collect());
    }
    for (email, owner) in [("ana@gmail.com", young), ("bob@old.com", mid), ("cid@own.com", old)] {
        let contact =
            ContactCandidate { account: Some(owner.clone()), external_id: format!("c-{email}"), name: None };
        directory.contacts.insert(email.to_owned(), contact);
    }
    directory.accounts_by_external_id =
        all.iter().map(|one| (one.external_id.clone(), one.clone())).collect();
    directory
}

fn own() -> OwnPeople {
    OwnPeople { domains: BTreeSet::from(["own.com".to_owned()]), ..OwnPeople::default() }
}

fn keys(emails: &[&str]) -> Vec<Elector> {
    emails.iter().map(|email| elector(Some(email), None)).collect()
}

fn elector(email: Option<&str>, contact_id: Option<&str>) -> Elector {
    let email = email.map(|email| EmailKey::parse(email).unwrap());
    Elector { email, contact_id: contact_id.map(str::to_owned) }
}

fn records(list: &[(&str, &str)]) -> Vec<LinkedRecord> {
    list.iter()
        .map(|(code, id)| LinkedRecord { external_id: (*id).to_owned(), code: (*code).to_owned() })
        .collect()
}

fn link(emails: &[&str], linked: &[(&str, &str)]) -> Link {
    resolve(&keys(emails), &records(linked), &own(), &directory())
}

fn check(emails: &[&str], linked: &[(&str, &str)], expected: Option<&str>, rule: LinkRule) {
    let found = link(emails, linked);
    let expected = expected.map(|name| account(name, None).account_id);
    assert_eq!((found.account_id, found.rule), (expected, rule), "{emails:?} {linked:?}: {}", found.evidence);
}

#[test]
fn votes_find_the_account_by_contact_and_by_domain() {
    for (emails, expected, rule) in [
        (vec!["x@old.com"], Some("old"), LinkRule::Domain),
        (vec!["x@mail.EU.old.com"], Some("old"), LinkRule::Domain),
        (vec!["x@labs.mid.com"], Some("young"), LinkRule::Domain),
        (vec!["x@a.labs.mid.com"], Some("young"), LinkRule::Domain),
        (vec!["x@other.mid.com"], Some("mid"), LinkRule::Domain),
        (vec!["bob@old.com"], Some("mid"), LinkRule::Contact),
        (vec!["bob+calls@old.com"], Some("mid"), LinkRule::Contact),
        (vec!["ana@gmail.com"], Some("young"), LinkRule::Contact),
        (vec!["x@gmail.com"], None, LinkRule::None),
        (vec!["x@linkedin.com"], None, LinkRule::None),
        (vec!["x@nobody.com", "x@corp.local"], None, LinkRule::None),
        (vec!["x@old.com", "x@young.com", "y@young.com"], Some("young"), LinkRule::Domain),
        (vec!["bob@old.com", "x@mid.com", "x@old.com"], Some("mid"), LinkRule::Contact),
        (vec!["bob@old.com", "x@old.com", "y@old.com"], Some("old"), LinkRule::Domain),
        (vec![], None, LinkRule::None),
    ] {
        check(&emails, &[], expected, rule);
    }
}

#[test]
fn a_voter_listed_twice_votes_once() {
    check(&["x@old.com", "x@young.com", "X@Young.com"], &[], Some("old"), LinkRule::Domain);
}

#[test]
fn own_people_do_not_vote_even_as_contacts_or_from_a_subdomain() {
    check(&["cid@own.com", "x@eu.own.com", "x@own.com"], &[], None, LinkRule::None);
    check(&["cid@own.com", "x@own.com", "x@young.com"], &[], Some("young"), LinkRule::Domain);
}

#[test]
fn a_tie_goes_to_the_oldest_account_and_an_undated_one_is_the_youngest() {
    check(&["x@young.com", "x@mid.com"], &[], Some("mid"), LinkRule::Domain);
    check(&["x@undated.com", "x@young.com"], &[], Some("young"), LinkRule::Domain);
}

#[test]
fn accounts_of_one_age_are_told_apart_by_external_id() {
    let mut directory = Directory::default();
    for (domain, name) in [("a.com", "id-2"), ("b.com", "id-1")] {
        directory.accounts_by_domain.insert(domain.to_owned(), vec![account(name, Some(7))]);
    }
    let found = resolve(&keys(&["x@a.com", "x@b.com"]), &[], &own(), &directory);
    assert_eq!(found.account_id, Some(account("id-1", None).account_id));
}

#[test]
fn of_two_companies_with_one_domain_the_oldest_takes_the_vote_and_both_are_told() {
    let found = link(&["x@both.com"], &[]);
    assert_eq!(found.account_id, Some(account("mid", None).account_id));
    assert_eq!(found.evidence["winner"]["voters"][0]["also_owned_by"], serde_json::json!(["young"]));
    assert_eq!(found.evidence["losers"][0]["external_id"], "young");
}

#[test]
fn an_account_the_vendor_named_decides() {
    let voters = ["x@old.com", "y@old.com"];
    check(&voters, &[("Account", "young")], Some("young"), LinkRule::VendorRecord);
    check(&voters, &[("COMPANIES", " young ")], Some("young"), LinkRule::VendorRecord);
    check(&["x@own.com"], &[("company", "young")], Some("young"), LinkRule::VendorRecord);
    check(&voters, &[("Contact", "young"), ("deals", "mid")], Some("old"), LinkRule::Domain);
    check(&voters, &[("Account", "unheard-of")], Some("old"), LinkRule::Domain);
}

#[test]
fn whom_the_vendor_takes_for_a_contact_votes_for_its_account_and_once() {
    let mut directory = directory();
    let (short, long) = ("003D000000IRFma", "003D000000IRFmaIAH");
    let contact =
        ContactCandidate { account: Some(account("young", None)), external_id: long.to_owned(), name: None };
    directory.contacts_by_id.insert(long.to_owned(), contact);
    let (known, caller) = (Some(short), (None, Some(short)));
    for (voters, expected, rule) in [
        (vec![caller], Some("young"), LinkRule::Contact),
        (vec![(None, Some("003D000000IRFmb"))], None, LinkRule::None),
        (vec![(Some("x@gmail.com"), known)], Some("young"), LinkRule::Contact),
        (vec![(Some("x@old.com"), known)], Some("young"), LinkRule::Contact),
        (vec![(Some("bob@old.com"), known)], Some("mid"), LinkRule::Contact),
        (vec![(Some("me@own.com"), known)], None, LinkRule::None),
        (vec![(Some("x@old.com"), None), (Some("x@old.com"), known)], Some("young"), LinkRule::Contact),
        // dialled in, from two telephones
        (
            vec![
                caller,
                (Some("x@gmail.com"), known),
                caller,
                (Some("x@old.com"), None),
                (Some("y@old.com"), None),
            ],
            Some("old"),
            LinkRule::Domain,
        ),
    ] {
        let electors: Vec<Elector> = voters.iter().map(|(email, id)| elector(*email, *id)).collect();
        assert!(
            voters.iter().all(|(_, id)| *id != known)
                || rule == LinkRule::None
                || lookup_keys(&electors, &[], &own()).contact_ids.contains(long)
        );
        let found = resolve(&electors, &[], &own(), &directory);
        let expected = expected.map(|name| account(name, None).account_id);
        assert_eq!((found.account_id, found.rule), (expected, rule), "{voters:?}: {}", found.evidence);
    }
}

#[test]
fn of_several_named_accounts_the_attendees_choose_else_the_first_stands() {
    let linked = [("Account", "young"), ("Account", "mid"), ("Account", "undated")];
    check(&["x@mid.com"], &linked, Some("mid"), LinkRule::VendorRecord);
    check(
        &["x@both.com", "x@undated.com", "y@undated.com"],
        &linked,
        Some("undated"),
        LinkRule::VendorRecord,
    );
    check(&["x@old.com"], &linked, Some("young"), LinkRule::VendorRecord);
    check(&["x@mid.com", "x@undated.com"], &linked, Some("mid"), LinkRule::VendorRecord);
    check(&[], &linked, Some("young"), LinkRule::VendorRecord);
    // `mid` takes the vote of the shared domain, but the voter points to `young` just as well.
    check(
        &["x@both.com"],
        &[("Account", "old"), ("Account", "young")],
        Some("young"),
        LinkRule::VendorRecord,
    );
}

#[test]
fn a_short_salesforce_id_finds_the_account_with_the_long_one() {
    let mut directory = directory();
    let long = "001D000000IRFmaIAH";
    directory.accounts_by_external_id.insert(long.to_owned(), account(long, None));
    let linked = records(&[("Account", "001D000000IRFma")]);
    assert!(lookup_keys(&[], &linked, &own()).external_ids.contains(long));
    let found = resolve(&[], &linked, &own(), &directory);
    assert_eq!(found.account_id, Some(account(long, None).account_id));
}

#[test]
fn the_evidence_tells_votes_losers_records_and_who_found_nothing() {
    let found =
        link(&["bob@old.com", "x@mid.com", "x@young.com", "who@gmail.com", "me@own.com"], &[("Deal", "d-1")]);
    let id = |name: &str| serde_json::json!(account(name, None).account_id);
    assert_eq!(
        found.evidence,
        serde_json::json!({
            "winner": { "account_id": id("mid"), "external_id": "mid", "votes": 2, "voters": [
                { "email": "bob@old.com", "rule": "contact", "contact": "c-bob@old.com" },
                { "email": "x@mid.com", "rule": "domain", "domain": "mid.com" },
            ]},
            "losers": [{ "account_id": id("young"), "external_id": "young", "votes": 1, "voters": [
                { "email": "x@young.com", "rule": "domain", "domain": "young.com" },
            ]}],
            "linked_records": [{ "code": "Deal", "external_id": "d-1" }],
            "voters_without_account": ["who@gmail.com"],
            "voters_without_account_count": 1,
        })
    );
}

#[test]
fn the_evidence_of_a_webinar_stays_small_with_exact_counts() {
    let emails: Vec<_> =
        (0..500).map(|number| format!("p{number}@{}.com", ["old", "nobody"][number % 2])).collect();
    let found = link(&emails.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(found.evidence["winner"]["votes"], 250);
    assert_eq!(found.evidence["voters_without_account_count"], 250);
    assert!(found.evidence.to_string().len() < 4000);
}

#[test]
fn lookup_keys_name_what_external_voters_may_be_found_by() {
    let voters = keys(&["ana+x@eu.old.com", "ana@gmail.com", "me@own.com"]);
    let found = lookup_keys(&voters, &records(&[("Account", "a-1"), ("Deal", "d-1")]), &own());
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(found.email_keys, set(&["ana+x@eu.old.com", "ana@eu.old.com", "ana@gmail.com"]));
    assert_eq!(found.domains, set(&["eu.old.com", "old.com"]));
    assert_eq!(found.external_ids, set(&["a-1"]));
}

proptest! {
    #[test]
    fn the_order_of_attendees_does_not_matter(
        emails in proptest::sample::subsequence(
            vec!["x@old.com", "bob@old.com", "x@mid.com", "x@labs.mid.com", "x@young.com", "x@both.com", "ana@gmail.com",
                "x@undated.com", "x@own.com", "x@nobody.com"], 0..10).prop_shuffle(),
        linked in proptest::sample::subsequence(vec!["old", "mid", "young", "unheard-of"], 0..3),
    ) {
        let linked: Vec<_> = linked.into_iter().map(|id| ("Account", id)).collect();
        let mut sorted = emails.clone();
        sorted.sort_unstable();
        prop_assert_eq!(link(&emails, &linked), link(&sorted, &linked));
    }
}
