#![doc = include_str!("../README.md")]

mod batch;
mod broker;
mod config;
mod consume;
mod declare;
mod delivery;
mod divert;
mod error;
mod fingerprint;
mod headers;
mod link;
mod outcome;
mod permissions;
mod publisher;
mod subscription;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;

pub use batch::{BatchConsumer, BatchLimits};
pub use broker::Broker;
pub use config::Config;
pub use consume::{ConsumerConfig, consume};
pub use declare::{QueueDepth, declare, depths, depths_or_missing};
pub use delivery::{Delivery, Source};
pub use divert::ATTEMPTS_MAX;
pub use error::QueueError;
pub use fingerprint::fingerprint;
pub use headers::JobHeaders;
pub use outcome::JobError;
pub use permissions::{PERMISSIONS, Permissions};
pub use publisher::{Outgoing, Publisher};
pub use topology::WorkQueue;
