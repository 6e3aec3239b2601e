#![doc = include_str!("../README.md")]

mod clock;
mod env;
pub mod failpoint;
mod health;
mod in_flight;
mod lifecycle;
mod memory;
mod numbers;
mod retry;
mod serve;
mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod trace;

pub use clock::Clock;
pub use env::{Env, EnvError};
pub use health::{Door, Health};
pub use in_flight::InFlight;
pub use lifecycle::{LifecycleError, grace, run_until_signal};
pub use memory::keep_memory_private;
pub use numbers::Numbers;
pub use retry::{Backoff, retry_until};
pub use serve::{HealthServer, serve_health};
pub use shutdown::Shutdown;

/// Chooses the cryptography of every TLS connection of the process. Called first thing in `main`, and harmless when
/// called again: with two providers in the tree rustls would not choose by itself and panic at the first handshake.
pub fn install_crypto_provider() {
    let already_chosen = rustls::crypto::ring::default_provider().install_default().is_err();
    tracing::trace!(already_chosen, "chose the crypto provider");
}
