//! A record of the CRM out of HubSpot's document and its associations.

use std::collections::BTreeSet;

use model::{CrmAccount, CrmBody, CrmContact, CrmDeal, CrmRecord, Presence, Stream};
use serde_json::value::RawValue;

use super::owner::owner;
use super::properties::{Associated, Envelope, Properties};
use crate::MappingError;
use crate::crm::{addresses, full_name, items, stored_id};
use crate::email::domain_from_website;
use crate::json::mended;
use crate::nul::NulSweeper;
use crate::time::timestamp;

/// Maps a company, a contact, a deal or an owner; `related` are its associations with companies.
pub fn record(stream: Stream, row: &RawValue, related: Option<&RawValue>) -> Result<CrmRecord, MappingError> {
    if stream == Stream::Users {
        return owner(row);
    }
    let (readable, _) = mended(row);
    let envelope: Envelope<'_> = serde_json::from_str(readable.get()).unwrap_or_default();
    let properties = envelope.properties.filter(|properties| properties.get().starts_with('{'));
    let properties = properties.ok_or(MappingError::NoAttributes)?;
    let properties: Properties<'_> = serde_json::from_str(properties.get()).unwrap_or_default();
    let id = stored_id(envelope.id.get().ok_or(MappingError::NoId)?);
    let mut nul = NulSweeper::default();
    let companies = Companies::of(&properties, related);
    let body = match stream {
        Stream::Accounts => CrmBody::Account(account(&id, &properties, &mut nul)),
        Stream::Contacts => CrmBody::Contact(contact(&properties, companies, &mut nul)),
        Stream::Deals => CrmBody::Deal(deal(&id, &properties, companies, &mut nul)),
        Stream::Leads | Stream::Users | Stream::Conversations => return Err(MappingError::NoDocument),
    };
    let created_at = properties.created_at.get().or(envelope.created_at.get());
    Ok(CrmRecord {
        presence: if envelope.archived.0 == Some(true) { Presence::Gone } else { Presence::Live },
        // a record that names itself would be merged into itself
        merged_ids: items(properties.merged.get()).map(stored_id).filter(|merged| *merged != id).collect(),
        created_at: created_at.and_then(timestamp),
        owner_external_id: properties.owner.get().map(stored_id),
        external_id: id,
        body,
    })
}

fn account(id: &str, properties: &Properties<'_>, nul: &mut NulSweeper) -> CrmAccount {
    // the website is free text; HubSpot fills one from the other, so it only helps where there is no domain
    let own = properties.domain.get().or(properties.website.get());
    let domains = own.into_iter().chain(items(properties.more_domains.get()));
    CrmAccount {
        name: nul.trimmed(properties.name.get()).unwrap_or_else(|| id.to_owned()),
        domains: domains.filter_map(domain_from_website).collect(),
        parent_external_id: properties.parent.get().map(stored_id),
    }
}

fn contact(properties: &Properties<'_>, companies: Companies, nul: &mut NulSweeper) -> CrmContact {
    let given = properties.email.get().into_iter().chain(items(properties.more_emails.get()));
    let (emails, email_keys) = addresses(given, nul);
    CrmContact {
        lead: false,
        name: full_name(properties.first_name.get(), properties.last_name.get(), nul),
        title: nul.trimmed(properties.job_title.get()),
        phone: nul.trimmed(properties.phone.get()),
        emails,
        email_keys,
        account_external_id: companies.primary,
        other_account_external_ids: companies.others,
    }
}

fn deal(id: &str, properties: &Properties<'_>, companies: Companies, nul: &mut NulSweeper) -> CrmDeal {
    CrmDeal {
        name: nul.trimmed(properties.deal_name.get()).unwrap_or_else(|| id.to_owned()),
        account_external_id: companies.primary,
        stage: nul.trimmed(properties.stage.get()),
        amount: nul.trimmed(properties.amount.get()),
        currency: nul.trimmed(properties.currency.get()),
        close_date: nul.trimmed(properties.close_date.get()),
        closed: properties.closed.0.unwrap_or(false),
        won: properties.won.0.unwrap_or(false),
    }
}

/// The companies a record is associated with.
struct Companies {
    primary: Option<String>,
    others: BTreeSet<String>,
}

impl Companies {
    /// The one HubSpot calls primary, else the one the contact itself names, else the first.
    fn of(properties: &Properties<'_>, related: Option<&RawValue>) -> Self {
        let associated = Associated::all(related);
        let ids: Vec<(String, bool)> =
            associated.iter().filter_map(|one| Some((stored_id(one.to.get()?), one.is_primary()))).collect();
        let named = properties.company.get().map(stored_id);
        let primary = ids.iter().find(|(_, is_primary)| *is_primary).map(|(id, _)| id.clone());
        // the property may lag behind the associations: where there are any, it only chooses among them
        let named = named.filter(|named| ids.is_empty() || ids.iter().any(|(id, _)| id == named));
        let primary = primary.or(named).or_else(|| ids.first().map(|(id, _)| id.clone()));
        let others = ids.into_iter().map(|(id, _)| id).filter(|id| Some(id) != primary.as_ref()).collect();
        Self { primary, others }
    }
}
