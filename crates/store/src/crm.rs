//! The write of a batch of CRM records and users, of any tenants, in one transaction: what is given is compared with what is there,
//! only the difference is written, and what of it can move a conversation is noted for linking again.
//!
//! As for conversations, the intake rows are locked first: whoever holds the row of a record is the only one who writes it.

mod accounts;
mod columns;
mod contacts;
mod deals;
pub mod gone;
mod merges;
mod users;

use std::collections::BTreeMap;

use model::{AccountId, ConnectionId, CrmBody, CrmRecord, Presence, TenantId, Vendor, VendorAccount};
use uuid::Uuid;

use self::columns::Columns;
pub(crate) use self::merges::with_merged;
use self::users::User;
use crate::account::change::Change;
use crate::conversation_write::{Arrival, Stored, intake};
use crate::{StoreError, Tx};

/// A record that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct ChangedRecord<'a> {
    /// The document and its standing.
    pub stored: Stored<'a>,
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's own account.
    pub vendor_account: &'a VendorAccount,
    /// The content.
    pub record: &'a CrmRecord,
    /// The document as the vendor sent it, as JSON.
    pub raw: &'a [u8],
}

/// What a batch comes to, each record once.
#[derive(Debug, Clone, Default)]
pub struct RecordWrites<'a> {
    /// To be written.
    pub changed: Vec<ChangedRecord<'a>>,
    /// Known as they are: they cost the intake row only.
    pub unchanged: Vec<Stored<'a>>,
}

/// Where a CRM's records say they come from: two portals of one tenant stay apart.
pub fn source(vendor: Vendor, account: &VendorAccount) -> String {
    format!("{vendor}:{account}")
}

/// What changed, by tenant.
type Changes = BTreeMap<TenantId, Change>;

/// Tenant, source and id at the source.
type Key = (String, String, String);

/// A record with its owner, in the order of keys.
#[derive(Debug)]
struct Row<'a, T> {
    tenant: &'a TenantId,
    source: &'a str,
    record: &'a CrmRecord,
    body: &'a T,
}

impl<T> Clone for Row<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Row<'_, T> {}

impl<T> Row<'_, T> {
    fn key(&self) -> Key {
        (self.tenant.to_string(), self.source.to_owned(), self.record.external_id.clone())
    }

    /// Our id of an account of the same source; whether it is there is another question.
    fn account_id(&self, external_id: Option<&str>) -> Option<Uuid> {
        Some(AccountId::derive(self.tenant, self.source, external_id?).0)
    }

    /// The CRM says that it is deleted or archived.
    fn is_gone(&self) -> bool {
        self.record.presence == Presence::Gone
    }

    /// Another record has taken its place.
    fn is_merged(&self) -> bool {
        matches!(self.record.presence, Presence::MergedInto(_))
    }

    /// Whether it counts.
    fn stands(&self) -> bool {
        self.record.presence == Presence::Live
    }
}

/// Notes which known records the CRM says are gone; they count as they are until that is applied ([`gone`]). Gives back the others.
async fn leave<'a, T>(
    tx: &Tx,
    table: &str,
    rows: &[Row<'a, T>],
    is_known: impl Fn(&Row<'a, T>) -> bool,
) -> Result<Vec<Row<'a, T>>, StoreError> {
    let (leaving, others): (Vec<_>, Vec<_>) =
        rows.iter().copied().partition(|row| row.is_gone() && is_known(row));
    if leaving.is_empty() {
        return Ok(others);
    }
    let Columns { tenants, sources, ids, .. } = Columns::of(&leaving);
    tx.execute(
        &format!(
            "UPDATE {table} t SET gone_at = coalesce(t.gone_at, now())
             FROM unnest($1::text[], $2::text[], $3::text[]) AS n (tenant_id, source, external_id)
             WHERE t.tenant_id = n.tenant_id AND t.source = n.source AND t.external_id = n.external_id"
        ),
        &[&tenants, &sources, &ids],
    )
    .await?;
    Ok(others)
}

/// Writes a batch whose intake rows this transaction has locked.
pub async fn write(tx: &Tx, writes: &mut RecordWrites<'_>) -> Result<(), StoreError> {
    // key order, everywhere: two batches never wait for one another in a circle
    writes.changed.sort_by(|left, right| order(left).cmp(&order(right)));
    let sources: Vec<String> =
        writes.changed.iter().map(|one| source(one.vendor, one.vendor_account)).collect();
    let (mut accounts, mut contacts, mut deals) = (Vec::new(), Vec::new(), Vec::new());
    let mut people: BTreeMap<(&TenantId, ConnectionId), Vec<User<'_>>> = BTreeMap::new();
    for (changed, source) in writes.changed.iter().zip(&sources) {
        let (tenant, record) = (changed.stored.arrival.tenant, changed.record);
        match &record.body {
            CrmBody::Account(body) => accounts.push(Row { tenant, source, record, body }),
            CrmBody::Contact(body) => contacts.push(Row { tenant, source, record, body }),
            CrmBody::Deal(body) => deals.push(Row { tenant, source, record, body }),
            CrmBody::User(body) => {
                let place = (tenant, changed.stored.arrival.connection_id);
                people.entry(place).or_default().push((record.external_id.as_str(), body));
            }
        }
    }
    // A first sync fills these tables a thousand records at a time: what was planned beside the batch before is wrong for this one.
    tx.plan_anew().await?;
    let mut changes = Changes::new();
    let merges = merges::Differing::of(tx, &accounts, &contacts, &deals).await?;
    accounts::write(tx, &accounts, &mut changes).await?;
    contacts::write(tx, &contacts, &mut changes).await?;
    deals::write(tx, &deals, &mut changes).await?;
    for ((tenant, connection), people) in people {
        users::write(tx, tenant, connection, &people, changes.entry(tenant.clone()).or_default()).await?;
    }
    merges.write(tx, &mut changes).await?;
    for (tenant, change) in &changes {
        change.note(tx, tenant).await?;
    }
    note(tx, writes).await
}

fn order<'a>(one: &ChangedRecord<'a>) -> (&'a str, &'a str, &'a str) {
    let arrival = one.stored.arrival;
    (arrival.tenant.as_str(), one.vendor_account.as_str(), arrival.vendor_key.as_str())
}

async fn note(tx: &Tx, writes: &RecordWrites<'_>) -> Result<(), StoreError> {
    let arrivals: Vec<Arrival<'_>> = writes.changed.iter().map(|one| one.stored.arrival).collect();
    let bodies: Vec<&[u8]> = writes.changed.iter().map(|one| one.raw).collect();
    intake::keep(tx, &arrivals, &bodies).await?;
    let changed: Vec<&Stored<'_>> = writes.changed.iter().map(|one| &one.stored).collect();
    let unchanged: Vec<&Stored<'_>> = writes.unchanged.iter().collect();
    if changed.is_empty() && unchanged.is_empty() {
        return Ok(());
    }
    intake::note_stored(tx, &changed, &unchanged).await
}
