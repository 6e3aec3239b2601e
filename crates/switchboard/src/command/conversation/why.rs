//! Why a conversation is on its account, in words.

use std::collections::BTreeMap;

use mapping::account::{Evidence, Record, Standing, Voter};
use model::AccountId;
use serde::Deserialize as _;
use serde_json::Value;

use crate::output::second;

/// One line a fact; what nobody can read any more as it is stored.
pub(super) fn lines(evidence: &Value, names: &BTreeMap<AccountId, String>) -> Vec<String> {
    match Evidence::deserialize(evidence) {
        Ok(evidence) => told(&evidence, names),
        Err(_) => vec![evidence.to_string()],
    }
}

/// The account that a person named.
pub(super) fn named(evidence: &Value) -> Option<AccountId> {
    Evidence::deserialize(evidence).ok().filter(|evidence| evidence.person.is_some())?.account_id
}

fn told(evidence: &Evidence<'_>, names: &BTreeMap<AccountId, String>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(person) = &evidence.person {
        let at = evidence.at.map(|at| format!(" at {}", second(at))).unwrap_or_default();
        let of = evidence.handed_on_by.map(|id| format!(" of its copy {id}, which was withdrawn"));
        lines.push(format!("{person} decided{at}{}; no machine overrules it", of.unwrap_or_default()));
    }
    lines.extend(evidence.linked_records.iter().map(|record| linked(record, names)));
    lines.extend(evidence.winner.iter().flat_map(|winner| winner.voters.iter().map(voter)));
    for loser in &evidence.losers {
        lines.push(format!("{} lost: {}", name(loser, names), standing(loser)));
    }
    if evidence.voters_without_account_count > 0 {
        lines.push(without_account(evidence));
    }
    if lines.is_empty() {
        lines.push(
            "nobody from outside with an address took part, and the vendor linked no record".to_owned(),
        );
    }
    lines
}

fn linked(record: &Record<'_>, names: &BTreeMap<AccountId, String>) -> String {
    let known = record.account_id.map(|id| names.get(&id).map_or_else(|| id.to_string(), Clone::clone));
    let leads_to =
        known.map_or_else(|| "which names no account here".to_owned(), |known| format!("that is {known}"));
    format!("the vendor linked {} {}, {leads_to}", record.code, record.external_id)
}

fn voter(voter: &Voter<'_>) -> String {
    let by = match (&voter.contact, &voter.domain) {
        (Some(contact), _) => format!("is its contact {contact}"),
        (None, Some(domain)) => format!("writes from its domain {domain}"),
        (None, None) => voter.rule.to_string(),
    };
    let others = match voter.also_owned_by.as_slice() {
        [] => String::new(),
        others => format!(", which younger accounts own too: {}", others.join(", ")),
    };
    let who = voter.email.as_deref().unwrap_or("somebody without an address");
    format!("{who} {by}{others}")
}

fn standing(one: &Standing<'_>) -> String {
    let voters: Vec<&str> =
        one.voters.iter().filter_map(|voter| voter.email.as_deref().or(voter.contact.as_deref())).collect();
    match one.votes {
        0 => "no votes".to_owned(),
        1 => format!("1 vote ({})", voters.join(", ")),
        many => format!("{many} votes ({})", voters.join(", ")),
    }
}

fn name(one: &Standing<'_>, names: &BTreeMap<AccountId, String>) -> String {
    let name = names.get(&one.account_id).map(|name| format!("{name} "));
    format!("{}({})", name.unwrap_or_default(), one.external_id)
}

fn without_account(evidence: &Evidence<'_>) -> String {
    let listed = &evidence.voters_without_account;
    let more = evidence.voters_without_account_count.saturating_sub(listed.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("no account is known for {}{more}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use model::TenantId;
    use serde_json::json;

    use super::*;

    #[test]
    fn everybody_who_spoke_is_named() {
        let tenant = TenantId::parse("t").expect("an id");
        let [won, lost] = ["a-1", "b-1"].map(|id| AccountId::derive(&tenant, "csv", id));
        let names = BTreeMap::from([(won, "Acme".to_owned()), (lost, "Beta".to_owned())]);
        let evidence = json!({
            "winner": { "account_id": won, "external_id": "a-1", "votes": 2, "voters": [
                { "email": "ana@acme.com", "rule": "contact", "contact": "c-5" },
                { "email": "bob@acme.com", "rule": "domain", "domain": "acme.com", "also_owned_by": ["a-9"] },
                { "rule": "contact", "contact": "c-6" }] },
            "losers": [{ "account_id": lost, "external_id": "b-1", "votes": 1, "voters": [
                { "email": "x@beta.com", "rule": "domain", "domain": "beta.com" }] }],
            "linked_records": [{ "code": "Account", "external_id": "a-1", "account_id": won },
                { "code": "deal", "external_id": "77" }],
            "voters_without_account": ["y@gmail.com"], "voters_without_account_count": 3,
        });
        let expected = [
            "the vendor linked Account a-1, that is Acme",
            "the vendor linked deal 77, which names no account here",
            "ana@acme.com is its contact c-5",
            "bob@acme.com writes from its domain acme.com, which younger accounts own too: a-9",
            "somebody without an address is its contact c-6",
            "Beta (b-1) lost: 1 vote (x@beta.com)",
            "no account is known for y@gmail.com and 2 more",
        ];
        assert_eq!(lines(&evidence, &names), expected);
    }

    #[test]
    fn evidence_in_an_unknown_shape_is_shown_as_it_is() {
        assert_eq!(lines(&json!({ "winner": 5 }), &BTreeMap::new()), ["{\"winner\":5}"]);
        assert_eq!(lines(&json!({}), &BTreeMap::new()).len(), 1);
    }
}
