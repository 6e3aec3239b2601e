#![doc = include_str!("../README.md")]

pub mod account;
mod any_name;
pub mod budget;
pub mod claim_check;
mod config;
mod connect;
pub mod connection;
pub mod conversation;
pub mod conversation_write;
pub mod credential;
pub mod crm;
pub mod dead_letter;
pub mod desk_action;
pub mod directory;
mod error;
pub mod heartbeat;
pub mod intake;
pub mod invariant;
mod lent;
pub mod meeting;
mod migrate;
pub mod outbox;
mod pool;
pub mod replay;
pub mod report;
pub mod resolve;
pub mod run;
pub mod run_checkpoint;
pub mod run_claim;
pub mod run_plan;
pub mod run_settle;
pub mod stop;
pub mod stream;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;
mod tx;
pub mod unmatched;
pub mod user;
pub mod vanish;

pub use config::{SliceLength, StoreConfig};
pub use error::StoreError;
pub use migrate::{SchemaState, migrate, schema_state};
pub use pool::Store;
pub use tx::{Speaker, Tx};
