//! Whoever asks for a person, a company or a deal learns what is kept of it.

use model::{Stream, Vendor, VendorAccount};
use store::Speaker;
use store::report::{self, Kept};
use store::testing::{connected_to, take_records, user};

use crate::support::{World, tenant_id};

async fn kept(world: &World, text: &str) -> Vec<Kept> {
    let tx = world.store().begin(Speaker::Everybody).await.unwrap();
    let found = report::kept(&tx, text).await.unwrap();
    tx.commit().await.unwrap();
    found
}

/// What was found, each by its kind and id.
async fn names(world: &World, text: &str) -> Vec<String> {
    kept(world, text).await.iter().map(|one| format!("{} {}", one.kind, one.external_id)).collect()
}

/// A CRM with a company, a contact, a lead and a deal, and a recorder with a user.
async fn world() -> World {
    let world = World::new().await;
    connected_to(world.store(), &world.tenant, Vendor::HubSpot, &VendorAccount::of("145")).await;
    let bob = user("u-1", &["Bob@acme.com"]);
    take_records(world.store(), (&world.tenant, world.connection), Stream::Users, &[bob], 1).await;
    world
        .db
        .execute(
            "INSERT INTO accounts (tenant_id, account_id, source, external_id, name) VALUES
                 ('acme', '00000000-0000-4000-8000-0000000000a1', 'hubspot:145', '9876', 'Northwind'),
                 ('acme', '00000000-0000-4000-8000-0000000000a2', 'csv', 'a-2', 'Contoso');
             INSERT INTO contacts (tenant_id, source, external_id, account_id, name, email, email_key, kind, deleted_at, gone_at) VALUES
                 ('acme', 'hubspot:145', '51', '00000000-0000-4000-8000-0000000000a1', 'Ana', 'Ana@n.com', 'ana@n.com', 'contact', NULL, NULL),
                 ('acme', 'hubspot:145', '00Q1', NULL, 'Leo', 'leo@n.com', 'leo@n.com', 'lead', now(), now());
             INSERT INTO deals (tenant_id, source, external_id, account_id, name, closed, won) VALUES
                 ('acme', 'hubspot:145', '77', '00000000-0000-4000-8000-0000000000a1', 'A deal', false, false)",
        )
        .await;
    world
}

#[tokio::test]
async fn every_kind_of_record_is_found_by_its_id_its_address_or_a_url() {
    let world = world().await;
    for (text, found) in [
        ("9876", "account 9876"),
        ("accounts/9876", "account 9876"),
        ("00000000-0000-4000-8000-0000000000A2", "account a-2"),
        ("https://app.hubspot.com/contacts/145/record/0-1/51", "contact 51"),
        ("ANA@n.com", "contact 51"),
        ("https://acme.lightning.force.com/lightning/r/Lead/00Q1/view", "lead 00Q1"),
        ("77", "deal 77"),
        ("u-1", "user u-1"),
        ("users/u-1", "user u-1"),
        ("bob@acme.com", "user u-1"),
    ] {
        assert_eq!(names(&world, text).await, [found], "{text}");
    }
    let ana = kept(&world, "51").await.remove(0);
    assert_eq!(ana.account.as_deref(), Some("Northwind"));
    assert!(kept(&world, "leo@n.com").await[0].deleted_at.is_some());
    assert_eq!(names(&world, "nobody@n.com").await, [""; 0]);
    world.db.finish().await;
}

#[tokio::test]
async fn another_tenant_learns_of_none_of_it() {
    let world = world().await;
    let tx = world.store().begin(Speaker::Tenant(&tenant_id("globex"))).await.unwrap();
    for text in ["9876", "51", "77", "u-1", "ana@n.com"] {
        assert_eq!(report::kept(&tx, text).await.unwrap(), [], "{text}");
    }
    tx.commit().await.unwrap();
    assert_eq!(Stream::ALL.len(), 6, "a new kind of record wants to be found, too");
    world.db.finish().await;
}
