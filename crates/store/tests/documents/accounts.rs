//! Accounts and users, what links lead to them, and the wall between tenants.

use std::collections::BTreeSet;

use model::{AccountId, ConnectionId, CrmRecord, Stream, VendorAccount, VendorKey};
use serde_json::json;
use store::account::{self, ImportCounts};
use store::conversation::{Link, decision};
use store::directory::{self, Wanted};
use store::resolve::{self, Relink};
use store::testing::{connected, take_records, user};
use store::{Speaker, timeline};

use crate::batches::{await_ripe, fix_horizons};
use crate::support::{
    CONTACT, Document, World, account, all_accounts, contact, conversation, import, participants, take_in,
    tenant_id,
};

#[tokio::test]
async fn an_import_writes_only_what_differs_and_names_what_is_left_out() {
    let world = World::new().await;
    let accounts = [account("a", &["a.com", "b.com"]), account("b", &[])];
    let contacts = [contact("x@a.com", "a"), contact("y@nowhere.com", "unknown")];
    let first = import(&world, &accounts, &contacts).await;
    let expected = ImportCounts {
        accounts_added: 2,
        contacts_added: 1,
        contacts_without_account: vec!["y@nowhere.com".to_owned()],
        ..ImportCounts::default()
    };
    assert_eq!(first, expected);
    fix_horizons(world.store()).await;
    assert!(await_ripe(world.store(), 10).await.last);

    let again = import(&world, &accounts, &contacts[..1]).await;
    let unchanged = ImportCounts { accounts_unchanged: 2, contacts_unchanged: 1, ..ImportCounts::default() };
    assert_eq!(again, unchanged);
    assert_eq!(fix_horizons(world.store()).await, 0, "nothing changed, nothing to link again");

    let moved = import(&world, &[account("a", &["c.com"])], &[contact("x@a.com", "b")]).await;
    assert_eq!((moved.accounts_changed, moved.contacts_changed), (1, 1));
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let listed = account::list(&tx, &world.tenant, &all_accounts()).await.unwrap();
    assert_eq!((&listed[0].domains[..], listed[0].contacts), (&["c.com".to_owned()][..], 0));
    assert_eq!(listed[1].contacts, 1);
    drop(tx);
    world.db.finish().await;
}

#[tokio::test]
async fn the_directory_finds_by_address_by_domain_and_by_record_for_each_tenant_its_own() {
    let world = World::new().await;
    let other = tenant_id("other");
    connected(world.store(), &other, &VendorAccount::of("org-2")).await;
    import(&world, &[account("a", &["a.com"]), account("b", &["a.com"])], &[contact("x@a.com", "b")]).await;
    let both = [&world.tenant, &other];
    let tx = world.store().begin(Speaker::Tenants(&both)).await.unwrap();
    let keyed =
        |text: &str| both.iter().map(|tenant| ((*tenant).clone(), text.to_owned())).collect::<BTreeSet<_>>();
    let wanted = Wanted {
        tenants: both.map(Clone::clone).into(),
        email_keys: keyed("x@a.com"),
        domains: keyed("a.com"),
        external_ids: keyed("b"),
        ..Wanted::default()
    };
    let found = directory::look_up(&tx, &wanted).await.unwrap();
    assert_eq!(found.own_domains[&world.tenant], ["acme.com"]);
    assert_eq!(found.own_domains[&other], ["other.com"]);
    let key = |text: &str| (world.tenant.clone(), text.to_owned());
    assert_eq!(found.contacts[&key("x@a.com")][0].account.as_ref().unwrap().external_id, "b");
    let owners: Vec<_> =
        found.by_domain[&key("a.com")].iter().map(|account| account.external_id.as_str()).collect();
    assert_eq!(owners, ["a", "b"]);
    assert_eq!(found.by_external_id[&key("b")][0].external_id, "b");
    assert_eq!((found.contacts.len(), found.by_domain.len(), found.by_external_id.len()), (1, 1, 1));
    drop(tx);
    world.db.finish().await;
}

fn on_account(world: &World, external_id: &str) -> Link {
    let account = AccountId::derive(&world.tenant, "csv", external_id);
    Link { account: Some(account), rule: "contact".to_owned(), rule_version: 1, evidence: json!({}) }
}

