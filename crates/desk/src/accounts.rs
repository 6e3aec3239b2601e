//! Accounts and contacts from CSV: good lines are imported, bad ones are listed.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use anyhow::{Context as _, bail};
use csv::StringRecord;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mapping::email::{EmailKey, domain_from_website, is_free_mail, is_shared_host};
use model::TenantId;
use serde::Serialize;
use store::account::{self, AccountRecord, ContactRecord, ImportCounts};
use store::{Speaker, Store, tenant};

/// Where imported accounts say they come from.
const SOURCE: &str = "csv";

/// Longer texts are no names or ids, and an index would refuse them.
const TEXT_BYTES_MAX: usize = 400;

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// `accounts` or `contacts`.
    pub file: &'static str,
    /// Its number, from 1, the heading included.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows added, changed and known.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// The tenant's conversations are let in from now on.
    pub gate_opened: bool,
    /// Domains that were left out of their account: free mail and shared hosts are nobody's own.
    pub domains_ignored: Vec<String>,
    /// Lines that were left out.
    pub bad_lines: Vec<BadLine>,
}

/// Imports a tenant's accounts and contacts, and opens its gate once there is an account.
pub async fn import(
    store: &Store,
    id: &TenantId,
    accounts: impl Read,
    contacts: Option<impl Read>,
) -> anyhow::Result<Imported> {
    let mut bad_lines = Vec::new();
    let accounts = read(accounts, "accounts", &["external_id", "name", "domains"], account, &mut bad_lines)?;
    let contacts = match contacts {
        Some(file) => read(file, "contacts", &["account_external_id", "email"], contact, &mut bad_lines)?,
        None => Vec::new(),
    };
    let mut domains_ignored = Vec::new();
    let mut records = Vec::with_capacity(accounts.len());
    for (_, (record, ignored)) in accounts {
        domains_ignored.extend(ignored);
        records.push(record);
    }
    let lines: HashMap<String, u64> =
        contacts.iter().map(|(line, contact)| (contact.external_id.clone(), *line)).collect();
    let people: Vec<ContactRecord> = contacts.into_iter().map(|(_, record)| record).collect();
    let tx = store.begin(Speaker::Tenant(id)).await?;
    if tenant::load(&tx, id).await?.is_none() {
        bail!("there is no tenant {id}: add it with `switchboard tenant add {id} --name NAME`");
    }
    let counts = account::import(&tx, id, SOURCE, &records, &people).await.context("failed to import")?;
    let any_account = counts.accounts_added + counts.accounts_changed + counts.accounts_unchanged > 0;
    let gate_opened = any_account && tenant::open_gate(&tx, id).await?;
    tx.commit().await?;
    let homeless = counts.contacts_without_account.iter().map(|contact| BadLine {
        file: "contacts",
        line: lines.get(contact).copied().unwrap_or(0),
        reason: "its account_external_id names no account".to_owned(),
    });
    bad_lines.extend(homeless.collect::<Vec<_>>());
    bad_lines.sort_by_key(|bad| (bad.file, bad.line));
    Ok(Imported { counts, gate_opened, domains_ignored, bad_lines })
}

/// A line's fields by the names of the heading.
struct Line<'a> {
    columns: &'a HashMap<String, usize>,
    record: &'a StringRecord,
}

impl Line<'_> {
    fn get(&self, name: &str) -> &str {
        self.columns.get(name).and_then(|index| self.record.get(*index)).unwrap_or_default().trim()
    }

    fn required(&self, name: &str) -> Result<String, String> {
        let text = self.get(name);
        match text.len() {
            0 => Err(format!("{name} is empty")),
            _ if text.contains('\0') => Err(format!("{name} holds a NUL character")),
            1..=TEXT_BYTES_MAX => Ok(text.to_owned()),
            _ => Err(format!("{name} is longer than {TEXT_BYTES_MAX} bytes")),
        }
    }
}

