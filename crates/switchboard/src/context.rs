//! What every command starts from: the environment and the output's form.

use std::path::PathBuf;

use anyhow::Context as _;
use fetcher::FetcherConfig;
use runtime::{Clock, Env, telemetry};
use secrets::Vault;
use store::{Store, StoreConfig};

/// The environment, read once, and how to print.
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) json: bool,
}

impl Context {
    /// `serves`: the program goes on until it is told to end, and its log is what people see of it.
    pub(crate) fn new(json: bool, serves: bool) -> anyhow::Result<Self> {
        let env = Env::from_process();
        let filter = if serves { telemetry::FILTER_DEFAULT } else { telemetry::FILTER_OF_COMMANDS };
        telemetry::init(&telemetry::Config::from_env(&env, filter)?);
        Ok(Self { env, json })
    }

    /// The database, whatever its schema.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        self.store_for("command")
    }

    /// The same for a program of this name.
    pub(crate) fn store_for(&self, program: &str) -> anyhow::Result<Store> {
        Ok(Store::new(&StoreConfig::from_env(&self.env)?, program)?)
    }

    /// The database, with the schema this program needs.
    pub(crate) async fn migrated_store(&self) -> anyhow::Result<Store> {
        let store = self.store()?;
        store.check_schema().await?;
        Ok(store)
    }

    pub(crate) fn queue_config(&self) -> anyhow::Result<queue::Config> {
        Ok(queue::Config::from_env(&self.env)?)
    }

    /// Who gives the command, for those who read later what was done.
    pub(crate) fn operator(&self) -> String {
        let names = ["SWITCHBOARD_OPERATOR", "USER", "LOGNAME"];
        names.iter().find_map(|name| self.env.text(name)).unwrap_or_else(|| "unknown".to_owned())
    }

    pub(crate) fn key_file(&self) -> anyhow::Result<PathBuf> {
        let path = self.env.required("SWITCHBOARD_MASTER_KEY_FILE");
        Ok(PathBuf::from(path.context("make a key file with `switchboard key new FILE` and name it")?))
    }

    /// Failed attempts at a page before its run fails, if the fetchers have the same settings.
    pub(crate) fn attempts_max(&self) -> anyhow::Result<u32> {
        Ok(FetcherConfig::from_env(&self.env)?.attempts_max)
    }

    /// Failed attempts at a record's details before it is dead, likewise.
    pub(crate) fn detail_attempts_max(&self) -> anyhow::Result<i32> {
        Ok(FetcherConfig::from_env(&self.env)?.detail_attempts_max)
    }

    /// Where the secrets of credentials are kept.
    pub(crate) fn vault(&self) -> anyhow::Result<Vault> {
        Ok(Vault::from_env(&self.env, Clock::system())?)
    }
}
