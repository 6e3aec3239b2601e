//! A record of the CRM out of a row.

use std::collections::BTreeSet;

use model::{CrmAccount, CrmBody, CrmContact, CrmDeal, CrmRecord, Presence, Stream};
use serde_json::value::RawValue;

use super::fields::Fields;
use super::relation;
use crate::MappingError;
use crate::account::salesforce_long_id;
use crate::crm::{User, addresses, full_name, stored_id};
use crate::email::domain_from_website;
use crate::json::{Entries, mended, text};
use crate::nul::NulSweeper;
use crate::time::timestamp;

/// Maps an account, a contact, a lead, an opportunity or a user; `related` are a contact's relations with accounts.
pub fn record(stream: Stream, row: &RawValue, related: Option<&RawValue>) -> Result<CrmRecord, MappingError> {
    if !row.get().starts_with('{') {
        return Err(MappingError::NoAttributes);
    }
    let (readable, _) = mended(row);
    let fields: Fields<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let external_id = id(fields.id.get().ok_or(MappingError::NoId)?);
    let mut nul = NulSweeper::default();
    let body = match stream {
        Stream::Accounts => CrmBody::Account(account(&external_id, &fields, &readable, &mut nul)),
        Stream::Contacts => CrmBody::Contact(contact(&fields, related, &mut nul)),
        Stream::Leads => CrmBody::Contact(lead(&fields, &mut nul)),
        Stream::Deals => CrmBody::Deal(opportunity(&external_id, &fields, &mut nul)),
        Stream::Users => return Ok(user(external_id, &fields)),
        Stream::Conversations => return Err(MappingError::NoDocument),
    };
    Ok(CrmRecord {
        presence: presence(&external_id, &fields),
        // the loser tells of a merge, not the winner
        merged_ids: BTreeSet::new(),
        created_at: fields.created_at.get().and_then(timestamp),
        owner_external_id: fields.owner.get().map(id),
        external_id,
        body,
    })
}

/// An id in its long form: requests, URLs and other programs write the short one.
pub(super) fn id(text: &str) -> String {
    salesforce_long_id(&stored_id(text))
}

fn presence(external_id: &str, fields: &Fields<'_>) -> Presence {
    if fields.deleted.0 != Some(true) {
        return Presence::Live;
    }
    match fields.master.get().map(id) {
        Some(master) if master != external_id => Presence::MergedInto(master),
        _ => Presence::Gone,
    }
}

fn user(external_id: String, fields: &Fields<'_>) -> CrmRecord {
    let user = User { name: fields.name.get(), ..User::default() };
    user.record(external_id, fields.email.get())
}

fn account(external_id: &str, fields: &Fields<'_>, row: &RawValue, nul: &mut NulSweeper) -> CrmAccount {
    let domains = if fields.is_person.0 == Some(true) {
        // a person, not a company: its website or mail host is nobody else's account
        BTreeSet::new()
    } else {
        let website = fields.website.get().map(str::to_owned);
        let texts = website.into_iter().chain(custom_texts(row));
        texts.flat_map(|text| domains_in(&text)).collect()
    };
    CrmAccount {
        name: nul.trimmed(fields.name.get()).unwrap_or_else(|| external_id.to_owned()),
        domains,
        parent_external_id: fields.parent.get().map(id),
    }
}

/// Custom fields of accounts are only asked for when somebody has said that they hold domains.
fn custom_texts(row: &RawValue) -> Vec<String> {
    let Entries(fields) = serde_json::from_str(row.get()).unwrap_or_default();
    let custom = fields.iter().filter(|(name, _)| name.ends_with("__c"));
    custom.filter_map(|(_, value)| text(value).map(std::borrow::Cow::into_owned)).collect()
}

/// Every host in a field that people type into: several, with commas, semicolons or spaces between them.
fn domains_in(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| matches!(c, ';' | ',') || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).filter_map(domain_from_website).collect()
}

fn contact(fields: &Fields<'_>, related: Option<&RawValue>, nul: &mut NulSweeper) -> CrmContact {
    let (emails, email_keys) = addresses(fields.email.get().into_iter(), nul);
    let name = full_name(fields.first_name.get(), fields.last_name.get(), nul);
    let own = fields.account.get().map(id);
    let mut others = relation::accounts(related);
    others.retain(|other| Some(other) != own.as_ref());
    CrmContact {
        lead: false,
        name: name.or_else(|| nul.trimmed(fields.name.get())),
        title: nul.trimmed(fields.title.get()),
        phone: nul.trimmed(fields.phone.get().or(fields.mobile.get())),
        emails,
        email_keys,
        account_external_id: own,
        other_account_external_ids: others,
    }
}

/// A lead belongs to nobody until it is converted; then it leads to the account that it became.
fn lead(fields: &Fields<'_>, nul: &mut NulSweeper) -> CrmContact {
    CrmContact {
        lead: true,
        account_external_id: fields.converted_account.get().map(id),
        ..contact(fields, None, nul)
    }
}

fn opportunity(external_id: &str, fields: &Fields<'_>, nul: &mut NulSweeper) -> CrmDeal {
    CrmDeal {
        name: nul.trimmed(fields.name.get()).unwrap_or_else(|| external_id.to_owned()),
        account_external_id: fields.account.get().map(id),
        stage: nul.trimmed(fields.stage.get()),
        amount: nul.trimmed(fields.amount.get()),
        currency: nul.trimmed(fields.currency.get()),
        close_date: nul.trimmed(fields.close_date.get()),
        closed: fields.closed.0.unwrap_or(false),
        won: fields.won.0.unwrap_or(false),
    }
}
