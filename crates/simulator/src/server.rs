//! Life of a simulator.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::SimulatorError;
use crate::wire::{Connection, ResettableListener};
use crate::world::World;
use crate::{attention, control, gong, google, hubspot, salesforce};

/// How long a client may keep reading an answer after the stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Where Google's metadata server hands out tokens.
const METADATA_TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// Where a simulator listens and what it is made from.
#[derive(Debug, Clone, Copy)]
pub struct SimulatorConfig {
    /// The address; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Everything random comes from here.
    pub seed: u64,
    /// The vendor's clock.
    pub now: Timestamp,
}

/// A running stand-in of the vendors' APIs; dropped, it stops without waiting.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    world: World,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// What handlers need.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) world: World,
    pub(crate) shutdown: CancellationToken,
}

impl App {
    /// Waits, but not beyond the stop.
    pub(crate) async fn wait(&self, delay: Duration) {
        if !delay.is_zero() {
            let _ = tokio::time::timeout(delay, self.shutdown.cancelled()).await;
        }
    }
}

impl Simulator {
    /// Starts a simulator with an empty world.
    pub async fn start(config: SimulatorConfig) -> Result<Self, SimulatorError> {
        Self::start_with(config.listen, World::new(config.seed, config.now)).await
    }

    /// Starts a simulator for a world that is there already: the vendor is back after an outage.
    pub async fn start_with(listen: SocketAddr, world: World) -> Result<Self, SimulatorError> {
        let failed = |source| SimulatorError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shutdown = CancellationToken::new();
        let app = App { world: world.clone(), shutdown: shutdown.clone() };
        let serving = tokio::spawn(serve(ResettableListener(listener), app));
        Ok(Self { address, world, shutdown, serving })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the vendor's documentation calls the base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v2", self.address)
    }

    /// Gong's base URL.
    pub fn gong_url(&self) -> String {
        format!("http://{}/gong", self.address)
    }

    /// Where HubSpot's API is.
    pub fn hubspot_url(&self) -> String {
        format!("http://{}/hubspot", self.address)
    }

    /// Where the API of Salesforce's organizations is.
    pub fn salesforce_url(&self) -> String {
        format!("http://{}/salesforce", self.address)
    }

    /// Where Google's Secret Manager is.
    pub fn google_url(&self) -> String {
        format!("http://{}/google", self.address)
    }

    /// Where Google's Secret Manager is for one region, which stands in the place of `{location}`.
    pub fn google_regional_url(&self) -> String {
        format!("{}/in/{{location}}", self.google_url())
    }

    /// The key file of Google's service account.
    pub fn google_key_file(&self) -> String {
        google::SecretManager::key_file(&format!("{}/token", self.google_url()))
    }

    /// Where the control endpoints are.
    pub fn control_url(&self) -> String {
        format!("http://{}/_control", self.address)
    }

    /// The world, to be asked and changed.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Stops; hanging answers are given up.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if tokio::time::timeout(DRAIN, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn serve(listener: ResettableListener, app: App) {
    let shutdown = app.shutdown.clone();
    let router = Router::new()
        .nest("/_control", control::router())
        .route("/google/token", any(google::service_account_token))
        .nest("/google", Router::new().fallback(google::answer))
        .route(METADATA_TOKEN, get(google::metadata_token))
        .nest("/gong", Router::new().fallback(gong::answer))
        .nest("/hubspot", Router::new().fallback(hubspot::answer))
        .nest("/salesforce", Router::new().fallback(salesforce::answer))
        .fallback(attention::answer)
        .with_state(app)
        .into_make_service_with_connect_info::<Connection>();
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "simulator failed");
    }
}
