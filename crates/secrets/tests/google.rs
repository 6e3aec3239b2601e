//! The vault over Google's Secret Manager, against its stand-in.

use jiff::Timestamp;
use model::{ConnectionId, TenantId};
use runtime::{Clock, Env};
use secrecy::{ExposeSecret as _, SecretString};
use secrets::{Keyring, Owner, SecretError, Vault};
use simulator::{Endpoint, Fault, FaultRule, RetryAfter, SecretManager, Simulator, SimulatorConfig};
use store::credential::{Kept, StoredCredential};
use tempfile::TempDir;

const NOW: &str = "2026-11-20T10:00:00Z";

/// A stand-in of Google, and a connection whose secrets are kept there.
struct World {
    simulator: Simulator,
    folder: TempDir,
    tenant: TenantId,
}

impl World {
    async fn new() -> Self {
        let now: Timestamp = NOW.parse().expect("a time");
        let config = SimulatorConfig { listen: ([127, 0, 0, 1], 0).into(), seed: 5, now };
        Self {
            simulator: Simulator::start(config).await.expect("a simulator"),
            folder: tempfile::tempdir().expect("a folder"),
            tenant: TenantId::parse("acme").expect("a tenant"),
        }
    }

    fn google(&self) -> SecretManager {
        self.simulator.world().secret_manager()
    }

    fn owner(&self) -> Owner<'_> {
        Owner { tenant: &self.tenant, connection_id: ConnectionId(uuid::Uuid::from_u128(7)) }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SWITCHBOARD_SECRETS", "google:projects/rehearsal".to_owned()),
            ("SWITCHBOARD_SECRETS_URL", self.simulator.google_url()),
            ("SWITCHBOARD_SECRETS_REGIONAL_URL", self.simulator.google_regional_url()),
            ("SWITCHBOARD_SECRETS_ALLOW_HTTP", "true".to_owned()),
            ("GCE_METADATA_HOST", self.simulator.address().to_string()),
        ]
    }

    fn vault_with(&self, more: Vec<(&'static str, String)>) -> Result<Vault, SecretError> {
        let env = Env::from_pairs(self.settings().into_iter().chain(more));
        Vault::from_env(&env, Clock::manual(NOW.parse().expect("a time")))
    }

    fn vault(&self) -> Vault {
        self.vault_with(Vec::new()).expect("a vault")
    }

    /// A vault whose process is a service account with this key file.
    fn vault_of(&self, key_file: &str) -> Vault {
        let path = self.folder.path().join("service-account.json");
        std::fs::write(&path, key_file).expect("a file");
        let named = ("GOOGLE_APPLICATION_CREDENTIALS", path.display().to_string());
        self.vault_with(vec![named]).expect("a vault")
    }

    /// Puts a secret away as the successor of another, to the end.
    async fn store(&self, vault: &Vault, secret: &str, before: Option<&Kept>) -> Kept {
        let deposit = vault.put(self.owner(), &SecretString::from(secret)).await.expect("put away");
        let kept = vault.keep(self.owner(), 1, &deposit, before).expect("kept");
        vault.tidy(before, &kept).await;
        kept
    }

    async fn open(&self, vault: &Vault, kept: &Kept) -> Result<String, SecretError> {
        let stored = StoredCredential::fresh(1, kept.clone(), "bearer");
        Ok(vault.open(self.owner(), &stored).await?.expose_secret().to_owned())
    }

    fn states(&self) -> Vec<&'static str> {
        self.google().versions().iter().map(|version| version.state).collect()
    }
}

fn version_of(kept: &Kept) -> i64 {
    match kept {
        Kept::Google { secret, version } => {
            let name = "projects/rehearsal/secrets/switchboard-00000000-0000-0000-0000-000000000007";
            assert_eq!(secret, name);
            *version
        }
        Kept::Sealed { .. } => panic!("kept in the row"),
    }
}

fn rate_limited() -> Fault {
    Fault::RateLimited { retry_after: RetryAfter::Absent }
}

#[tokio::test]
async fn what_is_put_away_is_read_by_its_number_and_a_successor_destroys_what_was_before() {
    let world = World::new().await;
    let vault = world.vault();
    vault.check().await.expect("a token");
    let first = world.store(&vault, "sk-first", None).await;
    let second = world.store(&vault, "sk-second", Some(&first)).await;
    assert_eq!((version_of(&first), version_of(&second)), (1, 2));
    assert_eq!(
        world.open(&world.vault(), &second).await.expect("read"),
        "sk-second",
        "by another process too"
    );
    assert_eq!(world.states(), ["DESTROYED", "ENABLED"]);
    assert_eq!(world.google().payloads(), ["sk-second"]);
    let error = world.open(&world.vault(), &first).await.expect_err("destroyed");
    assert!(matches!(&error, SecretError::Gone { .. }), "{error}");
    assert!(error.to_string().contains("/versions/1") && error.to_string().contains("DESTROYED"), "{error}");
    assert_eq!(world.google().asked(Endpoint::SecretCreate), 1);
    let stranger = Owner { connection_id: ConnectionId(uuid::Uuid::from_u128(8)), ..world.owner() };
    let copied = StoredCredential::fresh(1, second.clone(), "bearer");
    let error = vault.open(stranger, &copied).await.expect_err("another's row");
    assert!(matches!(error, SecretError::Tampered), "{error}");
    let same = vault.carry_over(world.owner(), (1, &second), 2).expect("carried");
    assert_eq!(same, second, "another generation of the same secret is no other version");
}

