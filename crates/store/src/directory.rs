//! What is known of people and accounts, for the attendees of a whole batch at once: four set queries in one round trip.
//!
//! Called only after the transaction has its id ([`lock_standings`](crate::conversation_write::lock_standings) or
//! [`load_for_resolve`](crate::resolve::load_for_resolve) sees to that): a change of accounts is worked off when every
//! transaction that could have read the accounts before it has ended, and only those with an id are waited for.

use std::collections::{BTreeSet, HashMap};

use futures::try_join;
use jiff::Timestamp;
use model::{AccountId, TenantId, Vendor};
use tokio_postgres::Row;

use crate::{StoreError, Tx};

/// What to look up; each key with its tenant.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose own domains are needed.
    pub tenants: BTreeSet<TenantId>,
    /// Addresses in normal form.
    pub email_keys: BTreeSet<(TenantId, String)>,
    /// Ids of users, as whoever recorded the conversation names them.
    pub user_ids: BTreeSet<(TenantId, String)>,
    /// Ids of contacts that a vendor linked to somebody.
    pub contact_ids: BTreeSet<(TenantId, String)>,
    /// Domains that may own an address.
    pub domains: BTreeSet<(TenantId, String)>,
    /// Ids of CRM accounts that a vendor linked.
    pub external_ids: BTreeSet<(TenantId, String)>,
    /// Ids of deals that a vendor linked.
    pub deal_ids: BTreeSet<(TenantId, String)>,
}

/// An account, as far as finding one needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAccount {
    /// Its id.
    pub id: AccountId,
    /// Its id at the source.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// When it came to be at its source.
    pub created_at: Option<Timestamp>,
}

/// A contact with this address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContact {
    /// The contact's id at the source.
    pub external_id: String,
    /// Name.
    pub name: Option<String>,
    /// The account it belongs to, if that is there.
    pub account: Option<FoundAccount>,
}

/// One of the tenant's own people, as a vendor knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    /// Which vendor.
    pub vendor: Vendor,
    /// The user's id there.
    pub external_id: String,
}

/// What was found; what was not is absent. Of several, the oldest account first, then the smallest external id.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Each tenant's own domains.
    pub own_domains: HashMap<TenantId, Vec<String>>,
    /// The tenant's own people by address: recorders' users before those of CRMs, then the smallest vendor and id.
    pub users: HashMap<(TenantId, String), Vec<FoundUser>>,
    /// Those of them that were asked for by their ids.
    pub users_by_id: HashMap<TenantId, Vec<FoundUser>>,
    /// Contacts by address.
    pub contacts: HashMap<(TenantId, String), Vec<FoundContact>>,
    /// Contacts by their ids at a CRM.
    pub contacts_by_id: HashMap<(TenantId, String), Vec<FoundContact>>,
    /// Accounts by a domain they own.
    pub by_domain: HashMap<(TenantId, String), Vec<FoundAccount>>,
    /// Accounts by their id at their source.
    pub by_external_id: HashMap<(TenantId, String), Vec<FoundAccount>>,
    /// Accounts by the id of a deal of theirs.
    pub by_deal: HashMap<(TenantId, String), Vec<FoundAccount>>,
}

