//! The stand-in of Attention's API, as seen over a plain TCP connection.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test that called it")]

mod accounts;
mod changes;
mod client;
mod control;
mod faults;
mod paging;
mod rate;
mod strictness;
mod truth;

use jiff::Timestamp;
use simulator::{DocumentSize, Simulator, SimulatorConfig, WorkspaceSpec, World};

/// The vendor's clock in all tests.
fn now() -> Timestamp {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

async fn start(seed: u64) -> Simulator {
    let listen = "127.0.0.1:0".parse().unwrap();
    Simulator::start(SimulatorConfig { listen, seed, now: now() }).await.unwrap()
}

/// A simulator with the workspace `acme`, key `acme-key`.
async fn with_acme(conversations: u64) -> (Simulator, World) {
    let simulator = start(7).await;
    let world = simulator.world();
    world.add_workspace(acme(conversations)).unwrap();
    (simulator, world)
}

fn acme(conversations: u64) -> WorkspaceSpec {
    WorkspaceSpec { conversations, document_size: DocumentSize::Tiny, ..WorkspaceSpec::named("acme") }
}
