//! CRM records that the vendor named.

use model::LinkedRecord;

use super::candidate::{AccountCandidate, Directory};
use super::vote::Tally;

/// A record of the vendor and the account it stands for, if it names one that we know.
pub(super) struct NamedRecord<'a> {
    pub(super) record: &'a LinkedRecord,
    pub(super) account: Option<&'a AccountCandidate>,
}

/// What a record's entity is to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    /// It is one.
    Account,
    /// It leads to one.
    Deal,
}

/// Whether the record's entity decides: whoever is linked to a contact votes, and the rest is evidence only.
pub(super) fn entity(record: &LinkedRecord) -> Option<Entity> {
    let code = record.code.trim();
    let is_one_of = |names: &[&str]| names.iter().any(|name| code.eq_ignore_ascii_case(name));
    if is_one_of(&["account", "accounts", "company", "companies"]) {
        return Some(Entity::Account);
    }
    is_one_of(&["deal", "deals", "opportunity", "opportunities"]).then_some(Entity::Deal)
}

/// Looks the records up, in the vendor's order.
pub(super) fn named_records<'a>(
    linked: &'a [LinkedRecord],
    directory: &'a Directory,
) -> Vec<NamedRecord<'a>> {
    let account_of = |record: &LinkedRecord| {
        let known = match entity(record)? {
            Entity::Account => &directory.accounts_by_external_id,
            Entity::Deal => &directory.accounts_by_deal,
        };
        external_id_forms(&record.external_id).iter().find_map(|form| known.get(form))
    };
    linked.iter().map(|record| NamedRecord { record, account: account_of(record) }).collect()
}

/// The account the vendor named: itself, or else by a deal. Of several, the one that most external voters also point to, else the
/// first.
pub(super) fn decide_by_record<'a>(
    records: &[NamedRecord<'a>],
    tally: &Tally<'_>,
) -> Option<&'a AccountCandidate> {
    let by_account = |named: &&NamedRecord<'_>| entity(named.record) == Some(Entity::Account);
    let named_itself = || records.iter().filter(by_account).filter_map(|named| named.account);
    most_supported(named_itself(), tally)
        .or_else(|| most_supported(records.iter().filter_map(|named| named.account), tally))
}

fn most_supported<'a>(
    accounts: impl Iterator<Item = &'a AccountCandidate>,
    tally: &Tally<'_>,
) -> Option<&'a AccountCandidate> {
    let mut best: Option<(usize, &AccountCandidate)> = None;
    for account in accounts {
        let supporters = tally.pointing_to(account.account_id);
        if best.is_none_or(|(most, _)| supporters > most) {
            best = Some((supporters, account));
        }
    }
    best.map(|(_, account)| account)
}

/// Every form an id may be stored in, the given one first. Salesforce writes the same id with 15 characters, where
/// case matters, or with 18, the last three of which only tell the case of the others: such ids are equal when their
/// first 15 characters are.
pub(super) fn external_id_forms(external_id: &str) -> Vec<String> {
    let id = external_id.trim();
    let mut forms = vec![id.to_owned()];
    if let Some(short) = salesforce_short_id(id) {
        for form in [short.to_owned(), format!("{short}{}", salesforce_suffix(short))] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// The 18 characters of a Salesforce id, however it is written; anything else stays as it is.
pub(crate) fn salesforce_long_id(id: &str) -> String {
    let id = id.trim();
    salesforce_short_id(id)
        .map_or_else(|| id.to_owned(), |short| format!("{short}{}", salesforce_suffix(short)))
}

/// The first 15 characters of what looks like a Salesforce id. Other CRMs count: an 18-digit number is not one.
fn salesforce_short_id(id: &str) -> Option<&str> {
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => Some(id),
        18 => {
            let (short, suffix) = id.split_at(15);
            let is_suffix = suffix.bytes().all(|b| SUFFIX_ALPHABET.contains(&b));
            let counted = id.bytes().all(|b| b.is_ascii_digit());
            (is_suffix && !counted).then_some(short)
        }
        _ => None,
    }
}

const SUFFIX_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// One character per five: which of them are upper case, as bits, the first one lowest.
fn salesforce_suffix(short: &str) -> String {
    let letter = |five: &[u8]| {
        let bits =
            five.iter().enumerate().filter(|(_, b)| b.is_ascii_uppercase()).map(|(place, _)| 1 << place);
        char::from(SUFFIX_ALPHABET[bits.sum::<usize>()])
    };
    short.as_bytes().chunks(5).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salesforce_id_has_a_short_and_a_long_form() {
        assert_eq!(external_id_forms("001D000000IRFma"), ["001D000000IRFma", "001D000000IRFmaIAH"]);
        assert_eq!(external_id_forms(" 001D000000IRFmaIAH "), ["001D000000IRFmaIAH", "001D000000IRFma"]);
    }

    #[test]
    fn ids_of_other_crms_have_one_form() {
        for id in ["123456789", "123456789012345678", "123456789012345123", "acme-corporation-01", ""] {
            assert_eq!(external_id_forms(id), [id]);
        }
    }

    #[test]
    fn only_accounts_and_what_leads_to_them_decide() {
        let entity = |code: &str| entity(&LinkedRecord { external_id: "1".into(), code: code.into() });
        for code in ["Account", "accounts", "COMPANY", "companies", " Account "] {
            assert_eq!(entity(code), Some(Entity::Account), "{code}");
        }
        for code in ["deals", "Deal", "Opportunity"] {
            assert_eq!(entity(code), Some(Entity::Deal), "{code}");
        }
        for code in ["Contact", "", "AccountContactRelation", "OpportunityContactRole"] {
            assert_eq!(entity(code), None, "{code}");
        }
    }
}