/// Looks everything up.
pub async fn look_up(tx: &Tx, wanted: &Wanted) -> Result<Found, StoreError> {
    let (own_domains, users, contacts, accounts) =
        try_join!(own_domains(tx, wanted), users(tx, wanted), contacts(tx, wanted), accounts(tx, wanted))?;
    let mut found = Found { own_domains, ..Found::default() };
    for row in &users {
        let user = FoundUser { vendor: row.try_get::<_, &str>(2)?.parse()?, external_id: row.try_get(3)? };
        match row.try_get::<_, Option<String>>(1)? {
            Some(address) => found.users.entry((tenant(row)?, address)).or_default().push(user),
            None => found.users_by_id.entry(tenant(row)?).or_default().push(user),
        }
    }
    for users in found.users.values_mut() {
        users.sort_by(|one, other| one.rank().cmp(&other.rank()));
    }
    for row in &contacts {
        let has_account = row.try_get::<_, Option<uuid::Uuid>>(2)?.is_some();
        let contact = FoundContact {
            external_id: row.try_get(6)?,
            name: row.try_get(7)?,
            account: has_account.then(|| account(row)).transpose()?,
        };
        let is_by_id: bool = row.try_get(8)?;
        let contacts = if is_by_id { &mut found.contacts_by_id } else { &mut found.contacts };
        contacts.entry(key(row)?).or_default().push(contact);
    }
    for row in &accounts {
        let by = match row.try_get::<_, &str>(6)? {
            "domain" => &mut found.by_domain,
            "deal" => &mut found.by_deal,
            _ => &mut found.by_external_id,
        };
        by.entry(key(row)?).or_default().push(account(row)?);
    }
    Ok(found)
}

async fn own_domains(tx: &Tx, wanted: &Wanted) -> Result<HashMap<TenantId, Vec<String>>, StoreError> {
    let tenants: Vec<&str> = wanted.tenants.iter().map(TenantId::as_str).collect();
    let rows =
        tx.query("SELECT tenant_id, domains FROM tenants WHERE tenant_id = ANY ($1)", &[&tenants]).await?;
    rows.iter().map(|row| Ok((TenantId::parse(row.try_get(0)?)?, row.try_get(1)?))).collect()
}

async fn users(tx: &Tx, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let (tenants, keys) = columns(&wanted.email_keys);
    let (id_tenants, ids) = columns(&wanted.user_ids);
    tx.query(
            "WITH wanted AS (SELECT * FROM unnest($1::text[], $2::text[]) AS w (tenant_id, email_key)),
             hits AS (
                 SELECT w.tenant_id, w.email_key, u.connection_id, u.external_id
                 FROM wanted w JOIN users u USING (tenant_id, email_key)
                 UNION
                 SELECT w.tenant_id, w.email_key, e.connection_id, e.external_id
                 FROM wanted w JOIN user_emails e USING (tenant_id, email_key))
             SELECT h.tenant_id, h.email_key, c.vendor, h.external_id
             FROM hits h JOIN connections c USING (connection_id)
             UNION ALL
             SELECT w.tenant_id, NULL, c.vendor, u.external_id
             FROM unnest($3::text[], $4::text[]) AS w (tenant_id, external_id) JOIN connections c USING (tenant_id)
             JOIN users u ON u.connection_id = c.connection_id AND u.external_id = w.external_id",
            &[&tenants, &keys, &id_tenants, &ids],
        )
        .await
}

impl FoundUser {
    fn rank(&self) -> (bool, &str, &str) {
        (self.vendor.is_crm(), self.vendor.as_str(), &self.external_id)
    }
}

