//! CRM records that the vendor named.

use model::LinkedRecord;

use super::candidate::{AccountCandidate, Directory};
use super::vote::Tally;

/// A record of the vendor and the account it stands for, if it names one that we know.
pub(super) struct NamedRecord<'a> {
    pub(super) record: &'a LinkedRecord,
    pub(super) account: Option<&'a AccountCandidate>,
}

/// Whether the record's entity decides: contacts, deals and the rest are evidence only.
pub(super) fn names_account(record: &LinkedRecord) -> bool {
    let code = record.code.trim();
    ["account", "accounts", "company", "companies"].iter().any(|entity| code.eq_ignore_ascii_case(entity))
}

/// Looks the records up, in the vendor's order.
pub(super) fn named_records<'a>(
    linked: &'a [LinkedRecord],
    directory: &'a Directory,
) -> Vec<NamedRecord<'a>> {
    let account_of = |record: &LinkedRecord| {
        let forms = external_id_forms(&record.external_id);
        forms.iter().find_map(|form| directory.accounts_by_external_id.get(form))
    };
    linked
        .iter()
        .map(|record| NamedRecord {
            record,
            account: names_account(record).then(|| account_of(record)).flatten(),
        })
        .collect()
}

/// The account the vendor named. Of several, the one that most external voters also point to, else the first.
pub(super) fn decide_by_record<'a>(
    records: &[NamedRecord<'a>],
    tally: &Tally<'_>,
) -> Option<&'a AccountCandidate> {
    let mut best: Option<(usize, &AccountCandidate)> = None;
    for account in records.iter().filter_map(|named| named.account) {
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
    fn only_accounts_and_companies_decide() {
        let decides =
            |code: &str| names_account(&LinkedRecord { external_id: "1".into(), code: code.into() });
        for code in ["Account", "accounts", "COMPANY", "companies", " Account "] {
            assert!(decides(code), "{code}");
        }
        for code in ["Contact", "deals", "Opportunity", "", "AccountContactRelation"] {
            assert!(!decides(code), "{code}");
        }
    }
}
