//! Numbers of the whole system by tenant: only where a setting asks for them, because there may be thousands.

use std::collections::BTreeMap;

use model::TenantId;
use runtime::Numbers;
use store::report::{DayFreshness, OneDoing, Whose};

use super::table::Table;
use super::vendors::by_part;

/// How the whole stands, tenant by tenant.
#[derive(Debug)]
pub(crate) struct TenantNumbers {
    connections: Table,
    oldest_sync: Table,
    freshness: Table,
    dead: Table,
}

impl TenantNumbers {
    pub(crate) fn register(make: Numbers<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            connections: Table::counts(
                make,
                "switchboard_tenant_connections",
                "Connections of a tenant by how they are doing; only with SWITCHBOARD_TENANT_METRICS.",
                &["tenant", "status"],
            )?,
            oldest_sync: Table::measures(
                make,
                "switchboard_tenant_oldest_sync_seconds",
                "Seconds since a tenant's connections were last synced, of the one farthest behind; only with SWITCHBOARD_TENANT_METRICS.",
                &["tenant"],
            )?,
            freshness: Table::measures(
                make,
                "switchboard_tenant_freshness_seconds",
                "As switchboard_freshness_seconds, of a tenant; only with SWITCHBOARD_TENANT_METRICS.",
                &["tenant", "part", "quantile"],
            )?,
            dead: Table::counts(
                make,
                "switchboard_tenant_dead_letters",
                "Dead letters of a tenant; only with SWITCHBOARD_TENANT_METRICS.",
                &["tenant"],
            )?,
        })
    }

    pub(crate) fn connections(&self, doings: &[OneDoing]) {
        let mut counts: BTreeMap<[&str; 2], f64> = BTreeMap::new();
        let mut oldest: BTreeMap<&str, f64> = BTreeMap::new();
        for one in doings {
            *counts.entry([one.tenant.as_str(), one.doing.as_str()]).or_default() += 1.0;
            if one.is_wanted() {
                let oldest = oldest.entry(one.tenant.as_str()).or_default();
                *oldest = oldest.max(one.synced_ago_s as f64);
            }
        }
        self.connections.set(counts.into_iter().map(|(labels, count)| (labels.to_vec(), count)));
        self.oldest_sync.set(oldest.into_iter().map(|(tenant, seconds)| (vec![tenant], seconds)));
    }

    pub(crate) fn freshness(&self, measured: &[DayFreshness]) {
        let of_tenants = measured.iter().filter_map(|one| match &one.whose {
            Whose::Tenant(tenant) => Some((tenant.as_str(), one)),
            Whose::Vendor(_) => None,
        });
        self.freshness.set(of_tenants.flat_map(|(tenant, one)| by_part(tenant, one)));
    }

    pub(crate) fn dead(&self, dead: &[(TenantId, i64)]) {
        self.dead.set(dead.iter().map(|(tenant, count)| (vec![tenant.as_str()], *count as f64)));
    }
}