fn read<T>(
    file: impl Read,
    name: &'static str,
    required: &[&str],
    parse: fn(&Line<'_>) -> Result<T, String>,
    bad_lines: &mut Vec<BadLine>,
) -> anyhow::Result<Vec<(u64, T)>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let headers =
        reader.headers().with_context(|| format!("the {name} file has no readable heading"))?.clone();
    let column = |text: &str| text.trim().trim_start_matches('\u{feff}').to_lowercase();
    let columns: HashMap<String, usize> = headers.iter().map(column).zip(0..).collect();
    if let Some(missing) = required.iter().find(|name| !columns.contains_key(**name)) {
        bail!(
            "the {name} file has no column {missing:?}; its heading is {:?}",
            headers.iter().collect::<Vec<_>>().join(",")
        );
    }
    let mut parsed = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let outcome = match reader.read_record(&mut record) {
            Ok(false) => return Ok(parsed),
            Ok(true) if record.len() != headers.len() => {
                Err(format!("it has {} fields, the heading has {}", record.len(), headers.len()))
            }
            Ok(true) => parse(&Line { columns: &columns, record: &record }),
            Err(error) if error.is_io_error() => {
                return Err(error).context(format!("cannot read the {name} file"));
            }
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        let line = record.position().map_or(line, csv::Position::line);
        match outcome {
            Ok(value) => parsed.push((line, value)),
            Err(reason) => bad_lines.push(BadLine { file: name, line, reason }),
        }
    }
}

/// An account, and those of its domains that are ignored: owned by one account, they would draw in everybody's mail.
fn account(line: &Line<'_>) -> Result<(AccountRecord, Vec<String>), String> {
    let mut domains = BTreeSet::new();
    let mut ignored = Vec::new();
    for text in line.get("domains").split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let lower = text.to_lowercase();
        match domain_from_website(text) {
            Some(domain) if !is_free_mail(&domain) => drop(domains.insert(domain)),
            Some(_) => ignored.push(lower),
            None if is_free_mail(&lower) || is_shared_host(&lower) => ignored.push(lower),
            None => return Err(format!("{text:?} is no domain of a company")),
        }
    }
    let created_at = match line.get("created_at") {
        "" => None,
        text => {
            Some(time(text).ok_or_else(|| format!("created_at {text:?} is no time: expected 2026-01-31"))?)
        }
    };
    let (external_id, name) = (line.required("external_id")?, line.required("name")?);
    Ok((AccountRecord { external_id, name, domains, created_at }, ignored))
}

fn time(text: &str) -> Option<Timestamp> {
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse().ok().or_else(day)
}

fn contact(line: &Line<'_>) -> Result<ContactRecord, String> {
    let email = line.required("email")?;
    let key = EmailKey::parse(&email).ok_or_else(|| "email is no address".to_owned())?;
    let name = line.get("name");
    Ok(ContactRecord {
        external_id: key.as_str().to_owned(),
        account_external_id: line.required("account_external_id")?,
        name: (!name.is_empty()).then(|| name.replace('\0', "")),
        email,
        email_key: key.as_str().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines_are_read_and_bad_ones_listed_by_number() {
        let file = "\u{feff}external_id,name,domains,created_at\n\
            A1,Acme,Acme.com;https://www.acme.de/x,2024-01-31\n\
            ,No id,x.com,\n\
            A3,Too,many,fields,here\n\
            A4,Free,gmail.com,\n\
            A5,\"Quoted, Inc\",,\n\
            A6,When,a.com,yesterday\n\
            A7,Nonsense,no domain at all,\n";
        let mut bad = Vec::new();
        let good = read(file.as_bytes(), "accounts", &["external_id"], account, &mut bad).expect("a heading");
        let ids: Vec<_> = good.iter().map(|(line, (one, _))| (*line, one.external_id.as_str())).collect();
        assert_eq!(ids, [(2, "A1"), (5, "A4"), (6, "A5")]);
        assert_eq!(good[0].1.0.domains.iter().collect::<Vec<_>>(), ["acme.com", "acme.de"]);
        assert_eq!(bad.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4, 7, 8]);
        assert_eq!(good[1].1.1, ["gmail.com"]);
    }

    #[test]
    fn a_file_without_the_columns_is_refused_and_broken_text_is_a_bad_line() {
        let mut bad = Vec::new();
        let error = read("id,label\n1,x\n".as_bytes(), "accounts", &["external_id"], account, &mut bad);
        assert!(error.expect_err("refused").to_string().contains("external_id"));
        let file = b"account_external_id,name,email\nA1,\xff,ana@acme.com\nA1,Bo,not an address\nA1,Cy,cy@acme.com\n";
        let good = read(&file[..], "contacts", &["email"], contact, &mut bad).expect("a heading");
        assert_eq!(good.len(), 1);
        assert_eq!(bad.iter().map(|one| one.line).collect::<Vec<_>>(), [2, 3]);
    }
}
