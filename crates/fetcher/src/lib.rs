#![doc = include_str!("../README.md")]

mod ask;
mod circuit;
mod claim;
mod conclude;
mod config;
mod day;
mod dead;
mod details;
mod follow_up;
mod handle;
mod metrics;
mod page;
mod permit;
mod probe;
mod publish;
mod records;
mod source;
mod users;

use std::convert::Infallible;
use std::sync::Arc;

use model::Lane;
use queue::{Broker, Publisher, WorkQueue};
use runtime::{Clock, Shutdown};
use secrets::Vault;
use store::Store;
use vendors::VendorHttp;

pub use config::FetcherConfig;
use day::Days;
pub use metrics::FetcherMetrics;
use permit::Lines;
use source::Answers;
pub use source::ask_for_tokens;

/// What a fetcher needs.
#[derive(Clone)]
pub struct Deps {
    /// The ledger.
    pub store: Store,
    /// Where nudges come from.
    pub broker: Broker,
    /// Where documents and nudges go.
    pub publisher: Publisher,
    /// Where the secrets of credentials are.
    pub vault: Arc<Vault>,
    /// Settings.
    pub config: FetcherConfig,
    /// Numbers of this process.
    pub metrics: Arc<FetcherMetrics>,
    /// Says when something failed, in dead letters; never takes part in what is due.
    pub clock: Clock,
    /// Name of this process in claims and dead letters.
    pub worker: String,
}

/// What every step of this process shares.
struct Shared {
    deps: Deps,
    http: VendorHttp,
    answers: Answers,
    lines: Lines,
    days: Days,
    shutdown: Shutdown,
    /// Begins when pages under way are to be handed back, for the process ends soon.
    handback: Shutdown,
}

/// Takes nudges from both lanes, probes marked keys and vendors that are away until the shutdown begins; pages under way are finished, or handed back where the grace is too short for that.
pub async fn run(deps: Deps, shutdown: Shutdown) -> anyhow::Result<()> {
    let http = VendorHttp::new(&deps.config.http)?;
    let shared = Arc::new(Shared {
        deps,
        http,
        answers: Answers::default(),
        lines: Lines::default(),
        days: Days::default(),
        shutdown: shutdown.clone(),
        handback: Shutdown::new(),
    });
    let work = async {
        tokio::join!(
            handle::consume(Arc::clone(&shared), WorkQueue::fetch(Lane::Live), &shutdown),
            handle::consume(Arc::clone(&shared), WorkQueue::fetch(Lane::Backfill), &shutdown),
            probe::keep_probing(&shared),
            circuit::keep_asking(&shared),
        )
    };
    tokio::select! {
        _ = work => Ok(()),
        never = hand_back_in_time(&shared) => match never {},
    }
}

/// Pages under way go on when the shutdown has begun, for as long as the grace has room for one more request.
async fn hand_back_in_time(shared: &Shared) -> Infallible {
    shared.shutdown.begun().await;
    tokio::time::sleep(shared.deps.config.pages_end_within).await;
    shared.handback.begin();
    std::future::pending().await
}
