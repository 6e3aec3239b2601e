//! A database that does not answer: nobody waits for ever, and the connection is not lent again.

use std::time::Duration;

use model::{TenantId, VendorAccount};
use store::testing::{TestDatabase, connected};
use store::{Speaker, Store, StoreConfig, connection};

/// One connection, and little patience.
fn impatient(database: &TestDatabase) -> Store {
    let config = StoreConfig {
        url: database.url().clone(),
        connections_max: 1,
        wait_max: Duration::from_secs(5),
        answer_max: Duration::from_secs(1),
    };
    Store::new(&config, "impatient").expect("a usable URL")
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_allowed_and_holds_no_connection() {
    let database = TestDatabase::fresh().await;
    let (tenant, account) = (TenantId::parse("acme").expect("an id"), VendorAccount::of("1"));
    let id = connected(database.store(), &tenant, &account).await;
    let holder = database.store().begin(Speaker::Everybody).await.expect("a transaction");
    connection::set_paused(&holder, id, true).await.expect("the row is held");

    let store = impatient(&database);
    let waiting = store.begin(Speaker::Everybody).await.expect("a transaction");
    let error = connection::set_paused(&waiting, id, false).await.expect_err("nobody answers");
    assert!(error.is_transient() && error.to_string().contains("no answer within 1 s"), "{error}");
    drop(waiting);

    holder.commit().await.expect("the row is free");
    let again = store.begin(Speaker::Everybody).await.expect("the one connection is another");
    assert!(connection::set_paused(&again, id, false).await.expect("an answer"));
    again.commit().await.expect("a commit");
    database.finish().await;
}
