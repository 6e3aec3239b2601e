//! A fresh migrated database for a test, from `SWITCHBOARD_TEST_DATABASE_URL` (a superuser's, on a throw-away server).

mod connected;
mod many;
mod records;

use std::time::Duration;

use runtime::Env;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use tokio_postgres::SimpleQueryMessage;
use uuid::Uuid;

use crate::migrate::fingerprint;
use crate::{Store, StoreConfig, StoreError, migrate, rights};

pub use connected::{connected, connected_to};
pub use records::{record, take_records, user};

/// The role that owns the databases of tests, as little privileged as in production.
const ROLE: &str = "switchboard_test";

/// The roles of the programs, as every server has them.
const ROLES: &str = include_str!("../../../../deploy/postgres/roles.sql");

/// A process with every role, which commands are given beside.
const ALL: &str = "all";

/// Any constant number: who makes the template holds this lock.
const MAKING_THE_TEMPLATE: i64 = 0x7465_6d70_6c61;
/// Any other: who makes the logins holds this one.
const MAKING_THE_LOGINS: i64 = 0x6c6f_6769_6e73;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A database of its own; dropped with [`TestDatabase::finish`].
pub struct TestDatabase {
    name: String,
    admin: SecretString,
    url: SecretString,
    store: Store,
    as_superuser: Store,
}

