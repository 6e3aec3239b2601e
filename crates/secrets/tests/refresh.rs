//! A vendor that takes every refresh token once, and processes that refresh the same credential.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{ConnectionId, TenantId, VendorAccount};
use secrecy::{ExposeSecret as _, SecretString};
use secrets::{Keyring, NoToken, Opened, Owner, Place, RefreshError, Vault};
use store::credential::{self, StoredCredential};
use store::testing::{TestDatabase, connected};
use store::{Speaker, Store};

const PATIENCE: Duration = Duration::from_secs(20);

/// The words that people are shown.
const INTERRUPTED: &str = "reconnect: refresh was interrupted";

/// A vendor whose refresh tokens are numbers; each is good once.
#[derive(Default)]
struct Vendor {
    current: AtomicU64,
    spent_seen: AtomicU64,
}

impl Vendor {
    async fn token(&self, secret: SecretString) -> Result<SecretString, NoToken> {
        let number: u64 = secret.expose_secret().parse().expect("a number");
        // somebody else may come in here, if anybody lets him
        tokio::task::yield_now().await;
        if self.current.compare_exchange(number, number + 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            self.spent_seen.fetch_add(1, Ordering::SeqCst);
            return Err(NoToken::Refused("invalid_grant".to_owned()));
        }
        Ok(SecretString::from((number + 1).to_string()))
    }
}

struct World {
    db: TestDatabase,
    vault: Vault,
    tenant: TenantId,
    connection_id: ConnectionId,
    vendor: Vendor,
}

impl World {
    async fn new() -> Self {
        let db = TestDatabase::fresh().await;
        let tenant = TenantId::parse("acme").expect("a tenant");
        let connection_id = connected(db.store(), &tenant, &VendorAccount::of("portal")).await;
        let vault = Vault::sealed(Keyring::generate());
        let world = Self { db, vault, tenant, connection_id, vendor: Vendor::default() };
        world.connect(1, "0").await;
        world
    }

    /// What a person does who connects.
    async fn connect(&self, generation: i32, secret: &str) {
        let owner = Owner { tenant: &self.tenant, connection_id: self.connection_id };
        let deposit = self.vault.put(owner, &SecretString::from(secret)).await.expect("put away");
        let kept = self.vault.keep(owner, generation, &deposit, None).expect("kept");
        let fresh = StoredCredential::fresh(generation, kept, "bearer");
        let tx = self.db.store().begin(Speaker::Tenant(&self.tenant)).await.expect("a transaction");
        credential::save(&tx, &self.tenant, self.connection_id, &fresh).await.expect("saved");
        tx.commit().await.expect("a commit");
    }

    fn place<'a>(&'a self, store: &'a Store) -> Place<'a> {
        Place { store, vault: &self.vault, tenant: &self.tenant, connection_id: self.connection_id }
    }

    async fn refresh(&self, store: &Store, generation: i32) -> Result<Opened, RefreshError> {
        self.place(store).refresh(generation, PATIENCE, |secret| self.vendor.token(secret)).await
    }

