//! Migrations, and whether the schema fits this program.

use futures::FutureExt as _;

use crate::{Store, StoreError};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Any constant number: all migrating processes take the same lock.
const ADVISORY_LOCK: i64 = 0x5377_6974_6368;

/// How the database's schema compares with the one this program carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// The same.
    Current,
    /// To be migrated.
    Older {
        /// Version found, 0 when there is none.
        found: i32,
        /// Version this program carries.
        needed: i32,
    },
    /// Migrated by a later program.
    Newer {
        /// Version found.
        found: i32,
        /// Version this program carries.
        known: i32,
    },
}

/// Applies what is missing, up to `target` or all, and returns the versions applied. Several processes may call it at once.
pub async fn migrate(store: &Store, target: Option<i32>) -> Result<Vec<i32>, StoreError> {
    // what it makes would be its own, and the role that comes after it could not migrate it further
    store.check_role().await?;
    if let SchemaState::Newer { found, known } = schema_state(store).await? {
        return Err(StoreError::SchemaNewer { found, known });
    }
    let mut client = store.dedicated().await?;
    // session-level: it ends with the connection, also when this process is killed
    client.execute("SELECT pg_advisory_lock($1)", &[&ADVISORY_LOCK]).await?;
    let mut runner = embedded::migrations::runner();
    if let Some(version) = target {
        runner = runner.set_target(refinery::Target::Version(version));
    }
    let report = runner.run_async(&mut client).boxed().await.map_err(|error| classify(&error))?;
    Ok(report.applied_migrations().iter().map(refinery::Migration::version).collect())
}

fn classify(error: &refinery::Error) -> StoreError {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    StoreError::Other(format!("migration failed, nothing of it was kept: {text}"))
}

/// Compares the schema with the one this program carries.
pub async fn schema_state(store: &Store) -> Result<SchemaState, StoreError> {
    let client = store.client().await?;
    let known = latest_version();
    let sql = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let table = client.answer(client.query_one(sql, &[])).await?;
    if !table.try_get::<_, bool>(0)? {
        return Ok(SchemaState::Older { found: 0, needed: known });
    }
    let sql = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    let newest = client.answer(client.query_one(sql, &[])).await?;
    let found: i32 = newest.try_get(0)?;
    Ok(match found.cmp(&known) {
        std::cmp::Ordering::Equal => SchemaState::Current,
        std::cmp::Ordering::Less => SchemaState::Older { found, needed: known },
        std::cmp::Ordering::Greater => SchemaState::Newer { found, known },
    })
}

/// Tells the migrations and rights this program carries from any others.
#[cfg(feature = "testing")]
pub(crate) fn fingerprint() -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for migration in embedded::migrations::runner().get_migrations() {
        (migration.version(), migration.name(), migration.checksum()).hash(&mut hasher);
    }
    format!("{:?}", crate::rights::RIGHTS).hash(&mut hasher);
    hasher.finish()
}

/// The newest version this program carries.
pub(crate) fn latest_version() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0)
}