impl TestDatabase {
    /// Makes a database from a template that is migrated once per server.
    pub async fn fresh() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        Self::create(admin_url(&Env::from_process()), Some(template)).await
    }

    /// Makes a database without any schema, for tests of migrations.
    pub async fn empty() -> Self {
        Self::create(admin_url(&Env::from_process()), None).await
    }

    /// Makes a migrated database on the server that these settings name.
    pub async fn fresh_on(env: &Env) -> Self {
        let database = Self::create(admin_url(env), None).await;
        database.migrate().await;
        database
    }

    async fn migrate(&self) {
        migrate(&self.store, None).await.expect("migrations from nothing");
        rights::grant(&self.store).await.expect("rights to grant");
    }

    async fn create(admin: SecretString, template: Option<&str>) -> Self {
        let name = format!("t_{}", Uuid::new_v4().simple());
        let from = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        ensure_logins(&admin).await;
        execute(&admin, &format!("CREATE DATABASE {name} OWNER {ROLE}{from}"))
            .await
            .expect("a test database");
        let url = url_of(&admin, &name, ROLE);
        let (store, as_superuser) = (open(&url), open(&url_as_admin(&admin, &name)));
        Self { name, admin, url, store, as_superuser }
    }

    /// The pool of the unprivileged role that owns the database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The value for `DATABASE_MIGRATE_URL`: the login that owns the database.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The value for `DATABASE_URL` of a program: `fetcher`, say, `desk` for a command, or `all` for all of it. Its login may do what the
    /// program needs, and nothing else.
    pub fn url_for(&self, program: &str) -> SecretString {
        url_of(&self.admin, &self.name, &login_of(program))
    }

    /// A pool of such a program.
    pub fn store_for(&self, program: &str) -> Store {
        self.store_as(program, program)
    }

    /// A pool of a program that was given a login, be it its own or another's.
    pub fn store_as(&self, login: &str, program: &str) -> Store {
        open_as(&self.url_for(login), program)
    }

    /// Another pool of connections, as another process has it.
    pub fn another_store(&self) -> Store {
        open(&self.url)
    }

    /// The superuser's URL of the same database.
    pub fn admin_url(&self) -> SecretString {
        url_as_admin(&self.admin, &self.name)
    }

    /// Runs statements as the superuser, past row-level security: to prepare what the roles would take days to come to.
    pub async fn execute(&self, sql: &str) {
        let client = self.as_superuser.client().await.expect("a connection to the test database");
        client.batch_execute(sql).await.expect("statements of a test");
    }

    /// Asks for one number as the superuser.
    pub async fn number(&self, sql: &str) -> i64 {
        let client = self.as_superuser.client().await.expect("a connection to the test database");
        client.query_one(sql, &[]).await.expect("a row").get(0)
    }

    /// The same of a server that may be away.
    pub async fn try_number(&self, sql: &str) -> Result<i64, StoreError> {
        Ok(self.as_superuser.client().await?.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Asks for one text as the superuser, of a server that may be away.
    pub async fn try_text(&self, sql: &str) -> Result<String, StoreError> {
        Ok(self.as_superuser.client().await?.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Has a program's login give statements, of which the last asks for a number; what the server refuses is an error.
    pub async fn ask_as(&self, program: &str, sql: &str) -> Result<i64, StoreError> {
        let client = self.store_for(program).dedicated().await?;
        let messages = client.simple_query(sql).await?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        Ok(rows.last().unwrap_or_default())
    }

    /// Asks for one text as the superuser.
    pub async fn text(&self, sql: &str) -> String {
        let client = self.as_superuser.client().await.expect("a connection to the test database");
        client.query_one(sql, &[]).await.expect("a row").get(0)
    }

    /// Drops the database.
    pub async fn finish(self) {
        let _ = execute(&self.admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
    }
}

/// The template of these migrations; the first program that asks for it makes it, others wait meanwhile.
async fn template() -> String {
    let name = format!("template_{:016x}", fingerprint());
    let admin = open(&admin_url(&Env::from_process()));
    // the lock is this connection's and ends with it, also when the program is killed
    let client = admin.dedicated().await.expect("a connection to the server");
    client.execute("SELECT pg_advisory_lock($1)", &[&MAKING_THE_TEMPLATE]).await.expect("the lock");
    let found = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name]).await;
    if found.expect("the server's databases").is_none() {
        make_template(&name).await;
    }
    name
}

async fn make_template(template: &str) {
    let database = TestDatabase::empty().await;
    database.migrate().await;
    let TestDatabase { name, store, admin, .. } = database;
    drop(store);
    // a template must have no connections; it gets its name when it is complete
    let sql = [
        format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"),
        format!("ALTER DATABASE {name} RENAME TO {template}"),
    ];
    for statement in sql {
        execute(&admin, &statement).await.expect("a template");
    }
}

fn login_of(program: &str) -> String {
    format!("{ROLE}_{program}")
}

/// A login for the owner, one for each program, and one for all of them; they are the server's, not the test's.
async fn ensure_logins(admin: &SecretString) {
    let all = rights::PROGRAMS.map(rights::role_of).join(", ");
    let mut logins = vec![(ROLE.to_owned(), String::new()), (login_of(ALL), all)];
    logins.extend(rights::PROGRAMS.map(|program| (login_of(program), rights::role_of(program))));
    let store = open(admin);
    let client = store.dedicated().await.expect("a connection to the server");
    let there = "SELECT count(*) FROM pg_roles WHERE rolname LIKE $1 || '%'";
    let found: i64 = client.query_one(there, &[&ROLE]).await.expect("the server's roles").get(0);
    if usize::try_from(found) == Ok(logins.len()) {
        return;
    }
    let made: String = logins.iter().map(|(login, roles)| making(login, roles)).collect();
    let sql = format!("BEGIN; SELECT pg_advisory_xact_lock({MAKING_THE_LOGINS}); {ROLES} {made} COMMIT");
    client.batch_execute(&sql).await.expect("logins");
}

/// Several test programs start at once: whoever comes second finds it there.
fn making(login: &str, roles: &str) -> String {
    let member = if roles.is_empty() { String::new() } else { format!("GRANT {roles} TO {login};") };
    format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{login}') THEN
             CREATE ROLE {login} LOGIN PASSWORD '{ROLE}' NOSUPERUSER NOBYPASSRLS; {member}
         END IF; END $$;"
    )
}

fn admin_url(env: &Env) -> SecretString {
    let url = env.required("SWITCHBOARD_TEST_DATABASE_URL");
    SecretString::from(url.expect("run tests by `make test`, which starts the servers and names them"))
}

fn url_of(admin: &SecretString, database: &str, login: &str) -> SecretString {
    let mut url = url::Url::parse(admin.expose_secret()).expect("a URL");
    url.set_path(database);
    url.set_username(login).expect("a URL with a host");
    url.set_password(Some(ROLE)).expect("a URL with a host");
    SecretString::from(url.to_string())
}

fn url_as_admin(admin: &SecretString, database: &str) -> SecretString {
    let mut url = url::Url::parse(admin.expose_secret()).expect("a URL");
    url.set_path(database);
    SecretString::from(url.to_string())
}

fn open(url: &SecretString) -> Store {
    open_as(url, "test")
}

fn open_as(url: &SecretString, program: &str) -> Store {
    let config = StoreConfig {
        url: url.clone(),
        connections_max: 8,
        wait_max: Duration::from_secs(20),
        answer_max: Duration::from_mins(5),
    };
    Store::new(&config, program).expect("a usable URL")
}

async fn execute(admin: &SecretString, sql: &str) -> Result<(), StoreError> {
    let store = open(admin);
    let client = store.dedicated().await?;
    client.batch_execute(sql).await?;
    Ok(())
}
