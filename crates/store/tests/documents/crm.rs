//! What a CRM tells, in whatever order: every call that it concerns is noted for linking again.

use model::{CrmAccount, CrmBody, CrmContact, CrmDeal, CrmRecord, Stream};
use store::testing::{self, record};

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

/// Takes a record in, and returns the ids by which calls are looked for that it touches.
async fn take_in(world: &World, stream: Stream, record: &CrmRecord, version: i64) -> Vec<String> {
    let place = (&world.tenant, world.connection);
    testing::take_records(world.store(), place, stream, std::slice::from_ref(record), version).await;
    let sql = "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM account_changes, unnest(external_ids) AS id";
    let touched = world.db.text(sql).await;
    world.db.execute("DELETE FROM account_changes").await;
    touched.split_whitespace().map(str::to_owned).collect()
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
