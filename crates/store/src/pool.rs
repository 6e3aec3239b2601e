//! The pool, and transactions from it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{NoTls, Row};

use crate::connect::{Target, target};
use crate::lent::Lent;
use crate::tx::Params;
use crate::{SchemaState, Speaker, StoreConfig, StoreError, Tx, rights, schema_state};

/// Where the schema's version is written; who may not read that knows nothing of it.
const HISTORY: &str = "on refinery_schema_history";

/// The database, for everybody in a process; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    target: Arc<Target>,
    answer_max: Duration,
    program: Arc<str>,
}

impl Store {
    /// Prepares a pool; no connection is made yet, so the server may come later. The server shows its connections under the
    /// program's name.
    pub fn new(config: &StoreConfig, program: &str) -> Result<Self, StoreError> {
        let target = Arc::new(target(&config.url, program)?);
        // Fast: what died with the server is known to be closed. A connection that died unheard costs one transient error, which
        // everybody repeats; asking each time before it is lent would cost every transaction a round trip.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &target.tls {
            Some(tls) => Manager::from_config(target.config.clone(), tls.clone(), recycling),
            None => Manager::from_config(target.config.clone(), NoTls, recycling),
        };
        let wait = Some(config.wait_max);
        let pool = Pool::builder(manager)
            .max_size(config.connections_max)
            // in turn, every connection would come to hold the plans and the largest message of every other
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .build()
            .map_err(|error| StoreError::Other(error.to_string()))?;
        Ok(Self { pool, target, answer_max: config.answer_max, program: program.into() })
    }

    /// Begins a transaction that speaks for the given tenants and nobody else.
    pub async fn begin(&self, speaker: Speaker<'_>) -> Result<Tx, StoreError> {
        Tx::begin(self.client().await?, speaker).await
    }

    /// Runs one statement as a transaction of its own, on tables that hold nothing of any tenant: a single round trip.
    pub(crate) async fn one_statement(
        &self,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, StoreError> {
        let client = self.client().await?;
        let asked = async { client.query_opt(&client.prepare_cached(sql).await?, params).await };
        client.answer(asked).await
    }

    /// Says whether the schema fits this program, and its login the program; an error says what to do.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.check_role().await?;
        let missing = rights::missing(self, &self.program).await?;
        if missing.iter().any(|right| right.ends_with(HISTORY)) {
            return Err(self.lacks(missing).await);
        }
        match schema_state(self).await? {
            // what is newly granted comes with the schema
            SchemaState::Older { found, needed } => Err(StoreError::SchemaOlder { found, needed }),
            _ if !missing.is_empty() => Err(self.lacks(missing).await),
            SchemaState::Current => Ok(()),
            SchemaState::Newer { found, known } => Err(StoreError::SchemaNewer { found, known }),
        }
    }

    async fn lacks(&self, missing: Vec<String>) -> StoreError {
        let roles = rights::roles_of(&self.program).join(", ");
        let named = self.one_statement("SELECT current_user::text", &[]).await;
        let login = named.and_then(|row| Ok(row.map(|row| row.try_get(0)).transpose()?));
        match login {
            Ok(login) => {
                let missing = missing.join(", ");
                StoreError::Unentitled { login: login.unwrap_or_default(), roles, missing }
            }
            Err(error) => error,
        }
    }

    /// Says whether row-level security holds the role to what its transactions say.
    pub(crate) async fn check_role(&self) -> Result<(), StoreError> {
        let sql = "SELECT rolname::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
        let client = self.client().await?;
        let role = client.answer(client.query_one(sql, &[])).await?;
        if role.try_get(1)? { Err(StoreError::Privileged(role.try_get(0)?)) } else { Ok(()) }
    }

    /// Opens a connection of its own, outside the pool: migrations hold it for long.
    pub(crate) async fn dedicated(&self) -> Result<tokio_postgres::Client, StoreError> {
        let config = &self.target.config;
        if let Some(tls) = &self.target.tls {
            let (client, connection) = config.connect(tls.clone()).await?;
            tokio::spawn(connection);
            return Ok(client);
        }
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(crate) async fn client(&self) -> Result<Lent, StoreError> {
        Ok(Lent::new(self.pool.get().await?, self.answer_max))
    }
}
