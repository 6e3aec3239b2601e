//! What a CRM tells, in whatever order: every call that it concerns is noted for linking again.

use model::{
    ConnectionId, CrmAccount, CrmBody, CrmContact, CrmDeal, CrmRecord, Presence, Stream, Vendor,
    VendorAccount,
};
use store::directory::{Wanted, look_up};
use store::testing::{self, connected_to, record};
use store::{Speaker, crm};

use crate::support::World;

fn company(id: &str) -> CrmRecord {
    let name = format!("Company {id}");
    record(id, CrmBody::Account(CrmAccount { name, domains: [].into(), parent_external_id: None }))
}

fn deal(id: &str, of: &str) -> CrmRecord {
    record(
        id,
        CrmBody::Deal(CrmDeal {
            name: id.to_owned(),
            account_external_id: Some(of.to_owned()),
            stage: None,
            amount: None,
            currency: None,
            close_date: None,
            closed: false,
            won: false,
        }),
    )
}

fn contact(number: usize) -> CrmRecord {
    let emails = [format!("{number}@acme.com"), format!("{number}@acme.org")];
    record(
        &number.to_string(),
        CrmBody::Contact(CrmContact {
            lead: false,
            name: None,
            title: None,
            phone: None,
            emails: emails.to_vec(),
            email_keys: emails.to_vec(),
            account_external_id: Some("c-1".to_owned()),
            other_account_external_ids: [].into(),
        }),
    )
}

/// A lead; one that is converted leads to an account.
fn lead(number: usize, converted_to: Option<&str>) -> CrmRecord {
    let mut record = contact(number);
    let CrmBody::Contact(body) = &mut record.body else { unreachable!("a contact") };
    (body.lead, body.account_external_id) = (true, converted_to.map(str::to_owned));
    record
}

/// Takes a record in, and returns the ids by which calls are looked for that it touches.
async fn take_in(world: &World, stream: Stream, record: &CrmRecord, version: i64) -> Vec<String> {
    let place = (&world.tenant, world.connection);
    testing::take_records(world.store(), place, stream, std::slice::from_ref(record), version).await;
    touched(world).await
}

/// The ids by which calls are looked for that changes touch; they are noted once.
async fn touched(world: &World) -> Vec<String> {
    let sql = "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM account_changes, unnest(external_ids) AS id";
    let touched = world.db.text(sql).await;
    world.db.execute("DELETE FROM account_changes").await;
    touched.split_whitespace().map(str::to_owned).collect()
}

/// Applies what is gone, and returns the ids by which calls are looked for that this touches.
async fn applied(world: &World, portal: ConnectionId) -> Vec<String> {
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    crm::gone::apply_held(&tx, portal).await.unwrap();
    tx.commit().await.unwrap();
    touched(world).await
}

/// Connects the portal that the records are from.
async fn connected_portal(world: &World) -> ConnectionId {
    connected_to(world.store(), &world.tenant, Vendor::HubSpot, &VendorAccount::of("portal")).await
}

/// The contacts that an id leads to, each with its account.
async fn found_by_id(world: &World, id: &str) -> Vec<(String, Option<String>)> {
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let key = (world.tenant.clone(), id.to_owned());
    let wanted = Wanted { contact_ids: [key.clone()].into(), ..Wanted::default() };
    let found = look_up(&tx, &wanted).await.unwrap();
    tx.commit().await.unwrap();
    let contacts = found.contacts_by_id.get(&key).into_iter().flatten();
    contacts
        .map(|one| (one.external_id.clone(), one.account.as_ref().map(|account| account.external_id.clone())))
        .collect()
}

#[tokio::test]
async fn a_first_sync_that_fills_empty_tables_reads_little_more_than_it_writes() {
    const BATCHES: usize = 40;
    const BATCH: usize = 200;
    let world = World::new_and_away().await;
    let store = world.db.another_store();
    for batch in 0..BATCHES {
        let contacts: Vec<CrmRecord> = (batch * BATCH..(batch + 1) * BATCH).map(contact).collect();
        testing::take_records(&store, (&world.tenant, world.connection), Stream::Contacts, &contacts, 1)
            .await;
    }
    drop(store);
    let (read, written) = (world.db.rows_read().await, i64::try_from(BATCHES * BATCH).unwrap());
    println!("{read} rows for {written} records");
    // the first thousand are found by whatever index there is; without planning anew, all are: thousands of rows for each record
    assert!(read < 500 * written, "{read} rows are read to write {written} records");
    world.db.finish().await;
}

#[tokio::test]
async fn an_account_that_comes_after_its_deals_touches_the_calls_that_name_these() {
    let world = World::new().await;
    assert_eq!(take_in(&world, Stream::Deals, &deal("d-1", "c-1"), 1).await, ["d-1"]);
    assert_eq!(take_in(&world, Stream::Accounts, &company("c-1"), 2).await, ["c-1", "d-1"]);
    world.db.finish().await;
}

#[tokio::test]
async fn a_deal_that_moves_touches_the_calls_of_the_deals_in_whose_place_it_stands() {
    let world = World::new().await;
    for id in ["c-1", "c-2"] {
        take_in(&world, Stream::Accounts, &company(id), 1).await;
    }
    take_in(&world, Stream::Deals, &deal("d-1", "c-1"), 1).await;
    let winner = |of| CrmRecord { merged_ids: ["d-1".to_owned()].into(), ..deal("d-2", of) };
    assert_eq!(take_in(&world, Stream::Deals, &winner("c-1"), 2).await, ["d-1", "d-2"]);
    assert_eq!(take_in(&world, Stream::Deals, &winner("c-2"), 3).await, ["d-1", "d-2"]);
    world.db.finish().await;
}

