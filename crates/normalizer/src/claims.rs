//! Documents that were too large for a message.

use std::collections::{BTreeSet, HashMap};

use model::message::{RawDocument, RawSource};
use model::{ContentHash, TenantId};
use runtime::{Shutdown, retry_until};
use store::{Speaker, StoreError, claim_check};

use crate::Deps;
use crate::store_batch::REPEAT;

/// What was put away, by tenant and hash; what is not there is absent.
pub(crate) type Claimed = HashMap<(TenantId, ContentHash), Vec<u8>>;

/// Fetches what the batch's documents have put away; waits for a database that is away. `None`: the shutdown came first.
pub(crate) async fn fetch(
    deps: &Deps,
    documents: &[(usize, RawDocument<'_>)],
    shutdown: &Shutdown,
) -> Option<Claimed> {
    let claims: BTreeSet<(TenantId, ContentHash)> = documents
        .iter()
        .filter_map(|(_, document)| match document.source {
            RawSource::Claim { claim, .. } => Some((document.tenant.clone(), claim)),
            _ => None,
        })
        .collect();
    if claims.is_empty() {
        return Some(Claimed::new());
    }
    retry_until(shutdown, REPEAT, "fetching large documents", || fetch_all(deps, &claims)).await
}

async fn fetch_all(deps: &Deps, claims: &BTreeSet<(TenantId, ContentHash)>) -> Result<Claimed, StoreError> {
    let mut claimed = Claimed::new();
    for (tenant, claim) in claims {
        let tx = deps.store.begin(Speaker::Tenant(tenant)).await?;
        if let Some(body) = claim_check::get(&tx, tenant, *claim).await? {
            claimed.insert((tenant.clone(), *claim), body);
        }
        tx.commit().await?;
    }
    Ok(claimed)
}
