//! What the tests of several commands begin with.

use jiff::Timestamp;
use model::{ConnectionId, TenantId, Vendor, VendorAccount};
use store::connection::{Connection, ConnectionSettings};

/// A connection of the tenant `acme` that nothing stops.
pub(crate) fn connection(vendor: Vendor, account: &str) -> Connection {
    let (tenant, vendor_account) = (TenantId::parse("acme").expect("an id"), VendorAccount::of(account));
    Connection {
        id: ConnectionId::derive(&tenant, vendor, &vendor_account),
        tenant,
        vendor,
        vendor_account,
        settings: ConnectionSettings {
            base_url: String::new(),
            allow_http: false,
            backfill_days: 1,
            interval_s: 900,
            lookback_s: 900,
            walk_interval_s: 900,
            admit_private: false,
            domain_fields: Vec::new(),
        },
        enabled: true,
        paused_at: None,
        disconnected_at: None,
        credential_generation: 1,
        credential_state: "valid".to_owned(),
        credential_held_since: None,
        blocked: None,
        created_at: Timestamp::UNIX_EPOCH,
    }
}
