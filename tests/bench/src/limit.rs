//! A vendor's limit: how much of it a backfill uses, and whether it is ever exceeded.

use std::time::Duration;

use simulator::{DocumentSize, Latency, RateLimit, Settings, WorkspaceSpec, World};
use tokio::time::{Instant, interval};

use crate::stage::{Stage, workspace_named};

/// What is counted, after the first second.
const MEASURED_S: u64 = 64;

/// When counting ends, in microseconds of the vendor's log.
const END_US: u64 = (MEASURED_S + 1) * 1_000_000;

/// Workspaces that are backfilled at the same time: name, requests a second, in flight.
const WORKSPACES: [(&str, usize, &str); 2] = [("default", 2, "2"), ("generous", 10, "8")];

/// What the vendor saw of one workspace.
pub(crate) struct Seen {
    pub(crate) requests_per_second: usize,
    pub(crate) used: f64,
    pub(crate) refused: u64,
}

/// Measures with so many fetchers.
pub(crate) async fn measure(fetchers: usize) -> anyhow::Result<Vec<Seen>> {
    let mut stage = Stage::set(&["scheduler", "normalizer", "steward"]).await?;
    for (name, requests, in_flight) in WORKSPACES {
        stage.add_tenant(limited(name, requests)).await;
        let options = ["--requests-per-second", &requests.to_string(), "--in-flight", in_flight];
        stage.stand.connect(name, &format!("{name}-key"), &options).await;
    }
    for _ in 0..fetchers {
        stage.start("fetcher").await;
    }
    stage.reach("fetching", "SELECT count(*) FROM intake", 10).await?;
    for (name, ..) in WORKSPACES {
        stage.stand.world().reset_log(name)?;
    }
    see_the_end(&stage.stand.world()).await?;
    let seen = WORKSPACES.iter().map(|(name, requests, _)| seen(&stage, name, *requests)).collect();
    stage.discard().await;
    seen
}

/// Waits until every workspace was asked after the time that is counted.
async fn see_the_end(world: &World) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(2 * MEASURED_S);
    let mut second = interval(Duration::from_secs(1));
    for (name, ..) in WORKSPACES {
        while world.requests(name)?.last().is_none_or(|request| request.at_us < END_US) {
            anyhow::ensure!(Instant::now() < deadline, "{name} is not asked any more");
            second.tick().await;
        }
    }
    Ok(())
}

/// Enough work for the whole time, and a vendor that counts strictly and answers within 300 ms.
fn limited(name: &str, requests: usize) -> WorkspaceSpec {
    let rate_limit = Some(RateLimit { requests, window_ms: 1000, retry_after_s: None });
    let latency = Latency { min_ms: 20, max_ms: 300 };
    let documents = 2 * MEASURED_S * requests as u64;
    WorkspaceSpec {
        settings: Settings { rate_limit, latency, ..Settings::default() },
        ..workspace_named(name, DocumentSize::Small, documents)
    }
}

fn seen(stage: &Stage, name: &str, requests_per_second: usize) -> anyhow::Result<Seen> {
    let world = stage.stand.world();
    let refused = world.stats(name)?.refused;
    let requests = world.requests(name)?;
    let within = requests.iter().filter(|request| (1_000_000..END_US).contains(&request.at_us)).count();
    let allowed = MEASURED_S as f64 * requests_per_second as f64;
    Ok(Seen { requests_per_second, used: within as f64 / allowed, refused })
}
