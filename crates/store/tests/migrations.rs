//! Migrations from nothing, and from the version before with data in it.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use store::testing::TestDatabase;
use store::{SchemaState, Speaker, Store, StoreConfig, migrate, schema_state, tenant};

/// One row of everything that existed before the newest version.
const DATA: &str = "
    SET switchboard.tenants = '*';
    INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'Acme');
    INSERT INTO accounts (tenant_id, account_id, source, external_id, name)
        VALUES ('acme', '00000000-0000-0000-0000-0000000000a1', 'csv', 'A1', 'Northwind');
    INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url)
        VALUES ('00000000-0000-0000-0000-0000000000c1', 'acme', 'attention', 'org', 'https://h/v2');
    INSERT INTO streams (connection_id, stream, tenant_id, live_from, due_at, walk_due_at)
        VALUES ('00000000-0000-0000-0000-0000000000c1', 'conversations', 'acme', now(), now(), now());
    INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state)
        VALUES ('00000000-0000-0000-0000-0000000000d1', 'acme', '00000000-0000-0000-0000-0000000000c1',
                'conversations', 'periodic', 'live', now() - interval '1 day', now(), 'listing');
    INSERT INTO intake (connection_id, vendor_key, tenant_id, stored_version)
        VALUES ('00000000-0000-0000-0000-0000000000c1', 'K', 'acme', 1);
    INSERT INTO conversations (conversation_id, tenant_id, connection_id, vendor, vendor_account, external_id, version,
            internal, private, transcript_status, meeting_id)
        VALUES ('00000000-0000-0000-0000-0000000000e1', 'acme', '00000000-0000-0000-0000-0000000000c1', 'attention',
                'org', 'K', 1, false, false, 'none', '00000000-0000-0000-0000-0000000000e1');";

async fn latest_version() -> i32 {
    let database = TestDatabase::empty().await;
    let SchemaState::Older { found: 0, needed } = schema_state(database.store()).await.expect("a state")
    else {
        panic!("an empty database is older than this program");
    };
    database.finish().await;
    needed
}

#[tokio::test]
async fn two_processes_migrate_an_empty_database_at_once_and_it_is_done_once() {
    let database = TestDatabase::empty().await;
    let store = database.store();
    let error = store.check_schema().await.unwrap_err().to_string();
    assert!(error.contains("switchboard migrate"), "{error}");
    let (one, other) = tokio::join!(migrate(store, None), migrate(store, None));
    let (one, other) = (one.unwrap(), other.unwrap());
    let (done, nothing) = if one.is_empty() { (other, one) } else { (one, other) };
    assert_eq!((done.last(), nothing.len()), (Some(&latest_version().await), 0));
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Current);
    assert!(migrate(store, None).await.unwrap().is_empty(), "again changes nothing");
    database.finish().await;
}

#[tokio::test]
async fn the_version_before_migrates_with_its_data() {
    let database = TestDatabase::empty().await;
    let store = database.store();
    let latest = latest_version().await;
    migrate(store, Some(latest - 1)).await.unwrap();
    database.execute(DATA).await;
    migrate(store, None).await.unwrap();
    assert_eq!(schema_state(store).await.unwrap(), SchemaState::Current);
    for table in ["tenants", "accounts", "connections", "streams", "sync_runs", "intake", "conversations"] {
        assert_eq!(database.number(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
    let acme = model::TenantId::parse("acme").unwrap();
    let tx = store.begin(Speaker::Tenant(&acme)).await.unwrap();
    assert_eq!(tenant::load(&tx, &acme).await.unwrap().unwrap().name, "Acme");
    tx.commit().await.unwrap();
    database.finish().await;
}

#[tokio::test]
async fn rows_of_before_the_rules_changed_are_to_be_gone_over_and_those_of_a_fresh_database_are_not() {
    let done = "SELECT count(*) FROM rule_walks WHERE done_at IS NOT NULL";
    let (older, fresh) = (TestDatabase::empty().await, TestDatabase::fresh().await);
    migrate(older.store(), Some(28)).await.unwrap();
    older.execute(DATA).await;
    migrate(older.store(), None).await.unwrap();
    assert_eq!(older.number("SELECT count(*) FROM conversations WHERE rules_applied = 0").await, 1);
    assert_eq!(older.number(done).await, 0);
    assert!(fresh.number(done).await > 0);
    older.finish().await;
    fresh.finish().await;
}

#[tokio::test]
async fn users_are_listed_as_a_stream_where_they_could_be_read_before() {
    let database = TestDatabase::empty().await;
    migrate(database.store(), Some(51)).await.unwrap();
    database.execute(DATA).await;
    database
        .execute(
            "INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url)
                 VALUES ('00000000-0000-0000-0000-0000000000c2', 'acme', 'gong', 'company', 'https://h');
             INSERT INTO users (connection_id, external_id, tenant_id, email, email_key)
                 VALUES ('00000000-0000-0000-0000-0000000000c1', 'u-1', 'acme', 'Ana@acme.com', 'ana@acme.com')",
        )
        .await;
    migrate(database.store(), None).await.unwrap();
    let listed = "SELECT right(connection_id::text, 2) || ' ' || interval_min_s FROM streams
                  WHERE stream = 'users' AND NOT history_unplanned AND due_at BETWEEN now() AND now() + interval '1 day'";
    assert_eq!(database.text(listed).await, "c1 86400", "the other's key may not be allowed to");
    database.finish().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_what_to_do() {
    let database = TestDatabase::empty().await;
    let store = database.store();
    migrate(store, None).await.unwrap();
    database
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (999, 'later', now()::text, '0')",
        )
        .await;
    for error in [store.check_schema().await.unwrap_err(), migrate(store, None).await.unwrap_err()] {
        assert!(error.to_string().contains("update the program"), "{error}");
    }
    database.finish().await;
}

#[tokio::test]
async fn a_role_that_walks_past_row_level_security_is_refused_with_what_to_do() {
    let database = TestDatabase::fresh().await;
    database.store().check_schema().await.unwrap();
    let role = format!("bypass_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{role}' BYPASSRLS")).await;
    let superuser = database.admin_url();
    let mut url = url::Url::parse(superuser.expose_secret()).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some(&role)).unwrap();
    for url in [superuser, SecretString::from(url.to_string())] {
        let config = StoreConfig {
            url,
            connections_max: 2,
            wait_max: Duration::from_secs(20),
            answer_max: Duration::from_mins(5),
        };
        let store = Store::new(&config, "test").unwrap();
        for error in [store.check_schema().await.unwrap_err(), migrate(&store, None).await.unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains("CREATE ROLE") && error.contains("DATABASE_URL"), "{error}");
        }
    }
    database.execute(&format!("DROP ROLE {role}")).await;
    database.finish().await;
}
