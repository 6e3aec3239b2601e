//! Accounts and contacts from CSV: good lines are imported, bad ones are listed.

mod span;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Cursor, Read};

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

use span::Span;

/// Where imported accounts say they come from.
const SOURCE: &str = "csv";

/// Longer texts are no names or ids, and an index would refuse them.
const TEXT_BYTES_MAX: usize = 400;

/// So much is read a second time at most: a file that is nothing but open quotes would be read once for every line.
const READ_AGAIN_BYTES_MAX: usize = 8 << 20;

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// `accounts` or `contacts`.
    pub file: &'static str,
    /// Its number, from 1, the heading included.
    pub line: u64,
    /// The number of its last one: a quote that is not closed takes in what follows, which is then read on from the second line.
    pub last_line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// A domain that was left out of its account, which was imported without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoredDomain {
    /// The line it is on.
    pub line: u64,
    /// As it is written there.
    pub domain: String,
    /// It is none; else it is nobody's own, of free mail or a shared host.
    pub malformed: bool,
}

/// A domain that several accounts own: the oldest of them gets the vote of whoever writes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedDomain {
    /// The domain in normal form.
    pub domain: String,
    /// The lines of the accounts.
    pub lines: Vec<u64>,
}

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows added, changed and known.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// The tenant's conversations are let in from now on.
    pub gate_opened: bool,
    /// Domains that were left out of their account.
    pub domains_ignored: Vec<IgnoredDomain>,
    /// Domains that several accounts of the file own.
    pub domains_shared: Vec<SharedDomain>,
    /// Lines that were left out.
    pub bad_lines: Vec<BadLine>,
}

impl Imported {
    /// Nothing was left out that was meant to come in.
    pub fn is_whole(&self) -> bool {
        self.bad_lines.is_empty() && !self.domains_ignored.iter().any(|ignored| ignored.malformed)
    }
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
    let accounts = once_each("accounts", accounts, |(record, _)| &record.external_id, &mut bad_lines);
    let contacts = once_each("contacts", contacts, |record| &record.external_id, &mut bad_lines);
    let domains_shared = shared(&accounts);
    let mut domains_ignored = Vec::new();
    let mut records = Vec::with_capacity(accounts.len());
    for (line, (record, ignored)) in accounts {
        let of_line = |(domain, malformed)| IgnoredDomain { line, domain, malformed };
        domains_ignored.extend(ignored.into_iter().map(of_line));
        records.push(record);
    }
    let mut lines: HashMap<String, Vec<u64>> = HashMap::new();
    for (line, contact) in &contacts {
        lines.entry(contact.external_id.clone()).or_default().push(*line);
    }
    let people: Vec<ContactRecord> = contacts.into_iter().map(|(_, record)| record).collect();
    let tx = store.begin(Speaker::Tenant(id)).await?;
    if tenant::load(&tx, id).await?.is_none() {
        bail!("there is no tenant {id}: add it with `switchboard tenant add {id} --name NAME`");
    }
    let counts = account::import(&tx, id, SOURCE, &records, &people).await.context("failed to import")?;
    let any_account = counts.accounts_added + counts.accounts_changed + counts.accounts_unchanged > 0;
    let gate_opened = any_account && tenant::open_gate(&tx, id).await?;
    tx.commit().await?;
    bad_lines.extend(homeless(&counts.contacts_without_account, &lines));
    bad_lines.sort_by_key(|bad| (bad.file, bad.line));
    Ok(Imported { counts, gate_opened, domains_ignored, domains_shared, bad_lines })
}

/// The first line of each id; a later one of the same id must not undo it unseen.
fn once_each<T>(
    file: &'static str,
    records: Vec<(u64, T)>,
    id: impl Fn(&T) -> &String,
    bad_lines: &mut Vec<BadLine>,
) -> Vec<(u64, T)> {
    let mut first: HashMap<String, u64> = HashMap::new();
    let mut kept = Vec::with_capacity(records.len());
    for (line, record) in records {
        if let Some(before) = first.get(id(&record)) {
            let reason = format!("{:?} is on line {before} already", id(&record));
            bad_lines.push(BadLine { file, line, last_line: line, reason });
            continue;
        }
        first.insert(id(&record).clone(), line);
        kept.push((line, record));
    }
    kept
}

fn shared(accounts: &[(u64, AccountLine)]) -> Vec<SharedDomain> {
    let mut owners: BTreeMap<&String, Vec<u64>> = BTreeMap::new();
    for (line, (record, _)) in accounts {
        for domain in &record.domains {
            owners.entry(domain).or_default().push(*line);
        }
    }
    let several = owners.into_iter().filter(|(_, lines)| lines.len() > 1);
    several.map(|(domain, lines)| SharedDomain { domain: domain.clone(), lines }).collect()
}

/// Every line of the contacts whose account there is not, each once.
fn homeless(contacts: &[String], lines: &HashMap<String, Vec<u64>>) -> Vec<BadLine> {
    let contacts: BTreeSet<&String> = contacts.iter().collect();
    let lines = contacts.into_iter().filter_map(|contact| lines.get(contact)).flatten();
    let bad = lines.map(|line| BadLine {
        file: "contacts",
        line: *line,
        last_line: *line,
        reason: "its account_external_id names no account".to_owned(),
    });
    bad.collect()
}

