//! Gives a role what it needs, and runs it until the process is told to end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fetcher::{FetcherConfig, FetcherMetrics};
use normalizer::{NormalizerConfig, NormalizerMetrics};
use prometheus::Registry;
use queue::Broker;
use runtime::{Backoff, Clock, Door, Health, Shutdown, retry_until, run_until_signal, serve_health};
use scheduler::{SchedulerConfig, SchedulerMetrics};
use steward::{StewardConfig, StewardMetrics};
use store::{Store, StoreError};

use crate::context::Context;
use crate::settings;

/// How often the database is looked at while roles run.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// A look that takes longer has failed: a server that hangs answers nothing at all.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// A role of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Scheduler,
    Fetcher,
    Normalizer,
    Steward,
}

impl Role {
    pub(crate) const ALL: &'static [Self] =
        &[Self::Scheduler, Self::Fetcher, Self::Normalizer, Self::Steward];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Fetcher => "fetcher",
            Self::Normalizer => "normalizer",
            Self::Steward => "steward",
        }
    }
}

/// What the roles of a process share.
struct Shared {
    store: Store,
    broker: Broker,
    registry: Registry,
    health: Health,
}

/// Runs roles in this process until SIGTERM or SIGINT; what they hold is finished or handed back within the grace.
pub(crate) async fn run(context: &Context, roles: &[Role]) -> anyhow::Result<ExitCode> {
    settings::warn_of_unknown(&context.env);
    let name = if roles.len() == 1 { roles[0].as_str() } else { "all" };
    let shutdown = Shutdown::new();
    context.telemetry.listen(shutdown.clone()).context("cannot listen for signals")?;
    let (health, registry) = (Health::new(), Registry::new());
    let shared = Shared {
        store: context.store_for(name)?,
        broker: Broker::open(&context.queue_config()?, name, &health),
        registry,
        health,
    };
    let ended = serve_and_work(context, &shared, name, roles, shutdown).await;
    // in any case: a link to the broker that is dropped half-way panics
    shared.broker.close().await;
    context.telemetry.end().await;
    ended?;
    tracing::info!(role = name, "ended");
    Ok(ExitCode::SUCCESS)
}

async fn serve_and_work(
    context: &Context,
    shared: &Shared,
    name: &str,
    roles: &[Role],
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let grace = runtime::grace(&context.env)?;
    let listen = context.env.parse("SWITCHBOARD_LISTEN", std::net::SocketAddr::from(([127, 0, 0, 1], 0)))?;
    // before anybody can ask: who has no door yet would be called ready, and who has no number yet would show none
    let database = shared.health.door("database");
    let prepared = roles.iter().map(|role| prepare(context, shared, *role, shutdown.clone()));
    let prepared = prepared.collect::<anyhow::Result<Vec<_>>>()?;
    let server = serve_health(listen, shared.health.clone(), shared.registry.clone(), shutdown.clone())
        .await
        .with_context(|| format!("cannot listen on {listen} (SWITCHBOARD_LISTEN)"))?;
    tracing::info!(role = name, address = %server.address, "started");
    run_until_signal(grace, shutdown.clone(), work(shared, database, prepared, shutdown)).await
}

async fn work(
    shared: &Shared,
    database: Door,
    prepared: Vec<Running>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    if !await_doors(shared, &database, &shutdown).await {
        return Ok(());
    }
    let mut running = tokio::task::JoinSet::new();
    running.spawn(keep_looking(shared.store.clone(), database, shutdown));
    for role in prepared {
        running.spawn(role);
    }
    while let Some(ended) = running.join_next().await {
        ended.context("a role ended by a bug")??;
    }
    Ok(())
}

/// Roles start in any order: each waits for a database and a broker that are not there or not migrated yet.
async fn await_doors(shared: &Shared, database: &Door, shutdown: &Shutdown) -> bool {
    let checked = retry_until(shutdown, Backoff::RECONNECT, "looking for the schema", async || {
        let looked = look_at_database(&shared.store, database).await;
        if let Err(error @ StoreError::SchemaNewer { .. }) = looked {
            tracing::warn!(%error, "going on with a newer schema");
            return Ok(());
        }
        looked
    });
    checked.await.is_some() && shared.broker.await_topology(shutdown).await
}

/// Says at its door how the database is: a role may have nothing to ask of it for hours.
async fn keep_looking(store: Store, door: Door, shutdown: Shutdown) -> anyhow::Result<()> {
    let looking = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = look_at_database(&store, &door).await {
                tracing::debug!(%error, "looked at the database");
            }
        }
    };
    tokio::select! {
        () = shutdown.begun() => Ok(()),
        () = looking => Ok(()),
    }
}

async fn look_at_database(store: &Store, door: &Door) -> Result<(), StoreError> {
    let looked = tokio::time::timeout(LOOK_LIMIT, store.check_schema()).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("no answer within {} s", LOOK_LIMIT.as_secs())))
    });
    match &looked {
        // during a rolling deploy old programs run on the new schema
        Ok(()) | Err(StoreError::SchemaNewer { .. }) => door.opened(),
        Err(error) => door.closed(error.to_string()),
    }
    looked
}

type Running = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

fn prepare(context: &Context, shared: &Shared, role: Role, shutdown: Shutdown) -> anyhow::Result<Running> {
    let Shared { store, broker, registry, health } = shared;
    let (store, broker, health) = (store.clone(), broker.clone(), health.clone());
    let (env, publisher) = (&context.env, broker.publisher());
    Ok(match role {
        Role::Scheduler => {
            let metrics = Arc::new(SchedulerMetrics::register(registry)?);
            let config = SchedulerConfig::from_env(env)?;
            Box::pin(scheduler::run(scheduler::Deps { store, publisher, config, metrics, health }, shutdown))
        }
        Role::Fetcher => {
            let metrics = Arc::new(FetcherMetrics::register(registry)?);
            let config = FetcherConfig::from_env(env)?;
            let (vault, clock) = (Arc::new(context.vault()?), Clock::system());
            let worker = worker_name(context);
            let deps = fetcher::Deps { store, broker, publisher, vault, config, metrics, clock, worker };
            Box::pin(fetcher::run(deps, shutdown))
        }
        Role::Normalizer => {
            let metrics = Arc::new(NormalizerMetrics::register(registry)?);
            let config = NormalizerConfig::from_env(env)?;
            Box::pin(normalizer::run(normalizer::Deps { store, broker, config, metrics }, shutdown))
        }
        Role::Steward => {
            let config = StewardConfig::from_env(env)?;
            let metrics = Arc::new(StewardMetrics::register(registry, config.tenant_labels)?);
            let clock = Clock::system();
            Box::pin(steward::run(steward::Deps { store, broker, config, metrics, clock }, shutdown))
        }
    })
}

/// Tells processes apart in claims and dead letters: the pod's name, or the machine's, and the process id.
fn worker_name(context: &Context) -> String {
    let host = context.env.text("HOSTNAME").unwrap_or_else(|| "localhost".to_owned());
    format!("{host}/{}", std::process::id())
}
