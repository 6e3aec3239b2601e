//! What every command starts from: the environment and the output's form.

use std::path::PathBuf;

use anyhow::Context as _;
use fetcher::FetcherConfig;
use runtime::telemetry::{self, Telemetry};
use runtime::{Clock, Env, trace};
use secrets::Vault;
use store::{Store, StoreConfig};

/// The environment, read once, and how to print.
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) json: bool,
    pub(crate) telemetry: Telemetry,
}

impl Context {
    /// `serves`: what the program is that goes on until it is told to end; its log and its traces are what people see of it.
    pub(crate) fn new(json: bool, serves: Option<&str>) -> anyhow::Result<Self> {
        let env = Env::from_process();
        let filter = serves.map_or(telemetry::FILTER_OF_COMMANDS, |_| telemetry::FILTER_DEFAULT);
        let traces = serves.map(|role| trace::Config::from_env(&env, role)).transpose()?.flatten();
        let telemetry = telemetry::init(&telemetry::Config::from_env(&env, filter)?, traces.as_ref());
        Ok(Self { env, json, telemetry })
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