    /// What the clock would do by itself, in a minute.
    async fn let_the_lease_expire(&self) {
        self.db.execute("UPDATE credential_refreshes SET expires_at = now() - interval '1 second'").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_refresh_one_token_a_hundred_times_never_show_a_spent_one() {
    let world = World::new().await;
    let (one, other) = (world.db.store(), world.db.another_store());
    let mut generation = 1;
    for _ in 0..100 {
        let (left, right) = tokio::join!(world.refresh(one, generation), world.refresh(&other, generation));
        let (left, right) = (left.expect("fresh"), right.expect("fresh"));
        assert_eq!(left.generation, generation + 1, "one refresh for the two of them");
        assert_eq!(left.secret.expose_secret(), right.secret.expose_secret());
        generation = left.generation;
    }
    assert_eq!(world.vendor.current.load(Ordering::SeqCst), 100);
    assert_eq!(world.vendor.spent_seen.load(Ordering::SeqCst), 0);
    world.db.finish().await;
}

#[tokio::test]
async fn a_refresh_killed_after_the_vendor_answered_shows_one_spent_token_and_then_asks_for_a_reconnect() {
    let world = World::new().await;
    let store = world.db.store();
    let place = world.place(store);
    let killed = place.refresh(1, PATIENCE, |secret| async {
        world.vendor.token(secret).await.expect("a token that nobody will ever see");
        std::future::pending().await
    });
    assert!(tokio::time::timeout(Duration::from_secs(3), killed).await.is_err(), "killed");
    world.let_the_lease_expire().await;
    for _ in 0..3 {
        let error = world.refresh(store, 1).await.expect_err("nobody knows the token");
        assert!(
            matches!(&error, RefreshError::Refused { generation: 1, reason, interrupted: true } if reason == INTERRUPTED),
            "{error}"
        );
        world.let_the_lease_expire().await;
    }
    assert_eq!(world.vendor.spent_seen.load(Ordering::SeqCst), 1, "at most one");
    world.db.finish().await;
}

#[tokio::test]
async fn a_refresh_killed_before_the_vendor_was_asked_is_made_good_by_the_next() {
    let world = World::new().await;
    let store = world.db.store();
    let place = world.place(store);
    let killed = place.refresh(1, PATIENCE, |_| std::future::pending());
    assert!(tokio::time::timeout(Duration::from_secs(3), killed).await.is_err(), "killed");
    let busy = world.place(store).refresh(1, Duration::ZERO, |secret| world.vendor.token(secret)).await;
    assert!(matches!(busy, Err(RefreshError::Busy)), "the turn is still somebody's");
    world.let_the_lease_expire().await;
    for _ in 0..3 {
        let away = |_| async { Err(NoToken::NotAsked("not reachable".to_owned())) };
        let later = place.refresh(1, PATIENCE, away).await;
        assert!(matches!(later, Err(RefreshError::Later(_))), "a vendor that is away uses nothing up");
    }
    assert_eq!(world.refresh(store, 1).await.expect("fresh").secret.expose_secret(), "1");
    assert_eq!(world.vendor.spent_seen.load(Ordering::SeqCst), 0);
    world.db.finish().await;
}

#[tokio::test]
async fn a_vendor_that_was_not_asked_costs_nothing_and_a_refusal_is_the_vendors_word() {
    let world = World::new().await;
    let store = world.db.store();
    for _ in 0..4 {
        let away = |_| async { Err(NoToken::NotAsked("not reachable".to_owned())) };
        let later = world.place(store).refresh(1, PATIENCE, away).await;
        assert!(matches!(later, Err(RefreshError::Later(_))));
    }
    assert_eq!(world.refresh(store, 1).await.expect("fresh").generation, 2);
    world.vendor.current.store(77, Ordering::SeqCst);
    let error = world.refresh(store, 2).await.expect_err("revoked");
    assert_eq!(error.to_string(), "invalid_grant");
    assert!(matches!(error, RefreshError::Refused { interrupted: false, .. }), "{error:?}");
    world.db.finish().await;
}

#[tokio::test]
async fn a_vendor_that_never_answers_costs_no_reconnect_until_it_says_that_the_token_is_spent() {
    let world = World::new().await;
    let place = world.place(world.db.store());
    for _ in 0..4 {
        let silent = |_| async { Err(NoToken::Unknown("no answer in time".to_owned())) };
        let later = place.refresh(1, PATIENCE, silent).await;
        assert!(matches!(later, Err(RefreshError::Later(_))), "{later:?}");
    }
    assert_eq!(world.refresh(world.db.store(), 1).await.expect("fresh").generation, 2);

    let silent = |_| async { Err(NoToken::Unknown("no answer in time".to_owned())) };
    place.refresh(2, PATIENCE, silent).await.expect_err("no answer");
    let spent = |_| async { Err(NoToken::Refused("invalid_grant".to_owned())) };
    let error = place.refresh(2, PATIENCE, spent).await.expect_err("spent").to_string();
    assert_eq!(error, INTERRUPTED);
    world.db.finish().await;
}

#[tokio::test]
async fn a_refusal_of_the_app_is_told_as_such_even_after_an_interruption() {
    let world = World::new().await;
    let place = world.place(world.db.store());
    let silent = |_| async { Err(NoToken::Unknown("no answer in time".to_owned())) };
    place.refresh(1, PATIENCE, silent).await.expect_err("no answer");
    let denied = |_| async { Err(NoToken::Denied("invalid_client".to_owned())) };
    let error = place.refresh(1, PATIENCE, denied).await.expect_err("denied").to_string();
    assert_eq!(error, "invalid_client");
    world.db.finish().await;
}

#[tokio::test]
async fn a_generation_that_was_found_invalid_is_not_refreshed_any_more() {
    let world = World::new().await;
    world.db.execute("UPDATE connections SET credential_state = 'invalid'").await;
    let opened = world.refresh(world.db.store(), 1).await.expect("the current one");
    assert_eq!((opened.generation, world.vendor.current.load(Ordering::SeqCst)), (1, 0), "nobody was asked");
    world.db.finish().await;
}

#[tokio::test]
async fn whoever_connects_during_a_refresh_wins_over_it() {
    let world = World::new().await;
    let place = world.place(world.db.store());
    let opened = place
        .refresh(1, PATIENCE, |secret| async {
            world.connect(2, "7").await;
            world.vendor.token(secret).await
        })
        .await
        .expect("a credential");
    assert_eq!((opened.generation, opened.secret.expose_secret()), (2, "7"));
    let current = place.current().await.expect("the current one");
    assert_eq!((current.generation, current.secret.expose_secret()), (2, "7"));
    world.db.finish().await;
}
