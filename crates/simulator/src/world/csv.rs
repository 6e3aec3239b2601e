//! The CRM of a workspace in the import format.

use super::roster::Roster;

/// `external_id,name,domains,created_at`, the domains separated by semicolons.
pub(crate) fn accounts(roster: &Roster) -> String {
    let mut csv = String::from("external_id,name,domains,created_at\n");
    for account in &roster.accounts {
        let created_at = account.created_at.to_string();
        push_row(&mut csv, &[&account.external_id, &account.name, &account.domains.join(";"), &created_at]);
    }
    csv
}

/// `account_external_id,name,email`.
pub(crate) fn contacts(roster: &Roster) -> String {
    let mut csv = String::from("account_external_id,name,email\n");
    for account in &roster.accounts {
        for contact in &account.contacts {
            push_row(&mut csv, &[&account.external_id, &contact.name, &contact.email]);
        }
    }
    csv
}

fn push_row(csv: &mut String, fields: &[&str]) {
    let quoted: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    csv.push_str(&quoted.join(","));
    csv.push('\n');
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
