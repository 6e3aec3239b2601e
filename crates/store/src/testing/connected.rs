//! A tenant with a connection, for tests that begin after that.

use model::{ConnectionId, TenantId, Vendor, VendorAccount};

use crate::connection::{self, ConnectionSettings};
use crate::{Speaker, Store, tenant};

/// Adds a tenant whose people are at `TENANT.com`, with a connection to an account of Attention.
pub async fn connected(store: &Store, tenant: &TenantId, account: &VendorAccount) -> ConnectionId {
    let tx = store.begin(Speaker::Tenant(tenant)).await.expect("a transaction");
    tenant::add(&tx, tenant, "A tenant", &[format!("{tenant}.com")]).await.expect("a new tenant");
    tx.commit().await.expect("a commit");
    connected_to(store, tenant, Vendor::Attention, account).await
}

/// Adds a connection to a tenant.
pub async fn connected_to(
    store: &Store,
    tenant: &TenantId,
    vendor: Vendor,
    account: &VendorAccount,
) -> ConnectionId {
    let settings = ConnectionSettings {
        base_url: "https://vendor.example/v2".to_owned(),
        allow_http: false,
        backfill_days: 30,
        interval_s: 900,
        lookback_s: 172_800,
        walk_interval_s: 604_800,
        admit_private: false,
        domain_fields: Vec::new(),
    };
    let tx = store.begin(Speaker::Tenant(tenant)).await.expect("a transaction");
    let streams = [model::Stream::Conversations];
    let connecting = connection::connect(&tx, tenant, vendor, account, &settings, &streams);
    let (id, _) = connecting.await.expect("a connection");
    tx.commit().await.expect("a commit");
    id
}