#[tokio::test]
async fn a_service_account_signs_for_its_token_and_a_token_that_expired_is_renewed_once() {
    let world = World::new().await;
    let vault = world.vault_of(&world.simulator.google_key_file());
    let kept = world.store(&vault, "sk-first", None).await;
    assert_eq!(world.google().asked(Endpoint::GoogleToken), 1, "one for all requests");
    world.google().expire_tokens();
    assert_eq!(world.open(&vault, &kept).await.expect("read"), "sk-first");
    assert_eq!(world.google().asked(Endpoint::GoogleToken), 2);

    world.google().add_fault(FaultRule::from(Fault::Unauthorized).at(Endpoint::SecretAccess));
    let refused = vault.was_right(&kept).await.expect_err("refused with a fresh token too");
    assert!(matches!(refused, SecretError::Unauthenticated(_)), "{refused}");
}

#[tokio::test]
async fn a_key_file_that_is_none_or_not_known_to_google_is_named() {
    let world = World::new().await;
    let good = world.simulator.google_key_file();
    let other_issuer = good.replace("switchboard@", "stranger@");
    let error = world.vault_of(&other_issuer).check().await.expect_err("not known").to_string();
    assert!(error.contains("invalid_grant"), "{error}");
    let elsewhere = good.replace("http://127.0.0.1", "ftp://127.0.0.1");
    let user = r#"{"type":"authorized_user","refresh_token":"1//secret"}"#.to_owned();
    let broken = good.replace("MII", "XXX");
    for (file, why) in [
        (user, "service_account"),
        (broken, "private_key"),
        (elsewhere, "token_uri"),
        ("sk-secret".to_owned(), "JSON"),
    ] {
        let error = world.vault_of(&file).check().await.expect_err("refused");
        assert!(matches!(error, SecretError::KeyFile { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("service-account.json") && error.contains(why), "{error}");
        assert!(!error.contains("secret\""), "{error}");
    }
}

#[tokio::test]
async fn a_secret_is_remembered_until_somebody_doubts_it() {
    let world = World::new().await;
    let kept = world.store(&world.vault(), "sk-first", None).await;
    let vault = world.vault();
    for _ in 0..3 {
        assert_eq!(world.open(&vault, &kept).await.expect("read"), "sk-first");
    }
    assert_eq!(world.google().asked(Endpoint::SecretAccess), 1);
    assert!(vault.was_right(&kept).await.expect("read again"), "it is what it was");
    assert_eq!(world.google().asked(Endpoint::SecretAccess), 2);
    let name = &world.google().versions()[0].secret;
    world.google().disable(name);
    assert_eq!(world.open(&vault, &kept).await.expect("remembered"), "sk-first");
    let error = vault.was_right(&kept).await.expect_err("switched off");
    assert!(error.to_string().contains("DISABLED") && error.to_string().contains("enable"), "{error}");
    assert!(world.open(&vault, &kept).await.is_err(), "what was doubted is not remembered");
}

#[tokio::test]
async fn limits_and_outages_are_waited_for_and_damage_on_the_way_is_seen() {
    let world = World::new().await;
    let vault = world.vault();
    let google = world.google();
    google.add_fault(FaultRule::from(rate_limited()).at(Endpoint::SecretAdd).times(1));
    let kept = world.store(&vault, "sk-first", None).await;
    assert_eq!(google.versions().len(), 1, "a 429 adds nothing");
    google.add_fault(FaultRule::from(Fault::Unavailable).at(Endpoint::SecretAccess).times(1));
    google.add_fault(FaultRule::from(Fault::Damaged).at(Endpoint::SecretAccess).times(2));
    assert_eq!(world.open(&vault, &kept).await.expect("read at last"), "sk-first");
    assert_eq!(google.asked(Endpoint::SecretAccess), 3, "unavailable and damaged both cost a request");
}

#[tokio::test]
async fn no_secret_and_no_token_follows_a_redirect() {
    let world = World::new().await;
    let kept = world.store(&world.vault(), "sk-first", None).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("another host");
    let elsewhere = other.local_addr().expect("its address");
    let redirect = |endpoint, status| {
        let to = format!("http://{elsewhere}/elsewhere");
        world.google().add_fault(FaultRule::from(Fault::Redirected { status, to }).at(endpoint));
    };
    let said = |error: SecretError| {
        assert!(!error.is_transient(), "{error}");
        assert!(!format!("{error} {error:?}").contains("sk-"), "{error:?}");
        error.to_string()
    };
    for status in [301, 302, 303, 307, 308] {
        let asked = world.google().asked(Endpoint::SecretAdd);
        redirect(Endpoint::SecretAdd, status);
        let error = world.vault().put(world.owner(), &SecretString::from("sk-second")).await;
        let error = said(error.expect_err("redirected"));
        assert!(error.contains("a redirect") && error.contains("see SWITCHBOARD_SECRETS_URL"), "{error}");
        assert_eq!(world.google().asked(Endpoint::SecretAdd), asked + 1, "to ask again is of no use");
        redirect(Endpoint::SecretAccess, status);
        let error = said(world.open(&world.vault(), &kept).await.expect_err("redirected"));
        assert!(error.contains("a redirect") && error.contains("see SWITCHBOARD_SECRETS_URL"), "{error}");
        redirect(Endpoint::SecretDestroy, status);
        assert!(said(world.vault().destroy(&kept).await.expect_err("redirected")).contains("a redirect"));
        redirect(Endpoint::GoogleToken, status);
        let error = said(world.vault().check().await.expect_err("redirected"));
        assert!(error.contains("does not answer like a metadata server"), "{error}");
        let signing = world.vault_of(&world.simulator.google_key_file());
        assert!(said(signing.check().await.expect_err("redirected")).contains("a redirect"));
        world.google().clear_faults();
    }
    other.set_nonblocking(true).expect("a listener that does not wait");
    let seen = other.accept().expect_err("nobody came").kind();
    assert_eq!(seen, std::io::ErrorKind::WouldBlock);
    assert_eq!(world.open(&world.vault(), &kept).await.expect("read"), "sk-first");
}

#[tokio::test]
async fn a_version_whose_answer_was_lost_is_not_added_twice() {
    let world = World::new().await;
    let vault = world.vault();
    let first = world.store(&vault, "sk-first", None).await;
    world.google().add_fault(FaultRule::from(Fault::AnswerLost).at(Endpoint::SecretAdd).times(1));
    let second = world.store(&vault, "sk-second", Some(&first)).await;
    assert_eq!((version_of(&second), world.states()), (2, vec!["DESTROYED", "ENABLED"]));
    // one that never arrived is added by the next attempt
    world.google().add_fault(FaultRule::from(Fault::Reset).at(Endpoint::SecretAdd).times(1));
    let third = world.store(&vault, "sk-third", Some(&second)).await;
    assert_eq!((version_of(&third), world.states()), (3, vec!["DESTROYED", "DESTROYED", "ENABLED"]));
    assert_eq!(world.open(&world.vault(), &third).await.expect("read"), "sk-third");
}

#[tokio::test]
async fn a_missing_permission_is_named_and_is_not_taken_for_a_missing_secret() {
    let world = World::new().await;
    let vault = world.vault();
    for permission in ["secretmanager.versions.add", "secretmanager.secrets.create"] {
        world.google().deny(permission);
        let error = vault.put(world.owner(), &SecretString::from("sk")).await.expect_err("denied");
        assert!(matches!(&error, SecretError::Denied { .. }), "{error}");
        assert!(error.to_string().contains(permission), "{error}");
        world.google().allow_everything();
    }
    let kept = world.store(&vault, "sk-first", None).await;
    world.google().deny("secretmanager.versions.access");
    let error = world.open(&world.vault(), &kept).await.expect_err("denied").to_string();
    assert!(error.contains("permission secretmanager.versions.access is missing"), "{error}");
    world.google().allow_everything();

    // what cannot be destroyed does not keep anybody from going on; it goes with the next
    world.google().deny("secretmanager.versions.destroy");
    let second = world.store(&vault, "sk-second", Some(&kept)).await;
    assert_eq!(world.states(), ["ENABLED", "ENABLED"]);
    assert!(vault.destroy(&second).await.expect_err("denied").to_string().contains("versions.destroy"));
    world.google().allow_everything();
    world.store(&vault, "sk-third", Some(&second)).await;
    assert_eq!(world.states(), ["DESTROYED", "DESTROYED", "ENABLED"]);
}

#[tokio::test]
async fn a_secret_that_is_destroyed_is_nowhere_and_can_be_destroyed_again() {
    let world = World::new().await;
    let vault = world.vault();
    let kept = world.store(&vault, "sk-first", None).await;
    // put away, and then the transaction failed
    vault.put(world.owner(), &SecretString::from("sk-left-behind")).await.expect("put away");
    for _ in 0..2 {
        vault.destroy(&kept).await.expect("destroyed");
        assert_eq!(world.states(), ["DESTROYED", "DESTROYED"]);
    }
    assert!(world.open(&vault, &kept).await.is_err(), "nor is it remembered");
}

#[tokio::test]
async fn of_two_that_store_at_once_the_later_row_never_names_what_the_other_destroys() {
    let world = World::new().await;
    let vault = world.vault();
    let slow = vault.put(world.owner(), &SecretString::from("sk-slow")).await.expect("put away");
    let fast = world.store(&vault, "sk-fast", None).await;
    let error = vault.keep(world.owner(), 2, &slow, Some(&fast)).expect_err("overtaken");
    assert!(matches!(error, SecretError::Overtaken), "{error}");
    assert_eq!(world.open(&vault, &fast).await.expect("read"), "sk-fast");
}

#[tokio::test]
async fn what_one_place_keeps_is_read_after_another_is_configured() {
    let world = World::new().await;
    let path = world.folder.path().join("master.key");
    Keyring::create_file(&path).expect("a key file");
    let file = || ("SWITCHBOARD_MASTER_KEY_FILE", path.display().to_string());
    let sealing =
        world.vault_with(vec![file(), ("SWITCHBOARD_SECRETS", "sealed".to_owned())]).expect("a vault");
    let sealed = world.store(&sealing, "sk-sealed", None).await;
    assert!(sealed.is_in_row());

    let both = world.vault_with(vec![file()]).expect("a vault");
    assert_eq!(world.open(&both, &sealed).await.expect("opened"), "sk-sealed");
    let at_google = world.store(&both, "sk-google", Some(&sealed)).await;
    assert_eq!(world.open(&sealing, &at_google).await.expect("read"), "sk-google");
    let again = world.store(&sealing, "sk-sealed-again", Some(&at_google)).await;
    assert!(again.is_in_row());
    assert_eq!(world.states(), ["DESTROYED"], "what is kept elsewhere by now is destroyed there");

    let error = world.open(&world.vault(), &sealed).await.expect_err("no key file").to_string();
    assert!(error.contains("SWITCHBOARD_MASTER_KEY_FILE"), "{error}");
}

#[tokio::test]
async fn a_secret_of_a_region_is_kept_there_and_found_there_whatever_is_set_later() {
    let world = World::new().await;
    let in_region = ("SWITCHBOARD_SECRETS", "google:projects/rehearsal/locations/europe-west3".to_owned());
    let regional = world.vault_with(vec![in_region]).expect("a vault");
    let first = world.store(&regional, "the first", None).await;
    let Kept::Google { secret, version } = &first else { panic!("it is kept at Google") };
    assert!(secret.starts_with("projects/rehearsal/locations/europe-west3/secrets/switchboard-"), "{secret}");
    assert_eq!(*version, 1);
    let global = world.vault();
    assert_eq!(world.open(&global, &first).await.expect("read where it is"), "the first");

    // the next is kept where the setting says by then, and the old one goes
    let second = world.store(&global, "the second", Some(&first)).await;
    assert_eq!(world.open(&regional, &second).await.expect("read where it is"), "the second");
    assert_eq!(world.google().payloads(), ["the second"]);
}

#[test]
fn settings_that_name_no_place_or_two_or_plain_http_are_refused_by_name() {
    let error = |pairs: &[(&str, &str)]| {
        let env = Env::from_pairs(pairs.iter().copied());
        Vault::from_env(&env, Clock::system()).expect_err("refused").to_string()
    };
    let none = error(&[]);
    assert!(none.contains("SWITCHBOARD_MASTER_KEY_FILE") && none.contains("SWITCHBOARD_SECRETS"), "{none}");
    assert_eq!(error(&[("SWITCHBOARD_SECRETS", "sealed")]), none);
    for text in ["sealed,google:projects/p", "google:p", "google:", "vault"] {
        let error = error(&[("SWITCHBOARD_SECRETS", text)]);
        assert!(error.starts_with("SWITCHBOARD_SECRETS is not valid: expected one place"), "{error}");
    }
    let google = ("SWITCHBOARD_SECRETS", "google:projects/p");
    let nowhere = error(&[google, ("SWITCHBOARD_SECRETS_REGIONAL_URL", "https://secrets.example")]);
    assert!(
        nowhere.contains("SWITCHBOARD_SECRETS_REGIONAL_URL") && nowhere.contains("{location}"),
        "{nowhere}"
    );
    let plain = error(&[google, ("SWITCHBOARD_SECRETS_URL", "http://127.0.0.1:9")]);
    assert!(plain.contains("SWITCHBOARD_SECRETS_URL") && plain.contains("ALLOW_HTTP"), "{plain}");
}