#[tokio::test]
async fn a_link_is_written_only_at_the_version_that_was_read_and_only_when_it_differs() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    import(&world, &[account("a", &[])], &[contact(CONTACT, "a")]).await;
    let relink = async || {
        let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
        let read = resolve::load_for_resolve(&tx, &[world.id_of("call")]).await.unwrap();
        (tx, read)
    };
    for (changes, expected) in [(1, "first"), (0, "again")] {
        let (tx, read) = relink().await;
        assert_eq!(read[0].attendees, conversation("call", "x").attendees);
        assert_eq!(read[0].linked_records, conversation("call", "x").linked_records);
        let links = [relinked(&world, &read[0])];
        assert_eq!(resolve::relink(&tx, &links).await.unwrap(), changes, "{expected}");
        tx.commit().await.unwrap();
    }
    let export = world.export().await;
    assert_eq!(export[0].account.as_ref().unwrap().name, "Account a");
    assert_eq!(export[0].participants[0].contact.as_deref(), Some(CONTACT));

    // a newer version is written between reading and linking
    let (tx, read) = relink().await;
    world.take(&Document::content("call", 2, conversation("call", "newer"))).await.unwrap();
    assert_eq!(resolve::relink(&tx, &[relinked(&world, &read[0])]).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(world.export().await[0].account, None);
    world.db.finish().await;
}

#[tokio::test]
async fn the_account_that_a_person_named_goes_on_as_the_one_that_took_its_place() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    import(&world, &[account("a", &[]), account("b", &[]), account("c", &[])], &[]).await;
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let id_of = async |text: &str| account::meant(&tx, &world.tenant, text).await.unwrap()[0].id;
    let (loser, winner) = (id_of("b").await, id_of("c").await);
    assert!(decision::put(&tx, world.id_of("call"), Some(loser), "kim").await.unwrap());
    tx.commit().await.unwrap();
    let merged = |into: Option<AccountId>| {
        let into = into.map_or_else(|| "NULL".to_owned(), |into| format!("'{into}'"));
        format!("UPDATE accounts SET merged_into = {into} WHERE account_id = '{loser}'")
    };
    for (merge, on) in [(merged(Some(winner)), "Account c"), (merged(None), "Account b")] {
        world.db.execute(&merge).await;
        for changes in [1, 0] {
            let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
            let read = resolve::load_for_resolve(&tx, &[world.id_of("call")]).await.unwrap();
            let links = [relinked(&world, &read[0])];
            assert_eq!(resolve::relink(&tx, &links).await.unwrap(), changes, "{on}");
            tx.commit().await.unwrap();
        }
        let account = world.export().await[0].account.clone().unwrap();
        assert_eq!((account.name.as_str(), account.rule.as_str()), (on, "person"));
    }
    world.db.execute(&merged(Some(winner))).await;
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    assert_eq!(account::meant(&tx, &world.tenant, "b").await.unwrap()[0].id, winner);
    let told = timeline::conversation(&tx, world.id_of("call")).await.unwrap().unwrap();
    assert_eq!((told.account_id, &told.link_evidence["account_id"]), (Some(loser), &json!(loser)));
    assert_eq!(told.candidates.get(&loser).map(String::as_str), Some("Account b"));
    tx.commit().await.unwrap();
    world.db.finish().await;
}

#[tokio::test]
async fn of_two_words_about_one_meeting_the_later_stands_whatever_becomes_of_the_account_of_the_other() {
    let world = World::new().await;
    for key in ["one", "two"] {
        world.take(&Document::content(key, 1, conversation(key, "x"))).await.unwrap();
    }
    let meeting = world.id_of("one").0;
    world
        .db
        .execute(&format!("UPDATE conversations SET meeting_id = '{meeting}', meeting_evidence = '[{{}}]'"))
        .await;
    import(&world, &[account("a", &[]), account("b", &[]), account("c", &[])], &[]).await;
    for (key, named) in [("one", "b"), ("two", "a")] {
        let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
        let id = account::meant(&tx, &world.tenant, named).await.unwrap()[0].id;
        assert!(decision::put(&tx, world.id_of(key), Some(id), "kim").await.unwrap());
        tx.commit().await.unwrap();
    }
    let merge = "UPDATE accounts SET merged_into = (SELECT account_id FROM accounts WHERE external_id = 'c')
                 WHERE external_id = 'b'";
    world.db.execute(merge).await;
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let read = resolve::load_for_resolve(&tx, &[world.id_of("one")]).await.unwrap();
    assert_eq!(resolve::relink(&tx, &[relinked(&world, &read[0])]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let on: Vec<_> = world.export().await.into_iter().map(|one| one.account.unwrap().name).collect();
    assert_eq!(on, ["Account a", "Account a"]);
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let listed = account::list(&tx, &world.tenant, &all_accounts()).await.unwrap();
    let counts: Vec<_> = listed.iter().map(|one| (one.external_id.as_str(), one.conversations)).collect();
    assert_eq!(counts, [("a", 1), ("c", 0)], "and the meeting is counted there, once");
    drop(tx);
    world.db.finish().await;
}

fn relinked<'a>(world: &World, read: &'a resolve::ToResolve) -> Relink<'a> {
    Relink {
        id: read.id,
        version: read.version,
        link: on_account(world, "a"),
        internal: false,
        participants: participants(&read.attendees, Some(CONTACT)),
    }
}

