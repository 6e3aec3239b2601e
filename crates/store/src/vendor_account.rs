//! By what an account at a vendor is known, so that whoever connects to it, for any tenant, shares its limits.

use model::{Vendor, VendorAccount};

use crate::{StoreError, Tx};

/// The account that one of these names stands for; the first that is known decides.
pub async fn known_as(
    tx: &Tx,
    vendor: Vendor,
    names: &[VendorAccount],
) -> Result<Option<VendorAccount>, StoreError> {
    let names: Vec<&str> = names.iter().map(VendorAccount::as_str).collect();
    let row = tx
        .query_opt(
            "SELECT k.vendor_account FROM unnest($2::text[]) WITH ORDINALITY AS w (name, place)
             JOIN vendor_account_names k ON k.vendor = $1 AND k.name = w.name ORDER BY w.place LIMIT 1",
            &[&vendor.as_str(), &names],
        )
        .await?;
    row.map(|row| Ok(VendorAccount::of(row.try_get(0)?))).transpose()
}

/// Remembers what an account goes by now. A name keeps its first meaning: limits stay with the account that has them.
pub async fn remember(
    tx: &Tx,
    vendor: Vendor,
    account: &VendorAccount,
    names: &[VendorAccount],
) -> Result<(), StoreError> {
    let names: Vec<&str> = names.iter().map(VendorAccount::as_str).collect();
    tx.execute(
        // in their order, so that two who do this at once wait for each other instead of both
        "INSERT INTO vendor_account_names (vendor, name, vendor_account)
         SELECT $1, name, $3 FROM unnest($2::text[]) AS n (name) ORDER BY name
         ON CONFLICT (vendor, name) DO NOTHING",
        &[&vendor.as_str(), &names, &account.as_str()],
    )
    .await?;
    Ok(())
}