/// An account, and those of its domains that are ignored, each with whether it is malformed.
type AccountLine = (AccountRecord, Vec<(String, bool)>);

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
            _ if text.contains(['\n', '\r']) => Err(format!("{name} holds a line break")),
            1..=TEXT_BYTES_MAX => Ok(text.to_owned()),
            _ => Err(format!("{name} is longer than {TEXT_BYTES_MAX} bytes")),
        }
    }
}

fn read<T>(
    mut file: impl Read,
    name: &'static str,
    required: &[&str],
    parse: fn(&Line<'_>) -> Result<T, String>,
    bad_lines: &mut Vec<BadLine>,
) -> anyhow::Result<Vec<(u64, T)>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(|| format!("cannot read the {name} file"))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(Cursor::new(&bytes));
    let headers =
        reader.headers().with_context(|| format!("the {name} file has no readable heading"))?.clone();
    let columns = columns(&headers, name, required)?;
    let mut parsed = Vec::new();
    let mut record = StringRecord::new();
    let mut read_again = 0;
    loop {
        let before = reader.position().clone();
        let read = reader.read_record(&mut record);
        let span = Span::of(&bytes, &before, reader.position());
        let outcome = match read {
            Ok(false) => return Ok(parsed),
            Ok(true) if !span.is_closed() => Err("a quote in it is not closed".to_owned()),
            Ok(true) if record.len() != headers.len() => {
                Err(format!("it has {} fields, the heading has {}", record.len(), headers.len()))
            }
            Ok(true) => parse(&Line { columns: &columns, record: &record }),
            Err(error) if error.is_io_error() => {
                return Err(error).context(format!("cannot read the {name} file"));
            }
            Err(_) if !span.is_closed() => Err("a quote in it is not closed".to_owned()),
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        match outcome {
            Ok(value) => parsed.push((span.line, value)),
            Err(reason) => {
                bad_lines.push(BadLine { file: name, line: span.line, last_line: span.last_line(), reason });
                if let Some(second) = span.second_line().filter(|_| read_again < READ_AGAIN_BYTES_MAX) {
                    read_again += span.raw.len();
                    reader.seek(second).with_context(|| format!("cannot read the {name} file"))?;
                }
            }
        }
    }
}

/// Where each column of the heading is.
fn columns(headers: &StringRecord, name: &str, required: &[&str]) -> anyhow::Result<HashMap<String, usize>> {
    let column = |text: &str| text.trim().trim_start_matches('\u{feff}').to_lowercase();
    let columns: HashMap<String, usize> = headers.iter().map(column).zip(0..).collect();
    if let Some(missing) = required.iter().find(|name| !columns.contains_key(**name)) {
        let heading = headers.iter().collect::<Vec<_>>().join(",");
        let separators = [(';', "semicolons"), ('\t', "tabs")];
        let other =
            separators.iter().find(|(separator, _)| headers.len() == 1 && heading.contains(*separator));
        if let Some((_, other)) = other {
            bail!("the columns of the {name} file are separated by {other}: save it with commas");
        }
        bail!("the {name} file has no column {missing:?}; its heading is {heading:?}");
    }
    Ok(columns)
}

/// Reads an account; domains of free mail and shared hosts would draw in everybody's calls.
fn account(line: &Line<'_>) -> Result<AccountLine, String> {
    let mut domains = BTreeSet::new();
    let mut ignored = Vec::new();
    for text in line.get("domains").split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let lower = text.to_lowercase();
        let is_nobodys = |domain: &str| is_free_mail(domain) || is_shared_host(domain);
        match domain_from_website(text) {
            Some(domain) if !is_free_mail(&domain) => drop(domains.insert(domain)),
            Some(_) => ignored.push((lower, false)),
            None => {
                let malformed = !is_nobodys(&lower);
                ignored.push((lower, malformed));
            }
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
    if name.contains(['\n', '\r']) {
        return Err("name holds a line break".to_owned());
    }
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

    /// Line and address of the good ones, first and last line of the bad ones.
    type Found = (Vec<(u64, String)>, Vec<(u64, u64)>);

    fn contacts(file: &str) -> Found {
        let mut bad = Vec::new();
        let good = read(file.as_bytes(), "contacts", &["email"], contact, &mut bad).expect("a heading");
        let good = good.into_iter().map(|(line, one)| (line, one.email));
        (good.collect(), bad.iter().map(|one| (one.line, one.last_line)).collect())
    }

    #[test]
    fn a_quote_that_is_not_closed_takes_its_own_line_and_no_other() {
        let heading = "account_external_id,email,name\n";
        let good = [(3, "bo@acme.com".to_owned()), (4, "cy@acme.com".to_owned())];
        for (open, ending, last) in [
            ("A1,ana@acme.com,\"Ana", "", 4),
            ("A1,ana@acme.com,\"Ana", "\n", 4),
            ("A1,\"ana@acme.com,Ana", "\n", 4),
            ("\"A1,ana@acme.com,Ana", "\r\n\r\n", 4),
        ] {
            let file = format!("{heading}{open}\nA1,bo@acme.com,Bo\nA1,cy@acme.com,Cy{ending}");
            assert_eq!(contacts(&file), (good.to_vec(), vec![(2, last)]), "{file:?}");
        }
        // the next quote seems to close it
        let file = format!("{heading}A1,ana@acme.com,\"Ana\nA1,bo@acme.com,Bo\nA1,cy@acme.com,\"Cy\"\n");
        assert_eq!(contacts(&file), (good.to_vec(), vec![(2, 4)]));
    }

    #[test]
    fn a_line_break_in_a_column_that_is_not_read_is_no_fault() {
        let file = "account_external_id,email,name,note\n\n\
            A1,ana@acme.com,Ana,\"one \"\"line\"\"\r\nand another\"\n\
            A1,bo@acme.com,Bo,\n\
            A1,nonsense,Cy,\"two\nlines\"\n\
            A1,di@acme.com,Di,\n";
        let good = [(3, "ana@acme.com"), (5, "bo@acme.com"), (8, "di@acme.com")];
        let good = good.map(|(line, email)| (line, email.to_owned())).to_vec();
        assert_eq!(contacts(file), (good, vec![(6, 7), (7, 7)]));
    }

    #[test]
    fn a_file_of_nothing_but_open_quotes_comes_to_an_end() {
        let file = format!("account_external_id,email\n{}", "x\",\"\n".repeat(20_000));
        let (good, bad) = contacts(&file);
        assert!(good.is_empty());
        assert_eq!(bad.first(), Some(&(2, 20_001)));
        assert_eq!(
            bad.last().map(|(_, last)| *last),
            Some(20_001),
            "what is not read again is listed as well"
        );
        assert!(bad.len() < 100, "read {} times", bad.len());
    }

    #[test]
    fn a_contact_without_its_account_is_listed_with_every_line_it_is_on() {
        let lines = HashMap::from([("a".to_owned(), vec![2, 4]), ("b".to_owned(), vec![3])]);
        let twice = ["a".to_owned(), "a".to_owned()];
        let listed: Vec<u64> = homeless(&twice, &lines).iter().map(|one| one.line).collect();
        assert_eq!(listed, [2, 4]);
    }

    #[test]
    fn good_lines_are_read_and_bad_ones_listed_by_number() {
        let file = "\u{feff}external_id,name,domains,created_at\n\
            A1,Acme,Acme.com;https://www.acme.de/x,2024-01-31\n\
            ,No id,x.com,\n\
            A3,Too,many,fields,here\n\
            A4,Free,gmail.com,\n\
            A5,\"Quoted, Inc\",,\n\
            A6,When,a.com,yesterday\n\
            A7,Nonsense,no domain at all;seven.com,\n";
        let mut bad = Vec::new();
        let good = read(file.as_bytes(), "accounts", &["external_id"], account, &mut bad).expect("a heading");
        let ids: Vec<_> = good.iter().map(|(line, (one, _))| (*line, one.external_id.as_str())).collect();
        assert_eq!(ids, [(2, "A1"), (5, "A4"), (6, "A5"), (8, "A7")]);
        assert_eq!(good[0].1.0.domains.iter().collect::<Vec<_>>(), ["acme.com", "acme.de"]);
        assert_eq!(bad.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4, 7]);
        let ignored =
            |index: usize| good[index].1.1.iter().map(|(domain, malformed)| (domain.as_str(), *malformed));
        assert_eq!(ignored(1).collect::<Vec<_>>(), [("gmail.com", false)]);
        assert_eq!(ignored(3).collect::<Vec<_>>(), [("no domain at all", true)]);
        assert_eq!(good[3].1.0.domains.iter().collect::<Vec<_>>(), ["seven.com"]);
    }

    #[test]
    fn of_two_lines_with_one_id_the_first_stands_and_shared_domains_are_told() {
        let file =
            "external_id,name,domains\nA1,First,one.com;both.com\nA1,Again,two.com\nA2,Other,Both.com\n";
        let mut bad = Vec::new();
        let read = read(file.as_bytes(), "accounts", &["external_id"], account, &mut bad).expect("a heading");
        let kept = once_each("accounts", read, |(record, _)| &record.external_id, &mut bad);
        assert_eq!(kept.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((bad[0].line, bad[0].reason.as_str()), (3, "\"A1\" is on line 2 already"));
        assert_eq!(shared(&kept), [SharedDomain { domain: "both.com".to_owned(), lines: vec![2, 4] }]);
    }

    #[test]
    fn a_file_with_other_separators_is_told_so() {
        let mut bad = Vec::new();
        let file = "external_id;name;domains\nA1;Acme;acme.com\n";
        let error = read(file.as_bytes(), "accounts", &["external_id"], account, &mut bad);
        assert!(error.expect_err("refused").to_string().contains("separated by semicolons"));
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