#[tokio::test]
async fn a_transaction_sees_and_writes_only_the_tenants_it_speaks_for() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    import(&world, &[account("a", &["customer.com"])], &[contact(CONTACT, "a")]).await;
    let other = tenant_id("other");
    connected(world.store(), &other, &VendorAccount::of("org-1")).await;

    for speaker in [Speaker::Tenant(&other), Speaker::Tenants(&[])] {
        let tx = world.store().begin(speaker).await.unwrap();
        assert_eq!(timeline::export_page(&tx, &world.tenant, None, 10).await.unwrap(), (vec![], None));
        assert_eq!(timeline::conversation(&tx, world.id_of("call")).await.unwrap(), None);
        assert!(account::list(&tx, &world.tenant, &all_accounts()).await.unwrap().is_empty());
        assert!(resolve::load_for_resolve(&tx, &[world.id_of("call")]).await.unwrap().is_empty());
        assert_eq!(resolve::fix_horizons(&tx).await.unwrap(), 0);
        assert!(
            take_in(&world, &tx, &Document::content("call", 2, conversation("call", "y"))).await.is_err()
        );
    }
    assert_eq!(world.export().await[0].title.as_deref(), Some("x"));
    world.db.finish().await;
}

#[tokio::test]
async fn a_document_that_names_another_tenants_connection_is_a_fault_of_the_data() {
    let world = World::new().await;
    world.take(&Document::content("call", 1, conversation("call", "x"))).await.unwrap();
    let other = tenant_id("other");
    connected(world.store(), &other, &VendorAccount::of("org-2")).await;
    let key = VendorKey::of("call");
    let arrival = store::conversation_write::Arrival {
        stream: model::Stream::Conversations,
        tenant: &other,
        connection_id: world.connection,
        vendor_key: &key,
        conversation_id: world.id_of("call"),
        asked_at: model::Version(5),
        listed_hash: model::ContentHash::of(b"x"),
    };
    for speaker in [Speaker::Tenant(&other), Speaker::Tenants(&[&other, &world.tenant])] {
        let tx = world.store().begin(speaker).await.unwrap();
        let error = store::conversation_write::lock_standings(&tx, &[arrival]).await.unwrap_err();
        assert!(error.is_data_fault(), "{error}");
    }
    world.db.finish().await;
}

async fn take_in_user(world: &World, connection: ConnectionId, user: CrmRecord) {
    take_records(world.store(), (&world.tenant, connection), Stream::Users, &[user], 1).await;
}

async fn users_at(world: &World, email: &str) -> Vec<String> {
    let key = (world.tenant.clone(), email.to_owned());
    let wanted = Wanted { email_keys: BTreeSet::from([key.clone()]), ..Wanted::default() };
    let tx = world.store().begin(Speaker::Tenant(&world.tenant)).await.unwrap();
    let mut found = directory::look_up(&tx, &wanted).await.unwrap();
    found.users.remove(&key).unwrap_or_default().into_iter().map(|user| user.external_id).collect()
}

/// The addresses whose conversations are to be linked again, and nothing more is.
async fn touched(world: &World) -> Vec<String> {
    let sql = "SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM account_changes, unnest(email_keys) AS key";
    let all = world.db.text(sql).await;
    world.db.execute("DELETE FROM account_changes").await;
    all.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn users_are_found_by_each_of_their_addresses_and_what_comes_or_goes_touches_its_conversations() {
    let world = World::new().await;
    take_in_user(&world, world.connection, user("9", &["ana@acme.com", "a@acme.com", "old@acme.com"])).await;
    assert_eq!(touched(&world).await, ["a@acme.com", "ana@acme.com", "old@acme.com"]);
    take_in_user(&world, world.connection, user("9", &["ana@acme.com", "a@acme.com", "new@acme.com"])).await;
    assert_eq!(touched(&world).await, ["new@acme.com", "old@acme.com"]);
    // not listed is not gone
    take_in_user(&world, world.connection, user("8", &["bob@acme.com"])).await;
    assert_eq!(touched(&world).await, ["bob@acme.com"]);
    for (email, ids) in [
        ("ana@acme.com", &["9"][..]),
        ("a@acme.com", &["9"]),
        ("new@acme.com", &["9"]),
        ("old@acme.com", &[]),
    ] {
        assert_eq!(users_at(&world, email).await, ids, "{email}");
    }

    // a CRM's ids come after a recorder's, however small
    let (id, account) = (ConnectionId(uuid::Uuid::from_u128(2)), "portal");
    world
        .db
        .execute(&format!(
            "INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url)
             VALUES ('{id}', 'acme', 'hubspot', '{account}', 'https://vendor.example')"
        ))
        .await;
    take_in_user(&world, id, user("1", &["a@acme.com"])).await;
    // a machine has no address, and is known all the same
    take_in_user(&world, id, user("2", &[])).await;
    assert_eq!(world.db.text("SELECT external_id FROM users WHERE email IS NULL").await, "2");
    assert_eq!(users_at(&world, "a@acme.com").await, ["9", "1"]);
    world.db.finish().await;
}
