//! Ids of 18 characters, of which the last three tell the case of the others.

/// Accounts in pairs whose ids differ in the case of one letter: who ignores it, mistakes one for the other.
pub(crate) fn account_id(number: usize) -> String {
    let last = if number.is_multiple_of(2) { 'a' } else { 'A' };
    long(&format!("001AA{:09}{last}", number / 2))
}

pub(crate) fn opportunity_id(number: usize) -> String {
    long(&format!("006Bb{number:010}"))
}

/// By the account it was made at, and its number there.
pub(crate) fn contact_id(home: (usize, usize)) -> String {
    long(&format!("003Aa{:08}{:02}", home.0, home.1))
}

/// By the contact, and its number among the contact's.
pub(super) fn relation_id(home: (usize, usize), nth: usize) -> String {
    long(&format!("07kAa{:06}{:02}{nth:02}", home.0, home.1))
}

pub(super) fn lead_id(number: usize) -> String {
    long(&format!("00QAa{number:010}"))
}

pub(super) fn user_id(number: usize) -> String {
    long(&format!("005Aa{number:010}"))
}

pub(super) fn organization_id(salt: u64) -> String {
    long(&format!("00Dd0{:010}", salt % 10_000_000_000))
}

/// The form of 15 characters, where case matters.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(15).collect()
}

fn long(short: &str) -> String {
    let letters: Vec<char> = short.chars().collect();
    let suffix = letters.chunks(5).map(|five| {
        let upper = five.iter().enumerate().filter(|(_, letter)| letter.is_ascii_uppercase());
        let bits: usize = upper.map(|(place, _)| 1 << place).sum();
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".chars().nth(bits).unwrap_or('A')
    });
    short.chars().chain(suffix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_suffix_of_the_documented_ones() {
        assert_eq!(long("001D000000IRFma"), "001D000000IRFmaIAH");
        assert_eq!(long("003dM00001vWOXJ"), "003dM00001vWOXJQA4");
        assert_ne!(account_id(2), account_id(3));
        assert_eq!(account_id(2).to_lowercase()[..15], account_id(3).to_lowercase()[..15]);
    }
}