#[tokio::test]
async fn a_contact_that_comes_moves_or_takes_anothers_place_touches_the_calls_that_name_it() {
    let world = World::new().await;
    let moved_to = |account: &str| {
        let mut record = contact(7);
        let CrmBody::Contact(body) = &mut record.body else { unreachable!("a contact") };
        body.account_external_id = Some(account.to_owned());
        record
    };
    assert_eq!(take_in(&world, Stream::Contacts, &moved_to("c-1"), 1).await, ["7"]);
    assert_eq!(take_in(&world, Stream::Contacts, &moved_to("c-1"), 2).await, [""; 0]);
    assert_eq!(take_in(&world, Stream::Contacts, &moved_to("c-2"), 3).await, ["7"]);
    assert_eq!(take_in(&world, Stream::Accounts, &company("c-2"), 4).await, ["7", "c-2"]);
    let winner = |account: &str| CrmRecord {
        external_id: "8".to_owned(),
        merged_ids: ["7".to_owned()].into(),
        ..moved_to(account)
    };
    assert_eq!(take_in(&world, Stream::Contacts, &winner("c-2"), 5).await, ["7", "8"]);
    assert_eq!(take_in(&world, Stream::Contacts, &winner("c-1"), 6).await, ["7", "8"]);
    world.db.finish().await;
}

#[tokio::test]
async fn an_account_that_comes_touches_the_calls_of_the_merged_in_whose_place_its_people_and_deals_stand() {
    let world = World::new().await;
    take_in(&world, Stream::Contacts, &contact(7), 1).await;
    let winner = CrmRecord { merged_ids: ["7".to_owned()].into(), ..contact(8) };
    assert_eq!(take_in(&world, Stream::Contacts, &winner, 2).await, ["7", "8"]);
    // the one that was merged away stays where it was
    let moved = |mut record: CrmRecord| {
        let CrmBody::Contact(body) = &mut record.body else { unreachable!("a contact") };
        body.account_external_id = Some("c-2".to_owned());
        record
    };
    assert_eq!(take_in(&world, Stream::Contacts, &moved(winner), 3).await, ["7", "8"]);
    take_in(&world, Stream::Deals, &deal("d-1", "c-1"), 1).await;
    let winner = |of| CrmRecord { merged_ids: ["d-1".to_owned()].into(), ..deal("d-2", of) };
    assert_eq!(take_in(&world, Stream::Deals, &winner("c-1"), 2).await, ["d-1", "d-2"]);
    assert_eq!(take_in(&world, Stream::Deals, &winner("c-2"), 3).await, ["d-1", "d-2"]);
    assert_eq!(take_in(&world, Stream::Accounts, &company("c-2"), 4).await, ["7", "8", "c-2", "d-1", "d-2"]);
    world.db.finish().await;
}

#[tokio::test]
async fn a_lead_that_is_converted_merged_or_deleted_touches_the_calls_that_name_it() {
    let world = World::new().await;
    let portal = connected_portal(&world).await;
    take_in(&world, Stream::Accounts, &company("c-1"), 1).await;
    assert_eq!(take_in(&world, Stream::Leads, &lead(7, None), 1).await, ["7"]);
    assert_eq!(take_in(&world, Stream::Leads, &lead(8, None), 1).await, ["8"]);
    let merged = CrmRecord { presence: Presence::MergedInto("8".to_owned()), ..lead(7, None) };
    assert_eq!(take_in(&world, Stream::Leads, &merged, 2).await, ["7"]);
    assert_eq!(take_in(&world, Stream::Leads, &lead(8, Some("c-1")), 3).await, ["7", "8"]);
    let company = CrmRecord { presence: Presence::Gone, ..company("c-1") };
    assert_eq!(
        take_in(&world, Stream::Accounts, &company, 4).await,
        [""; 0],
        "it counts until that is applied"
    );
    assert_eq!(applied(&world, portal).await, ["7", "8", "c-1"]);
    let lead = CrmRecord { presence: Presence::Gone, ..lead(8, Some("c-1")) };
    assert_eq!(take_in(&world, Stream::Leads, &lead, 5).await, [""; 0]);
    assert_eq!(applied(&world, portal).await, ["7", "8"]);
    world.db.finish().await;
}

#[tokio::test]
async fn a_contact_or_a_lead_that_was_merged_before_it_was_ever_listed_leads_to_the_one_that_took_its_place()
{
    let world = World::new().await;
    connected_portal(&world).await;
    take_in(&world, Stream::Accounts, &company("c-1"), 1).await;
    let winner = CrmRecord { merged_ids: ["7".to_owned()].into(), ..contact(8) };
    assert_eq!(take_in(&world, Stream::Contacts, &winner, 1).await, ["7", "8"]);
    assert_eq!(found_by_id(&world, "7").await, [("8".to_owned(), Some("c-1".to_owned()))]);
    // it is nobody's by an address, and nobody else's loss
    let counted = "SELECT count(*) FROM contacts WHERE merged_into IS NULL";
    assert_eq!(world.db.number(counted).await, 1);
    let alone = contact(8);
    assert_eq!(take_in(&world, Stream::Contacts, &alone, 2).await, ["7"]);
    assert_eq!(found_by_id(&world, "7").await, []);
    world.db.finish().await;
}
