#![doc = include_str!("../README.md")]

pub mod budget;
pub mod claim_check;
mod config;
mod connect;
pub mod connection;
pub mod credential;
pub mod dead_letter;
mod error;
pub mod intake;
mod migrate;
pub mod outbox;
mod pool;
pub mod report;
pub mod run;
pub mod run_checkpoint;
pub mod run_claim;
pub mod run_plan;
pub mod run_settle;
pub mod stream;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;

pub use config::StoreConfig;
pub use error::StoreError;
pub use migrate::{SchemaState, migrate, schema_state};
pub use pool::Store;
pub use tx::{Speaker, Tx};