async fn contacts(tx: &Tx, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let (tenants, keys) = columns(&wanted.email_keys);
    let (id_tenants, ids) = columns(&wanted.contact_ids);
    tx.query(
        // a lead says less than a contact, and one without an account less than one with
        "WITH hits AS (
             SELECT w.tenant_id, w.email_key AS key, false AS is_by_id, c.source, c.external_id, c.account_id, c.kind, c.name
             FROM unnest($1::text[], $2::text[]) AS w (tenant_id, email_key) JOIN contacts c USING (tenant_id, email_key)
             WHERE c.deleted_at IS NULL AND c.merged_into IS NULL
             UNION
             SELECT w.tenant_id, w.email_key, false, c.source, c.external_id, c.account_id, c.kind, c.name
             FROM unnest($1::text[], $2::text[]) AS w (tenant_id, email_key) JOIN contact_emails e USING (tenant_id, email_key)
             JOIN contacts c USING (tenant_id, source, external_id)
             WHERE c.deleted_at IS NULL AND c.merged_into IS NULL
             UNION
             -- in the place of a merged contact the one that took it
             SELECT w.tenant_id, w.external_id, true, m.source, m.external_id, m.account_id, m.kind, m.name
             FROM unnest($3::text[], $4::text[]) AS w (tenant_id, external_id)
             -- where an id may be from; made before it is compared, which row-level security would take for a leak
             JOIN (SELECT tenant_id, vendor || ':' || vendor_account AS source FROM connections OFFSET 0) AS k USING (tenant_id)
             JOIN contacts c USING (tenant_id, source, external_id)
             JOIN contacts m ON m.tenant_id = c.tenant_id AND m.source = c.source
                  AND m.external_id = CASE WHEN c.merged_into IS NULL THEN c.external_id ELSE c.merged_into END
             WHERE m.deleted_at IS NULL AND m.merged_into IS NULL)
         SELECT h.tenant_id, h.key, a.account_id, a.external_id, a.name, a.created_at, h.external_id, h.name, h.is_by_id
         FROM hits h LEFT JOIN standing_accounts a ON a.tenant_id = h.tenant_id AND a.found_id = h.account_id
         ORDER BY a.account_id IS NULL, h.kind, a.created_at NULLS LAST, a.external_id, h.external_id, h.source",
        &[&tenants, &keys, &id_tenants, &ids],
    )
    .await
}

async fn accounts(tx: &Tx, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let (domain_tenants, domains) = columns(&wanted.domains);
    let (id_tenants, ids) = columns(&wanted.external_ids);
    let (deal_tenants, deals) = columns(&wanted.deal_ids);
    tx.query(
        "WITH hits AS (
             SELECT d.tenant_id, d.domain AS key, d.account_id, 'domain' AS found_by
             FROM unnest($1::text[], $2::text[]) AS w (tenant_id, domain) JOIN account_domains d USING (tenant_id, domain)
             UNION ALL
             SELECT a.tenant_id, a.external_id, a.account_id, 'id'
             FROM unnest($3::text[], $4::text[]) AS w (tenant_id, external_id) JOIN accounts a USING (tenant_id, external_id)
             UNION ALL
             -- in the place of a merged deal the one that took it
             SELECT d.tenant_id, d.external_id, m.account_id, 'deal'
             FROM unnest($5::text[], $6::text[]) AS w (tenant_id, external_id) JOIN deals d USING (tenant_id, external_id)
             JOIN deals m ON m.tenant_id = d.tenant_id AND m.source = d.source
                  -- a coalesce would not be looked up in an index: row-level security takes it for a leak
                  AND m.external_id = CASE WHEN d.merged_into IS NULL THEN d.external_id ELSE d.merged_into END
             WHERE m.deleted_at IS NULL)
         SELECT DISTINCT ON (a.created_at, a.external_id, a.source, h.tenant_id, h.key, h.found_by, a.account_id)
                h.tenant_id, h.key, a.account_id, a.external_id, a.name, a.created_at, h.found_by
         FROM hits h JOIN standing_accounts a ON a.tenant_id = h.tenant_id AND a.found_id = h.account_id
         ORDER BY a.created_at NULLS LAST, a.external_id, a.source, h.tenant_id, h.key, h.found_by, a.account_id",
        &[&domain_tenants, &domains, &id_tenants, &ids, &deal_tenants, &deals],
    )
    .await
}

fn columns(keys: &BTreeSet<(TenantId, String)>) -> (Vec<&str>, Vec<&str>) {
    keys.iter().map(|(tenant, key)| (tenant.as_str(), key.as_str())).unzip()
}

fn tenant(row: &Row) -> Result<TenantId, StoreError> {
    Ok(TenantId::parse(row.try_get(0)?)?)
}

fn key(row: &Row) -> Result<(TenantId, String), StoreError> {
    Ok((tenant(row)?, row.try_get(1)?))
}

fn account(row: &Row) -> Result<FoundAccount, StoreError> {
    Ok(FoundAccount {
        id: AccountId(row.try_get(2)?),
        external_id: row.try_get(3)?,
        name: row.try_get(4)?,
        created_at: row.try_get(5)?,
    })
}
